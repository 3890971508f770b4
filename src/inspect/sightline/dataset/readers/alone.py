"""Images of good parts and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightline.config.readers import GoodReader
from sightline.dataset.readers.layout import Layout, images
from sightline.index import GOOD, Sample


class GoodAlone(Layout[GoodReader]):
    """Every image below the root is of a good part, whatever its folder is called."""

    def rows(self) -> Iterator[Sample]:
        """Finds the images."""
        for path in images(self.root):
            yield Sample(path=self.relative(path), labels=(GOOD,))

    @classmethod
    def detect(cls, root: Path) -> GoodReader | None:  # noqa: ARG003 - as every layout
        """Never fits by itself: that parts are good is for a person to say."""
        return None
