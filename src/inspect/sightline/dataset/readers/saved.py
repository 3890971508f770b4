"""An index that was saved before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sightline.config.explain import shown
from sightline.config.readers import IndexReader
from sightline.dataset.readers.layout import Layout, clean_path
from sightline.errors import DataError
from sightline.index import Index, Sample


class Saved(Layout[IndexReader]):
    """An index file with all that it holds, splits too; its paths are relative to the root that it states.

    The root may lie anywhere. A path that leads out of it is refused, as in every other annotation file: an index that
    came from elsewhere names no other files of this machine, and all that it names moves with the root.
    """

    def __init__(self, root: Path, settings: IndexReader) -> None:
        self._file = root / settings.file
        self._index = Index.load(self._file)
        super().__init__(self._index.root, settings)

    def rows(self) -> Iterable[Sample]:
        """The rows as they were saved."""
        if not self._index.samples:
            raise DataError(f"{self._file}: expected a row for each image, found only the header")
        for sample in self._index.samples:
            for path in filter(None, (sample.path, sample.mask, sample.template)):
                clean_path(path, self.root.absolute(), where=f"{self._file}, {shown(path)}")
        return self._index.samples

    @classmethod
    def detect(cls, root: Path) -> IndexReader | None:
        """Fits if there is a file of the usual name."""
        settings = IndexReader(kind="index")
        return settings if (root / settings.file).is_file() else None
