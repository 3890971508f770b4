"""CVAT's own annotations: one XML file with images and what is marked on them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from sightline.config.explain import shown
from sightline.config.readers import CvatReader
from sightline.dataset.readers.forms import ellipse, rectangle, turned
from sightline.dataset.readers.layout import (
    Layout,
    clean_path,
    folder_of,
    logger,
)
from sightline.dataset.readers.markup import finite, read_xml, side
from sightline.dataset.readers.runlength import decode
from sightline.dataset.within import around, box, polygon
from sightline.errors import DataError
from sightline.image.outlines import outlines
from sightline.index import Box, Polygon, Sample

_TOP = "annotations"
_BEGINS = re.compile(rf"<{_TOP}[\s/>]".encode())
_HEAD = 4096  # bytes of a file in which its first element stands
_WITHOUT_AREA = frozenset({"polyline", "points", "cuboid", "skeleton"})


class Cvat(Layout[CvatReader]):
    """The images that the file lists; one without any mark is good. A tag labels the whole image.

    Boxes, polygons, ellipses and masks mark what they enclose, and a turned box becomes an outline too. Polylines,
    points, cuboids and skeletons label their image and mark no place.
    """

    def rows(self) -> Iterator[Sample]:
        """Reads the images and what is marked on them."""
        file = self.root / self.settings.file
        folder = self.folder(self.settings.images)
        pointed = Counter[str]()
        for item in _images(file):
            where = f"{file}, image {shown(_text(item, 'name', str(file)))}"
            name = clean_path(_text(item, "name", str(file)), folder, where=where)
            path = _place(folder, name, item.get("subset", ""))
            yield _sample(self.relative(path), item, where, pointed)
        if pointed:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(pointed.items()))
            logger.warning("%s: shapes without an area label their image and mark no place: %s", file, kinds)

    @classmethod
    def detect(cls, root: Path) -> CvatReader | None:
        """Fits if there is one file of CVAT's; its first image tells where the images are.

        Raises:
            DataError: There are several, or the first image is nowhere below the root.
        """
        files = [path for path in sorted(root.glob("*.xml")) if begins_well(path)]
        if len(files) > 1:
            raise DataError(
                f"{root} holds several files of CVAT's: {', '.join(path.name for path in files)}",
                hint="Name one in a recipe: `data.reader: {kind: cvat, file: ..., images: ...}`.",
            )
        return _settings(root, files[0]) if files and not fault(files[0]) else None


def fault(file: Path) -> str:
    """Why a file cannot be read as CVAT's annotations; empty if it can."""
    try:
        _images(file)
    except DataError as error:
        return error.message
    return ""


def is_damaged(file: Path) -> bool:
    """Whether a file cannot be parsed at all."""
    try:
        read_xml(file, _TOP, hint="")
    except DataError as error:
        return error.__cause__ is not None
    return False


def begins_well(path: Path) -> bool:
    """Whether a file begins as CVAT's do, whatever comes then."""
    try:
        with path.open("rb") as file:
            return not path.name.startswith(".") and bool(_BEGINS.search(file.read(_HEAD)))
    except OSError:
        return False


def _settings(root: Path, file: Path) -> CvatReader:
    first = _images(file)[0]
    stated = _text(first, "name", str(file))
    usual = CvatReader(kind="cvat", file=file.name)
    if _place(root / usual.images, stated, first.get("subset", "")).is_file():
        return usual
    folder = folder_of(root, stated)
    if folder is None:
        raise DataError(
            f"{file} names the image {stated!r}, which is not in {root}",
            hint="Take the folder that holds the images too: CVAT exports them on request (`Save images`).",
        )
    return CvatReader(kind="cvat", file=file.name, images=folder.relative_to(root).as_posix())


def _images(file: Path) -> list[ET.Element]:
    root = read_xml(file, _TOP, hint="Export the task as `CVAT for images 1.1`.")
    found = root.findall("image")
    if not found:
        came = "those of a video" if root.find("track") is not None else "none"
        raise DataError(f"{file}: expected images, found {came}", hint="Export the task as `CVAT for images 1.1`.")
    return found


def _place(folder: Path, name: str, subset: str) -> Path:
    """Where an image is: exports of projects have a folder for each subset."""
    inside = folder / subset / name
    return inside if subset and not (folder / name).is_file() and inside.is_file() else folder / name


