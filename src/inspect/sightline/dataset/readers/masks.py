"""A folder of images per class, or one for all, with a mask of the same name for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sightline import image
from sightline.config.readers import MasksReader
from sightline.dataset.readers.layout import Layout, clean_path, counted, listed, logger, subfolders
from sightline.errors import DataError
from sightline.image import SUFFIXES
from sightline.index import Sample

_CLASS = "{class}"
_LOOKED_AT = 8
_BETWEEN = 0.02  # share of a mask's pixels that may lie between black and white

_BESIDE = tuple(
    MasksReader(kind="masks", images=_CLASS, image_suffix=image_suffix, mask_suffix=mask_suffix)
    for image_suffix in (".jpg", ".jpeg", ".bmp", ".png")
    for mask_suffix in ("_mask.png", ".png")
    if image_suffix != mask_suffix
)
"""Masks beside the images of a folder per class: only if they look like masks, for they may be pictures, too."""

_KNOWN = (
    MasksReader(kind="masks"),
    *(
        MasksReader(
            kind="masks",
            images="images/{class}",
            masks="masks/{class}",
            image_suffix=image_suffix,
            mask_suffix=mask_suffix,
        )
        for image_suffix in (".png", ".jpg")
        for mask_suffix in ("_mask.png", ".png")
    ),
)


class Masks(Layout[MasksReader]):
    """Images and masks found by two patterns in which ``{class}`` stands for the class.

    Where the masks hold class numbers (``values``), these tell what an image shows, and ``{class}`` stands for any
    folder; an image without a mask is good then. Otherwise no mask is decoded.
    """

    def rows(self) -> Iterator[Sample]:
        """Finds the images, each labelled by its folder, or by its mask's values, and with its mask if it has one."""
        classes = self.classes()
        if not classes:
            raise DataError(
                f"expected folders like {self.settings.images} in {self.root}, found {listed(subfolders(self.root))}",
                hint="State where a class's images lie in `data.reader.images`; `{class}` stands for its name.",
            )
        found = [(label, self._told_pairs(label, folder)) for label, folder in classes]
        if self.settings.values and not any(mask for _, pairs in found for _, mask in pairs):
            raise DataError(
                f"expected masks like {self.settings.masks}/*{self.settings.mask_suffix} in {self.root}, for they tell "
                "what the images show; found none that goes with an image",
                hint="State where the masks lie in `data.reader.masks`, and how their names end in `mask_suffix`.",
            )
        self._tell_of_strays([path for _, pairs in found for pair in pairs for path in pair if path])
        for label, pairs in found:
            yield from (self._row(label, path, mask) for path, mask in pairs)

    def _told_pairs(self, label: str, folder: Path) -> list[tuple[Path, Path | None]]:
        pairs = self.pairs(label, folder)
        bare = [path.name for path, mask in pairs if mask is None]
        if not pairs:
            logger.warning("the class folder %s holds no image that ends in %s", folder, self.settings.image_suffix)
        elif bare and (self.settings.values or len(bare) < len(pairs)):  # a class without any may be the good one
            of = f"{len(bare):,} of {counted(len(pairs), 'image')}"
            meaning = ", which therefore count as good" if self.settings.values else ""
            logger.warning("%s: %s without a mask%s: %s", folder, of, meaning, listed(bare, 3))
        return pairs

    def _tell_of_strays(self, used: Sequence[Path]) -> None:
        """Names masks that go with no image: refuses them where a mask tells what an image shows, else warns.

        Raises:
            DataError: There are some, and the images that they belong to would count as good.
        """
        beside, ending = self.settings.images == self.settings.masks, self.settings.mask_suffix.lower()
        folders = dict.fromkeys(self._masks_of(label) for label, _ in self.classes())
        files = [(name, path) for folder in folders for name, path in _files(folder).items()]
        like = [
            path for name, path in files if name.endswith(ending) or (not beside and path.suffix.lower() in SUFFIXES)
        ]
        strays = sorted(self.relative(path) for path in set(like).difference(used))
        if strays and self.settings.values:
            raise DataError(
                f"{counted(len(strays), 'mask')} in {self.root} that no image goes with: {listed(strays, 3)}",
                hint="Mend the names, bring the images back, or remove the masks: the mask of "
                f"NAME{self.settings.image_suffix} is NAME{self.settings.mask_suffix}, and an image without one would "
                "count as good.",
            )
        if strays:
            logger.warning("%s that no image goes with, left out: %s", counted(len(strays), "mask"), listed(strays, 3))

    def _masks_of(self, label: str) -> Path:
        pattern = clean_path(self.settings.masks, self.root, where="data.reader.masks")
        return self.root / pattern.replace(_CLASS, label)

    def _row(self, label: str, path: Path, mask: Path | None) -> Sample:
        name, told = self.relative(path), self.relative(mask) if mask else None
        if not self.settings.values:
            return Sample(path=name, labels=(label,), mask=told)
        values = self._values(mask) if mask else {}
        return Sample(path=name, labels=tuple(sorted({*values.values()})), mask=told, mask_values=values)

    def _values(self, mask: Path) -> dict[int, str]:
        """The values that occur in a mask, with their types.

        Raises:
            DataError: One of them is no class.
        """
        name = self.relative(mask)
        occurring = [int(value) for value in np.unique(image.read_values(mask, name=name)) if value]
        strange = [str(value) for value in occurring if value not in self.settings.values]
        if strange:
            known = ", ".join(f"{value} ({label})" for value, label in sorted(self.settings.values.items()))
            raise DataError(
                f"{name}: no class has the value {listed(strange, 3)}; expected 0 and {known}",
                hint="Name every value in `data.reader.values`; if the masks are black and white, leave `values` away.",
            )
        return {value: self.settings.values[value] for value in occurring}

    def classes(self) -> list[tuple[str, Path]]:
        """The classes and the folders of their images; the part of the pattern with ``{class}`` is looked up."""
        if _CLASS not in self.settings.images:
            return [("", self.folder(self.settings.images))]
        parts = clean_path(self.settings.images, self.root, where="data.reader.images").split("/")
        place = next(index for index, part in enumerate(parts) if _CLASS in part)
        shape = re.compile("(.+)".join(re.escape(text) for text in parts[place].split(_CLASS)))
        above = self.root.joinpath(*parts[:place])
        matches = [match for name in subfolders(above) if (match := shape.fullmatch(name))]
        folders = [(match[1], above.joinpath(match[0], *parts[place + 1 :])) for match in matches]
        return [(label, folder) for label, folder in folders if folder.is_dir()]

    def pairs(self, label: str, folder: Path) -> list[tuple[Path, Path | None]]:
        """The images of a class, each with its mask if there is one."""
        masks = _files(self._masks_of(label))
        ending, mask_ending = self.settings.image_suffix.lower(), self.settings.mask_suffix.lower()
        # Where both share a folder and an ending (a.png, a_mask.png), a mask is no image.
        no_image = mask_ending if self.settings.images == self.settings.masks and mask_ending.endswith(ending) else None
        found = {name: path for name, path in _files(folder).items() if name.endswith(ending)}
        kept = {name: path for name, path in found.items() if no_image is None or not name.endswith(no_image)}
        return [(path, masks.get(name.removesuffix(ending) + mask_ending)) for name, path in kept.items()]

    @classmethod
    def detect(cls, root: Path) -> MasksReader | None:
        """Fits if class folders hold images and there are masks with their names."""
        for settings in _KNOWN:
            layout = cls(root, settings)
            if any(mask for label, folder in layout.classes() for _, mask in layout.pairs(label, folder)):
                return settings
        for settings in _BESIDE:
            layout = cls(root, settings)
            found = [layout.pairs(label, folder) for label, folder in layout.classes()]
            masks = [mask for pairs in found for _, mask in pairs if mask]
            if found and all(found) and masks and all(map(_looks_like_a_mask, masks[:_LOOKED_AT])):
                return settings
        return None


def _looks_like_a_mask(path: Path) -> bool:
    """Whether a picture has no more than two levels, or some more at the edges between them."""
    try:
        levels = np.bincount(image.read(path, bits=8)[..., 0].ravel(), minlength=256)
    except DataError:
        return False
    return bool(np.sort(levels)[:-2].sum() < _BETWEEN * levels.sum())


def _files(folder: Path) -> dict[str, Path]:
    """Visible files directly in a folder, by their lower-case name; empty if there is no such folder."""
    if not folder.is_dir():
        return {}
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    return {path.name.lower(): path for path in visible}
