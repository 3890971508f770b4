"""The layout of MVTec AD and its kin: parts, classes inside them, and masks of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightline.config.readers import MvtecReader
from sightline.dataset.readers.layout import Layout, counted, images, listed, logger, subfolders
from sightline.errors import DataError
from sightline.index import GOOD, Sample, Split

_AD: dict[str, Split | None] = {"train": Split.TRAIN, "validation": None, "test": Split.TEST}

# The good parts that MVTec AD 2 holds out say how high good parts score, which is what the calibrate part is for. Its
# private test parts are published without labels, so nothing is read from them.
_AD_2: dict[str, Split | None] = {"train": Split.TRAIN, "validation": Split.CALIBRATE, "test_public": Split.TEST}

_MASKS = "ground_truth"
_NO_MASK = frozenset({GOOD, "ok"})  # what the sets call their good parts, which have no mask


class Mvtec(Layout[MvtecReader]):
    """``train/good``, ``test/<defect>`` and ``ground_truth/<defect>/<name>_mask.png``.

    Any class may stand in any part, so that this reads every set whose classes lie inside ``train`` and ``test``: BTAD
    (Mishra et al. 2021) too, whose masks have the image's own name. MVTec AD 2 (Heckler-Kram et al. 2025) calls its
    test part ``test_public`` and keeps the masks inside; a number there is one scene under several lights, which
    belong together.
    """

    def rows(self) -> Iterator[Sample]:
        """Finds the images, each labelled with its folder inside the part; the parts are upstream's if kept."""
        second = _is_second(self.root)
        parts = {part: split for part, split in (_AD_2 if second else _AD).items() if (self.root / part).is_dir()}
        if not parts:
            raise DataError(
                f"expected the folders train and test in {self.root}, found {listed(subfolders(self.root))}",
                hint="The root is the folder of one product: the one that holds train and test.",
            )
        tests = self.root / ("test_public" if second else "test")
        masks = self._masks((tests if second else self.root) / _MASKS)
        bare = 0
        for part, split in parts.items():
            for path in images(self.root / part):
                _, label, *inner = self._inside(path)
                if label == _MASKS:
                    continue
                mask = masks.get((label, *inner[:-1], path.stem))
                bare += split is Split.TEST and label.casefold() not in _NO_MASK and mask is None
                yield Sample(
                    path=self.relative(path),
                    labels=(label,),
                    mask=mask,
                    group=f"{part}/{label}/{path.stem.partition('_')[0]}" if second else "",
                    split=split if self.settings.keep_split else None,
                )
        if masks and bare:
            logger.warning("%s in %s without a mask", counted(bare, "defective image"), tests)

    def _inside(self, path: Path) -> tuple[str, ...]:
        parts = path.relative_to(self.root).parts
        if len(parts) < 3:
            raise DataError(
                f"expected a folder per class in {path.parent}, found the image {path.name}",
                hint=f"Put it into a class folder, {parts[0]}/{GOOD} say.",
            )
        return parts

    def _masks(self, folder: Path) -> dict[tuple[str, ...], str]:
        """Masks by class, inner folders and the image's name without its suffix."""
        if not folder.is_dir():
            return {}
        return {
            (*path.relative_to(folder).parts[:-1], path.stem.removesuffix("_mask")): self.relative(path)
            for path in images(folder)
        }

    @classmethod
    def detect(cls, root: Path) -> MvtecReader | None:
        """Fits if classes lie inside ``train`` and ``test``, or ``test_public``."""
        parts = [root / "train", root / ("test_public" if _is_second(root) else "test")]
        if not all(any(images(part / name)) for part in parts for name in subfolders(part)):
            return None
        return MvtecReader(kind="mvtec") if all(subfolders(part) for part in parts) else None


def _is_second(root: Path) -> bool:
    return (root / "test_public").is_dir()
