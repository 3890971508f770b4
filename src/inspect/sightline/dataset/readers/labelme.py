"""LabelMe's annotations: a JSON file an image, with shapes."""

from __future__ import annotations

import base64
import binascii
import json
import math
import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline import MAX_IMAGE_PIXELS, image
from sightline.config.explain import shown
from sightline.config.readers import LabelmeReader
from sightline.dataset.readers.forms import ellipse
from sightline.dataset.readers.layout import (
    Layout,
    counted,
    images,
    listed,
    logger,
    read_text,
    walk,
)
from sightline.dataset.within import around, box, polygon
from sightline.errors import DataError, ImageError
from sightline.image.outlines import outlines
from sightline.index import Box, Polygon, Sample

_Number = Annotated[float, Field(allow_inf_nan=False)]

_KEYS = frozenset({"shapes", "imagePath"})
_PLACES = ("*.json", "*/*.json")
_WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
_KINDS = ("polygon", "rotation", "rectangle", "circle", "mask", *sorted(_WITHOUT_AREA))


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Shape(_Part):
    label: str = Field(min_length=1)
    points: list[tuple[_Number, _Number]]
    shape_type: str | None = "polygon"
    mask: str | None = None  # a PNG of the region, for the type `mask`


class _File(_Part):
    shapes: list[_Shape]
    flags: dict[str, bool] | None = None  # of the whole image
    image: str = Field(alias="imagePath")
    width: int | None = Field(None, ge=0, le=MAX_IMAGE_PIXELS, alias="imageWidth")
    height: int | None = Field(None, ge=0, le=MAX_IMAGE_PIXELS, alias="imageHeight")


class Labelme(Layout[LabelmeReader]):
    """A JSON file an image; one without shapes says good. Flags that are set label the whole image.

    Polygons, rectangles, circles and masks mark what they enclose. Points and lines enclose nothing: they label their
    image and mark no place. The image is the one at ``imagePath``, seen from the file; if there is none, as after a
    move, the one of the file's name.
    """

    def rows(self) -> Iterator[Sample]:
        """Reads the JSON files and finds the images without one."""
        pictures, notes = self.folder(self.settings.images), self.folder(self.settings.annotations)
        found = list(images(pictures))
        annotated = self._annotated(notes, found)
        bare = [path for path in found if path not in annotated]
        if not found and not annotated:
            return
        if bare and self.settings.missing == "refuse":
            names = listed([self.relative(path) for path in bare], 3)
            raise DataError(
                f"{counted(len(bare), 'image')} in {pictures} without a JSON file in {notes}: {names}",
                hint="If they show good parts, set `data.reader.missing=good`; else annotate or remove them.",
            )
        pointed = Counter[str]()
        for path, (file, content) in annotated.items():
            yield _sample(self.relative(path), file, content, pointed)
        yield from (Sample(path=self.relative(path)) for path in bare)
        if pointed:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(pointed.items()))
            logger.warning("%s: shapes without an area label their image and mark no place: %s", notes, kinds)

    def _annotated(self, notes: Path, found: Sequence[Path]) -> dict[Path, tuple[Path, _File]]:
        """The JSON files with their content, by image."""
        by_name = defaultdict[str, list[Path]](list)
        for path in found:
            by_name[path.stem].append(path)
        annotated, gone, others = dict[Path, tuple[Path, _File]](), list[str](), list[str]()
        for file in (path for path in walk(notes) if path.suffix.lower() == ".json"):
            content = _load(file)
            if content is None:
                others.append(self.relative(file))
                continue
            shown_by = self._image_of(file, content.image, by_name[file.stem])
            if shown_by is None:
                gone.append(f"{self.relative(file)} ({content.image})")
            elif shown_by in annotated:
                other = annotated[shown_by][0]
                raise DataError(f"{file} and {other} are both of {shown_by}", hint="Remove one of them.")
            else:
                annotated[shown_by] = file, content
        if gone:
            raise DataError(
                f"{counted(len(gone), 'JSON file')} in {notes} of an image that is not there: {listed(gone, 3)}",
                hint="Bring the images back, or remove the JSON files.",
            )
        if others:
            logger.warning("left out, for they hold no LabelMe annotations: %s", listed(others, 3))
        return annotated

    def _image_of(self, file: Path, stated: str, same_name: Sequence[Path]) -> Path | None:
        """The image at a path that is stated as seen from the JSON file; else the only one of the file's name."""
        above = self.relative(file.parent)
        name = posixpath.normpath(posixpath.join(above, stated.replace("\\", "/")))
        inside = bool(stated) and not name.startswith(("/", "../")) and ":" not in name
        if inside and (self.root / name).is_file():
            return self.root / name
        return same_name[0] if len(same_name) == 1 else None

    @classmethod
    def detect(cls, root: Path) -> LabelmeReader | None:
        """Fits if a JSON file of LabelMe's lies in the folder or in one of those directly inside."""
        files = (path for place in _PLACES for path in sorted(root.glob(place)) if not path.name.startswith("."))
        return LabelmeReader(kind="labelme") if any(map(fits, files)) else None


