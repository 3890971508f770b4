"""YOLO annotations: a text file an image with classes, boxes and outlines in shares of the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from sightline.config.document import parse
from sightline.config.explain import shown
from sightline.config.readers import YoloReader
from sightline.dataset.readers.layout import (
    Layout,
    counted,
    images,
    listed,
    read_text,
    refuse_shared,
    subfolders,
    walk,
)
from sightline.dataset.readers.sizes import size_of
from sightline.dataset.within import around, box, polygon
from sightline.errors import ConfigError, DataError
from sightline.index import Box, Polygon, Sample

_IMAGES, _LABELS = "images", "labels"
_NAMES = "classes.txt"  # tools leave it beside the labels too
_MEND = "Mend the line; a box is x and y of its centre, then its width and height."
_SLACK = 0.01  # tools round, so that shapes at the edge reach a little over it


class _Shape(NamedTuple):
    """One line of a label file: four shares are a box (centre and size), more are an outline."""

    where: str
    label: str
    shares: tuple[float, ...]


class Yolo(Layout[YoloReader]):
    """Each ``images`` folder, at any depth, has ``labels`` beside it with the same names ending in ``.txt``.

    An image without a text file, or with an empty one, is good, but a text file needs its image. Folders named train
    and val do not become parts: the recipe divides the images. The size that turns shares into pixels is read from the
    image's header.
    """

    def rows(self) -> Iterator[Sample]:
        """Finds the images and reads the text file of each."""
        names = _names(self.root / self.settings.file)
        pairs = [(path, file) for path in images(self.root) if (file := self._labels_of(path))]
        if not pairs:
            raise DataError(
                f"expected a folder {_IMAGES} with images in {self.root}",
                hint=f"YOLO's layout has {_IMAGES}/ and {_LABELS}/ side by side, with the same names inside.",
            )
        self._refuse_unpaired(pairs)
        for path, file in pairs:
            lines = read_text(file).split("\n") if file.is_file() else []
            shapes = [
                _shape(line, names, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()
            ]
            labels = tuple(sorted({shape.label for shape in shapes}))
            boxes, polygons = _in_pixels(shapes, path)
            yield Sample(path=self.relative(path), labels=labels, boxes=boxes, polygons=polygons)

    def _labels_of(self, path: Path) -> Path | None:
        """Where the labels of an image would be; None if the image is outside of the layout."""
        place = self._folder_of(path)
        if place is None:
            return None
        inner = path.relative_to(place).with_suffix(".txt")
        return place.with_name(_LABELS) / inner

    def _folder_of(self, path: Path) -> Path | None:
        """The innermost folder ``images`` that an image lies in."""
        above = path.relative_to(self.root).parents
        return next((self.root / place for place in above if place.name == _IMAGES), None)

    def _refuse_unpaired(self, pairs: Sequence[tuple[Path, Path]]) -> None:
        """Refuses labels that would be passed over, or given to two images: an image without labels counts as good.

        Raises:
            DataError: A folder of images has no labels beside it, a text file no image, or two images share one.
        """
        folders = {place.with_name(_LABELS): place for path, _ in pairs if (place := self._folder_of(path))}
        for notes, pictures in folders.items():
            if not notes.is_dir():
                raise DataError(
                    f"expected a folder {_LABELS} beside {pictures}, found {listed(subfolders(pictures.parent))}",
                    hint=f"Name it {_LABELS}; if all of the images show good parts, make it, and leave it empty.",
                )
        refuse_shared([(file, path) for path, file in pairs if file.is_file()], self.root)
        taken = {file for _, file in pairs} | {self.root / self.settings.file}
        written = [path for notes in folders for path in walk(notes) if path.suffix.lower() == ".txt"]
        lonely = sorted(self.relative(path) for path in written if path not in taken and path.name != _NAMES)
        if lonely:
            raise DataError(
                f"{counted(len(lonely), 'text file')} in {self.root} without an image of the same name in {_IMAGES}: "
                f"{listed(lonely, 3)}",
                hint="Bring the images back, mend the names (they end in .txt), or remove the text files.",
            )

    @classmethod
    def detect(cls, root: Path) -> YoloReader | None:
        """Fits if a data file names the classes and there is a folder of labels."""
        if not any(any(root.glob(f"{above}{_LABELS}/**/*.txt")) for above in ("", "*/")):
            return None
        files = (name for name in ("data.yaml", "data.yml", _NAMES) if (root / name).is_file())
        return next((YoloReader(kind="yolo", file=name) for name in files), None)


class _DataFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    names: dict[int, str]
    nc: int | None = None

    @field_validator("names", mode="before")
    @classmethod
    def _numbered(cls, names: object) -> object:
        return dict(enumerate(names)) if isinstance(names, list) else names


def _names(file: Path) -> dict[int, str]:
    """Class names by number, from a YAML file with ``names`` or a text file with one name a line."""
    text = read_text(file)
    if file.suffix.lower() == ".txt":
        return dict(enumerate(text.split("\n")))
    try:
        document = parse(text, {})
    except ConfigError as error:
        raise DataError(f"{file}, line {error.message}", hint=error.hint) from error
    twice = next((mistake for mistake in document.mistakes if mistake.path[:1] == ("names",)), None)
    if twice:
        raise DataError(f"{file}, line {twice.line}: {'.'.join(twice.path)}: {twice.text}")
    try:
        content = _DataFile.model_validate(document.value)
    except ValidationError as error:
        reason = error.errors()[0]
        raise DataError(
            f"{file}: {next(iter(reason['loc']), 'names')}: {reason['msg']}",
            hint="Expected `names: [scratch, dent]` or `names: {0: scratch, 1: dent}`.",
        ) from error
    if content.nc not in (None, len(content.names)):
        raise DataError(
            f"{file}: expected as many names as nc says, {shown(content.nc)}, got {len(content.names):,}",
            hint="Name every class, or mend nc.",
        )
    return content.names


def _shape(line: str, names: dict[int, str], where: str) -> _Shape:
    number, values = _numbers(line, where)
    label = names.get(number)
    if label is None:
        raise DataError(
            f"{where}: no class has the number {shown(number)}", hint="The data file names the classes, from 0."
        )
    if len(values) != 4 and (len(values) < 6 or len(values) % 2):
        raise DataError(
            f"{where}: expected 4 numbers for a box, or 6 and more in pairs for an outline, got {len(values)}",
            hint="A fifth number after a box is the score of a prediction; labels have none.",
        )
    if not all(-_SLACK <= value <= 1 + _SLACK for value in values):
        raise DataError(
            f"{where}: expected shares of the image from 0 to 1, got {shown(line.strip())}",
            hint="Divide x and widths by the image's width, y and heights by its height.",
        )
    return _Shape(where, label, values)


def _numbers(line: str, where: str) -> tuple[int, tuple[float, ...]]:
    """The class and the shares of a line."""
    try:
        number, *shares = line.replace("_", "?").split()  # Python reads 0_1 as 1
        return int(number), tuple(map(float, shares))
    except ValueError as error:
        raise DataError(
            f"{where}: expected a class number and numbers, got {shown(line.strip())}", hint="Mend or remove the line."
        ) from error


def _in_pixels(shapes: list[_Shape], path: Path) -> tuple[tuple[Box, ...], tuple[Polygon, ...]]:
    width, height = size = size_of(path) if shapes else (0, 0)
    if not (width and height):  # a damaged image keeps its labels, and the check reports it
        return (), ()
    boxes, polygons = list[Box](), list[Polygon]()
    for where, label, shares in shapes:
        pixels = [share * size[axis % 2] for axis, share in enumerate(shares)]
        if len(pixels) == 4:
            x, y, w, h = pixels
            corners = (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        else:
            polygons.append(polygon(pixels, label, size, where=where))
            corners = around(polygons[-1:])
        boxes.append(box(corners, label, size, where=where, hint=_MEND))
    return tuple(boxes), tuple(polygons)
