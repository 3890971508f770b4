"""An index that was saved before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sightline.config.recipe import IndexReader
from sightline.dataset.readers.layout import Layout
from sightline.index import Index, Sample


class Saved(Layout[IndexReader]):
    """An index file with all that it holds, splits too; its paths are relative to the root that it states."""

    def __init__(self, root: Path, settings: IndexReader) -> None:
        self._index = Index.load(root / settings.file)
        super().__init__(self._index.root, settings)

    def rows(self) -> Iterable[Sample]:
        """The rows as they were saved."""
        return self._index.samples

    @classmethod
    def detect(cls, root: Path) -> IndexReader | None:
        """Fits if there is a file of the usual name."""
        settings = IndexReader(kind="index")
        return settings if (root / settings.file).is_file() else None