def _sample(path: str, item: ET.Element, where: str, pointed: Counter[str]) -> Sample:
    size = (side(item.get("width"), "width", where), side(item.get("height"), "height", where))
    labels, boxes, polygons = set[str](), list[Box](), list[Polygon]()
    for number, mark in enumerate(item, start=1):
        here = f"{where}, {mark.tag} (mark {number})"
        if mark.tag not in (*_DRAWN, *_WITHOUT_AREA, "box", "tag"):
            raise DataError(f"{here}: no mark of CVAT's", hint="Export the task as `CVAT for images 1.1`.")
        label = _text(mark, "label", here).strip()
        labels.add(label)
        if mark.tag in _WITHOUT_AREA:
            pointed[mark.tag] += 1
        handles = _handles(mark, here)
        drawn = [polygon(one, label, size, where=here, handles=handles) for one in _outlines(mark, here)]
        polygons += drawn
        if drawn:
            boxes.append(box(around(drawn), label, size, where=here))
        elif mark.tag == "box":
            boxes.append(box(_corners(mark, here), label, size, where=here))
    return Sample(
        path=path,
        labels=tuple(sorted(labels)),
        boxes=tuple(boxes),
        polygons=tuple(polygons),
        width=size[0],
        height=size[1],
    )


def _outlines(mark: ET.Element, where: str) -> list[list[float]]:
    if mark.tag == "box" and _number(mark, "rotation", where, 0):
        return [_turned_box(mark, where)]
    return _DRAWN[mark.tag](mark, where) if mark.tag in _DRAWN else []


def _handles(mark: ET.Element, where: str) -> list[float] | None:
    """The box that was drawn inside the image, and turned then: x1, y1, x2, y2; None of all that is not turned."""
    if mark.tag == "ellipse":
        x, y, rx, ry = _axes(mark, where)
        return [x - abs(rx), y - abs(ry), x + abs(rx), y + abs(ry)]
    return _corners(mark, where) if mark.tag == "box" else None


def _corners(mark: ET.Element, where: str) -> list[float]:
    return [_number(mark, name, where) for name in ("xtl", "ytl", "xbr", "ybr")]


def _turned_box(mark: ET.Element, where: str) -> list[float]:
    x1, y1, x2, y2 = corners = _corners(mark, where)
    return turned(rectangle(corners), ((x1 + x2) / 2, (y1 + y2) / 2), _number(mark, "rotation", where))


def _polygon(mark: ET.Element, where: str) -> list[list[float]]:
    text = _text(mark, "points", where)
    points = [point.split(",") for point in text.split(";")]
    if any(len(point) != 2 for point in points):
        raise DataError(f"{where}: points: expected x,y;x,y;… got {shown(text)}", hint="Mend the annotation.")
    return [[finite(value, "points", where) for point in points for value in point]]


def _ellipse(mark: ET.Element, where: str) -> list[list[float]]:
    x, y, rx, ry = _axes(mark, where)
    return [ellipse((x, y), (rx, ry), _number(mark, "rotation", where, 0))]


def _axes(mark: ET.Element, where: str) -> list[float]:
    return [_number(mark, name, where) for name in ("cx", "cy", "rx", "ry")]


def _mask(mark: ET.Element, where: str) -> list[list[float]]:
    left, top, width, height = (_whole(mark, name, where) for name in ("left", "top", "width", "height"))
    text = _text(mark, "rle", where)
    try:
        counts = [int(count) for count in text.replace("_", "?").split(",")]  # Python reads 1_0 as 10
    except ValueError as error:
        raise DataError(f"{where}: rle: expected whole numbers, got {shown(text)}", hint="Export it again.") from error
    return outlines(decode(counts, (height, width), by_column=False, where=where), (left, top))


_DRAWN: dict[str, Callable[[ET.Element, str], list[list[float]]]] = {
    "polygon": _polygon,
    "ellipse": _ellipse,
    "mask": _mask,
}


def _text(item: ET.Element, name: str, where: str) -> str:
    text = item.get(name, "")
    if not text.strip():
        raise DataError(f"{where}: expected the attribute {name} of <{item.tag}>, found none", hint="Export it again.")
    return text


def _whole(item: ET.Element, name: str, where: str) -> int:
    return round(_number(item, name, where))


def _number(item: ET.Element, name: str, where: str, default: float | None = None) -> float:
    return finite(item.get(name), name, where, default)
