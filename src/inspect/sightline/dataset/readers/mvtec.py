"""The layout of MVTec AD: parts, classes inside them, and masks of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightline.config.readers import MvtecReader
from sightline.dataset.readers.layout import Layout, counted, images, listed, logger, subfolders
from sightline.errors import DataError
from sightline.index import GOOD, Sample, Split

_PARTS = ("train", "validation", "test")
_MASKS = "ground_truth"


class Mvtec(Layout[MvtecReader]):
    """``train/good``, ``test/<defect>`` and ``ground_truth/<defect>/<name>_mask.png``.

    Any class may stand in any part, so that this reads every set whose classes lie inside ``train`` and ``test``.
    """

    def rows(self) -> Iterator[Sample]:
        """Finds the images, each labelled with its folder inside the part; ``test`` is the test part if kept."""
        parts = [part for part in _PARTS if (self.root / part).is_dir()]
        if not parts:
            raise DataError(
                f"expected the folders train and test in {self.root}, found {listed(subfolders(self.root))}",
                hint="The root is the folder of one product: the one that holds train and test.",
            )
        masks = self._masks()
        bare = 0
        for part in parts:
            split = Split.TEST if part == "test" and self.settings.keep_split else None
            for path in images(self.root / part):
                _, label, *inner = self._inside(path)
                mask = masks.get((label, *inner[:-1], path.stem))
                bare += part == "test" and label != GOOD and mask is None
                yield Sample(path=self.relative(path), labels=(label,), mask=mask, split=split)
        if masks and bare:
            logger.warning("%s in %s without a mask", counted(bare, "defective image"), self.root / "test")

    def _inside(self, path: Path) -> tuple[str, ...]:
        parts = path.relative_to(self.root).parts
        if len(parts) < 3:
            raise DataError(
                f"expected a folder per class in {path.parent}, found the image {path.name}",
                hint=f"Put it into a class folder, {parts[0]}/{GOOD} say.",
            )
        return parts

    def _masks(self) -> dict[tuple[str, ...], str]:
        """Masks by class, inner folders and the image's name without its suffix."""
        folder = self.root / _MASKS
        if not folder.is_dir():
            return {}
        return {
            (*path.relative_to(folder).parts[:-1], path.stem.removesuffix("_mask")): self.relative(path)
            for path in images(folder)
        }

    @classmethod
    def detect(cls, root: Path) -> MvtecReader | None:
        """Fits if classes lie inside ``train`` and ``test``."""
        if not all(any(images(root / part / name)) for part in ("train", "test") for name in subfolders(root / part)):
            return None
        return MvtecReader(kind="mvtec") if subfolders(root / "train") and subfolders(root / "test") else None
