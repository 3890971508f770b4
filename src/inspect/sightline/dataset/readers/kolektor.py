"""The layouts of KolektorSDD and KolektorSDD2: a mask beside each image, and no other label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sightline import image
from sightline.config.readers import KolektorReader
from sightline.dataset.readers.elpv import DEFECTIVE
from sightline.dataset.readers.layout import Layout, counted, images, listed, logger, subfolders
from sightline.errors import DataError
from sightline.image import SUFFIXES
from sightline.index import Sample, Split

_ENDINGS = ("_label", "_GT")  # of a mask's name: KolektorSDD's, KolektorSDD2's
_PARTS = {"train": Split.TRAIN, "test": Split.TEST}


class Kolektor(Layout[KolektorReader]):
    """``kos01/Part0.jpg`` with ``Part0_label.bmp``, or ``train/10000.png`` with ``10000_GT.png``.

    A folder is one item whose sides the images show, which belong together (KolektorSDD, Tabernik et al. 2020), or it
    is the train or test part (KolektorSDD2, Božič et al. 2021).
    """

    def rows(self) -> Iterator[Sample]:
        """Finds the images; one is defective if its mask has a pixel that is not zero. The masks are decoded."""
        for name in subfolders(self.root):
            files = list(images(self.root / name))
            masks = {_shown_by(path): path for path in files if _is_mask(path)}
            pictures = {path: path.with_suffix("") for path in files if not _is_mask(path)}
            self._refuse_lonely([masks[key] for key in masks.keys() - pictures.values()])
            bare = [self.relative(path) for path, key in pictures.items() if key not in masks]
            if bare:  # KolektorSDD2 comes with a stray copy of an image and of its mask
                logger.warning("left out, for no mask tells what they show: %s", listed(bare))
            for path, key in pictures.items():
                if key in masks:
                    yield self._row(path, masks[key], name)

    def _refuse_lonely(self, masks: Sequence[Path]) -> None:
        if masks:
            names = sorted(self.relative(path) for path in masks)
            raise DataError(
                f"{counted(len(names), 'mask')} in {self.root} without an image: {listed(names, 3)}",
                hint="Bring the images back, or remove the masks.",
            )

    def _row(self, path: Path, mask: Path, folder: str) -> Sample:
        name = self.relative(mask)
        defective = bool(image.read_mask(mask, name=name).any())
        return Sample(
            path=self.relative(path),
            labels=(DEFECTIVE,) if defective else (),
            mask=name if defective else None,
            group="" if folder in _PARTS else folder,
            split=_PARTS.get(folder) if self.settings.keep_split else None,
        )

    @classmethod
    def detect(cls, root: Path) -> KolektorReader | None:
        """Fits if there are masks with these names in ``train`` or ``test``, or in folders ``kos...``."""
        folders = (root / name for name in subfolders(root) if name in _PARTS or name.startswith("kos"))
        files = (path for folder in folders for path in folder.iterdir())
        fits = any(_is_mask(path) and path.suffix.lower() in SUFFIXES for path in files)
        return KolektorReader(kind="kolektor") if fits else None


def _is_mask(path: Path) -> bool:
    return path.stem.endswith(_ENDINGS)


def _shown_by(mask: Path) -> Path:
    """Where the image of a mask lies, without a suffix."""
    ending = next(ending for ending in _ENDINGS if mask.stem.endswith(ending))
    return mask.with_name(mask.stem.removesuffix(ending))
