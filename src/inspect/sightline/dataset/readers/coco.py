"""COCO annotations: one JSON file with images, categories, boxes and outlines."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline import MAX_IMAGE_PIXELS
from sightline.config.explain import shown
from sightline.config.readers import CocoReader
from sightline.dataset.readers.layout import Layout, clean_path, counted, folder_of, listed, logger, read_text
from sightline.dataset.readers.runlength import coco_mask
from sightline.dataset.within import around, box, polygon
from sightline.errors import DataError
from sightline.image.outlines import outlines
from sightline.index import Box, Polygon, Sample

_Number = Annotated[float, Field(allow_inf_nan=False)]
_APART = 1.0  # pixels between a box and its outlines that rounding may leave
_Side = Annotated[int, Field(ge=0, le=MAX_IMAGE_PIXELS)]
_Id = int | str

_MEND = "Mend the annotation; a box is x, y, width, height."

_PLACES = ("*.json", "annotations/*.json", "*/_annotations.coco.json")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Image(_Part):
    id: _Id
    file_name: str
    width: _Side | None = None
    height: _Side | None = None


class _Category(_Part):
    id: _Id
    name: str


class _Annotation(_Part):
    id: Any = None  # only to be told
    image_id: _Id
    category_id: _Id
    bbox: tuple[_Number, _Number, _Number, _Number] | tuple[()] | None = None  # x, y, width, height
    segmentation: list[list[_Number]] | dict[str, Any] | None = None  # outlines, or a run-length mask
    iscrowd: int = 0


class _File(_Part):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


class Coco(Layout[CocoReader]):
    """Boxes and outlines by image. An image without annotations is good.

    A run-length mask becomes the outlines of its parts, without their holes. A region marked as a crowd labels its
    image and keeps its outlines, but gets no box around them all: it may hold several things.
    """

    def rows(self) -> Iterator[Sample]:
        """Reads the annotations, grouped by image."""
        file = self.root / self.settings.file
        content = _load(file)
        if not content.images:
            raise DataError(f"{file}: expected images, the list `images` is empty", hint="Export it again.")
        names = {category.id: category.name for category in content.categories}
        if len(names) < len(content.categories):
            raise DataError(f"{file}: two categories have the same id", hint="Give each category an id of its own.")
        by_image = _by_image(file, content, names)
        folder = self.folder(self.settings.images)
        for number, image in enumerate(content.images):
            path = folder / clean_path(image.file_name, folder, where=f"{file}, images[{number}]")
            yield _sample(self.relative(path), image, by_image[image.id], names)

    @classmethod
    def detect(cls, root: Path) -> CocoReader | None:
        """Fits if there is one COCO file at one of the usual places; its first image tells their folder.

        Raises:
            DataError: There are several, or the first image is nowhere below the root.
        """
        files = [path for place in _PLACES for path in sorted(root.glob(place)) if _is_coco(path)]
        if len(files) > 1:
            names = ", ".join(path.relative_to(root).as_posix() for path in files)
            raise DataError(
                f"{root} holds several COCO files: {names}",
                hint="Name one in a recipe: `data.reader: {kind: coco, file: ..., images: ...}`.",
            )
        return _settings(root, files[0]) if files else None


def _settings(root: Path, file: Path) -> CocoReader:
    stated = next((image.file_name for image in _load(file).images), "")
    folder = folder_of(root, stated)
    if folder is None:
        raise DataError(
            f"{file} names the image {stated!r}, which is not in {root}",
            hint="Take the folder that holds the images too.",
        )
    return CocoReader(kind="coco", file=file.relative_to(root).as_posix(), images=folder.relative_to(root).as_posix())


def fault(file: Path) -> str:
    """Why a file cannot be read as COCO annotations; empty if it can."""
    try:
        _load(file)
    except DataError as error:
        return error.message
    return ""


def _is_coco(path: Path) -> bool:
    try:
        content = json.loads(read_text(path))
    except (DataError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def _load(file: Path) -> _File:
    try:
        return _File.model_validate_json(read_text(file))
    except ValidationError as error:
        reason = error.errors()[0]
        entry = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in reason["loc"]).lstrip(".")
        raise DataError(
            f"{file}{', ' + entry if entry else ''}: {reason['msg']}",
            hint="Expected COCO's object with images, annotations and categories.",
        ) from error


def _by_image(file: Path, content: _File, names: dict[_Id, str]) -> defaultdict[_Id, list[tuple[str, _Annotation]]]:
    """The annotations with their places, by image; what stands there twice counts once.

    Raises:
        DataError: Two images have one id, or an annotation is of an image or a category that is not there.
    """
    known = {image.id for image in content.images}
    if len(known) < len(content.images):
        raise DataError(f"{file}: two images have the same id", hint="Give each image an id of its own.")
    found: defaultdict[_Id, list[tuple[str, _Annotation]]] = defaultdict(list)
    first, twice = dict[tuple[object, ...], int](), list[str]()
    for number, one in enumerate(content.annotations):
        where = f"{file}, annotations[{number}]"
        if one.image_id not in known:
            raise DataError(f"{where}: no image has the id {one.image_id!r}", hint="Remove the annotation.")
        if one.category_id not in names:
            raise DataError(f"{where}: no category has the id {one.category_id!r}", hint="Add the category.")
        told = (one.image_id, one.category_id, one.bbox, one.iscrowd, repr(one.segmentation))
        if first.setdefault(told, number) == number:
            found[one.image_id].append((where, one))
        else:
            twice.append(f"annotations[{number}] as annotations[{first[told]}]")
    if twice:
        count = counted(len(twice), "annotation")
        logger.warning("%s: %s left out, for the same stands there before: %s", file, count, listed(twice, 3))
    return found


def _sample(path: str, image: _Image, annotations: Sequence[tuple[str, _Annotation]], names: dict[_Id, str]) -> Sample:
    """One row; boxes come as x, y, width, height, and where there is none the outlines tell it."""
    size = (image.width or 0, image.height or 0)
    boxes, polygons = list[Box](), list[Polygon]()
    for where, annotation in annotations:
        label = names[annotation.category_id]
        drawn = [polygon(outline, label, size, where=where) for outline in _outlines(annotation, size, where)]
        polygons += drawn
        if annotation.iscrowd:
            continue
        if annotation.bbox:
            x, y, width, height = annotation.bbox
            boxes.append(box((x, y, x + width, y + height), label, size, where=where, hint=_MEND))
            _refuse_apart(boxes[-1], drawn, annotation, where)
        elif drawn:
            boxes.append(box(around(drawn), label, size, where=where))
    labels = tuple(sorted({names[annotation.category_id] for _, annotation in annotations}))
    return Sample(
        path=path,
        labels=labels,
        boxes=tuple(boxes),
        polygons=tuple(polygons),
        width=size[0],
        height=size[1],
    )


def _refuse_apart(one: Box, drawn: Sequence[Polygon], annotation: _Annotation, where: str) -> None:
    """Refuses a box that has nothing in common with its outlines: one of them is of another defect, or of none."""
    x1, y1, x2, y2 = around(drawn) if drawn else (one.x1, one.y1, one.x2, one.y2)
    if max(x1, one.x1) > min(x2, one.x2) + _APART or max(y1, one.y1) > min(y2, one.y2) + _APART:
        raise DataError(
            f"{where} (id {shown(annotation.id)}): expected a box around its outlines, which lie within "
            f"{x1:g}, {y1:g}, {x2:g}, {y2:g}; got one within {one.x1:g}, {one.y1:g}, {one.x2:g}, {one.y2:g}",
            hint=_MEND,
        )


def _outlines(annotation: _Annotation, size: tuple[int, int], where: str) -> list[list[float]]:
    if isinstance(annotation.segmentation, dict):
        return outlines(coco_mask(annotation.segmentation, size, where=where))
    return annotation.segmentation or []