def fits(file: Path) -> bool:
    """Whether a file is one of LabelMe's, told by its keys."""
    try:
        text = read_text(file)
        if not all(f'"{key}"' in text for key in _KEYS):  # far faster than parsing what may be large
            return False
        content = json.loads(text)
    except (DataError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() >= _KEYS


def _load(file: Path) -> _File | None:
    """The content of a file; None if it is of something else."""
    text = read_text(file)
    try:
        return _File.model_validate_json(text)
    except ValidationError as error:
        reasons = error.errors()
        missing = {str(reason["loc"][0]) for reason in reasons if reason["type"] == "missing" and reason["loc"]}
        if missing >= _KEYS:
            return None
        entry = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in reasons[0]["loc"])
        raise DataError(
            f"{file}{', ' + entry.lstrip('.') if entry else ''}: {reasons[0]['msg']}",
            hint="Expected LabelMe's object with shapes and imagePath; open the file there, and save it again.",
        ) from error


def _sample(path: str, file: Path, content: _File, pointed: Counter[str]) -> Sample:
    size = (content.width or 0, content.height or 0)
    boxes, polygons = list[Box](), list[Polygon]()
    for number, shape in enumerate(content.shapes):
        where = f"{file}, shapes[{number}]"
        kind = shape.shape_type or "polygon"
        if kind in _WITHOUT_AREA:
            pointed[kind] += 1
            continue
        if kind == "rectangle":
            boxes.append(box(_corners(shape, where), shape.label, size, where=where))
            continue
        handles = [value for point in shape.points for value in point] if kind == "circle" else None
        drawn = [
            polygon(outline, shape.label, size, where=where, handles=handles)
            for outline in _outlines(shape, kind, where)
        ]
        polygons += drawn
        if drawn:
            boxes.append(box(around(drawn), shape.label, size, where=where))
    flags = {name for name, is_set in (content.flags or {}).items() if is_set}
    labels = tuple(sorted({shape.label for shape in content.shapes} | flags))
    return Sample(
        path=path,
        labels=labels,
        boxes=tuple(boxes),
        polygons=tuple(polygons),
        width=size[0],
        height=size[1],
    )


def _corners(shape: _Shape, where: str) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 of a rectangle, drawn from any corner to the opposite one; some tools write all four."""
    if len(shape.points) not in (2, 4):
        raise _points(shape, "a rectangle of 2 points", where)
    xs, ys = zip(*shape.points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _outlines(shape: _Shape, kind: str, where: str) -> list[list[float]]:
    if kind in ("polygon", "rotation"):  # a turned rectangle
        return [[value for point in shape.points for value in point]]
    if kind == "mask":
        return _mask(shape, where)
    if kind == "circle":
        if len(shape.points) != 2:
            raise _points(shape, "a circle of 2 points, its centre and one on its edge", where)
        radius = math.dist(*shape.points)
        return [ellipse(shape.points[0], (radius, radius))]
    raise DataError(
        f"{where}: expected a shape of the type {', '.join(_KINDS)}, got {shown(kind)}",
        hint="Draw it anew as one of these.",
    )


def _mask(shape: _Shape, where: str) -> list[list[float]]:
    """The outlines of a picture of the region, whose first pixel lies at the first point."""
    if not shape.points:
        raise _points(shape, "a mask of 2 points, its first and last corner", where)
    try:
        raw = image.decode_raw(base64.b64decode(shape.mask or "", validate=True), name=where)
    except (binascii.Error, ImageError) as error:
        raise DataError(f"{where}: the mask is no picture, or damaged", hint="Draw it anew.") from error
    x, y = (int(value) for value in shape.points[0])
    return outlines(np.asarray(raw.reshape(*raw.shape[:2], -1).any(axis=2)), (x, y))


def _points(shape: _Shape, expected: str, where: str) -> DataError:
    return DataError(
        f"{where}: expected {expected}, got {counted(len(shape.points), 'point')}",
        hint="Mend or remove the annotation.",
    )
