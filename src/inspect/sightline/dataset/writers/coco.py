"""An index as COCO annotations, which CVAT, Label Studio and FiftyOne open.

>>> from pathlib import Path
>>> from sightline.dataset.writers import coco
>>> from sightline.index import Index
>>> coco.write(Index.load(Path("index.jsonl")), Path("annotations.json"))  # doctest: +SKIP
212
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.dataset import marks, pairs, within
from sightline.dataset.readers.layout import counted, listed, logger
from sightline.dataset.readers.runlength import encode
from sightline.dataset.readers.sizes import size_of
from sightline.errors import DataError
from sightline.files import write_whole
from sightline.image.outlines import outlines
from sightline.index import Index, Polygon, Sample

Progress = Callable[[int, int], None]

_DIGITS = 2  # of a pixel's fraction

_Region = list[list[float]] | dict[str, Any]


@dataclass(frozen=True)
class _Mark:
    """One annotation: its box as x1, y1, x2, y2, and its region as COCO writes it; all in pixels."""

    label: str
    corners: tuple[float, float, float, float]
    area: float
    region: _Region
    crowd: bool = False


def write(index: Index, path: Path, *, progress: Progress | None = None) -> int:
    """Writes an index as COCO's JSON, whole or not at all; the same index gives the same bytes.

    Images are named from the index's root. A box and its outlines are one annotation; what a mask alone marks
    is one for each region of touching pixels, as an outline, or as run lengths where it has holes. A defect that is
    marked nowhere becomes a crowd region (``iscrowd`` 1) over the whole image: COCO has no labels of images. Splits,
    groups, templates and certainties have no place in COCO.

    Args:
        index: The images; sizes that it lacks are read from the files.
        path: The file, which is replaced if it is there.
        progress: Told how many of how many images are done.

    Returns:
        How many annotations it holds.

    Raises:
        DataError: A mask cannot be read or has another size than its image, or the file cannot be written.
    """
    numbers = {name: number for number, name in enumerate(index.classes, start=1)}
    entries, annotations, lost = list[dict[str, Any]](), list[dict[str, Any]](), list[str]()
    for done, sample in enumerate(index.samples, start=1):
        sized = _sized(index, sample)
        if sized is None:
            lost.append(sample.path)
        else:
            entries.append(_image(len(entries) + 1, sized))
            for mark in _marks(sized, index):
                written = {"id": len(annotations) + 1, "image_id": len(entries), "category_id": numbers[mark.label]}
                annotations.append(written | _written(mark))
        if progress is not None:
            progress(done, len(index.samples))
    if lost:
        logger.warning("%s left out, for its size cannot be read: %s", counted(len(lost), "image"), listed(lost, 3))
    categories = [{"id": number, "name": name, "supercategory": "defect"} for name, number in numbers.items()]
    _save(path, {"images": entries, "annotations": annotations, "categories": categories})
    _tell(annotations)
    return len(annotations)


def _save(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps({"info": {"description": "written by Sightline"}, "licenses": [], **content}, ensure_ascii=False)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise DataError(f"the annotations cannot be written to {path}: {error.strerror}") from error


def _tell(annotations: list[dict[str, Any]]) -> None:
    unmarked = sum(annotation["iscrowd"] for annotation in annotations)
    if unmarked:
        logger.warning(
            "%s of defects that nobody marked: written as crowd regions over whole images, which many tools leave out",
            counted(unmarked, "label"),
        )


def _sized(index: Index, sample: Sample) -> Sample | None:
    """The sample with its image's size; None if neither the file nor the sample tells it.

    Raises:
        DataError: Its marks were drawn on an image of another size.
    """
    width, height = size_of(index.file(sample))
    if not (width and height):
        return sample if sample.width and sample.height else None
    try:
        return within.fitted(sample, (width, height))
    except DataError as error:
        raise DataError(f"{sample.path}: {error.message}", hint=error.hint) from error


def _image(number: int, sample: Sample) -> dict[str, Any]:
    return {"id": number, "file_name": sample.path, "width": sample.width, "height": sample.height}


def _written(mark: _Mark) -> dict[str, Any]:
    x1, y1, x2, y2 = mark.corners
    return {
        "bbox": [round(value, _DIGITS) for value in (x1, y1, x2 - x1, y2 - y1)],
        "area": round(mark.area, _DIGITS),
        "segmentation": mark.region,
        "iscrowd": int(mark.crowd),
    }


def _marks(sample: Sample, index: Index) -> Iterator[_Mark]:
    """What is marked on an image of known size; then the labels that are marked nowhere, as crowds."""
    if sample.boxes or sample.polygons:
        found = list(_drawn(sample))
    elif sample.mask and (sample.mask_values or len(sample.labels) == 1):
        found = list(_masked(sample, index))
    else:  # a mask without values does not tell which of several types it shows
        found = []
    yield from found
    width, height = sample.width, sample.height
    for label in sorted(set(sample.labels) - {mark.label for mark in found}):
        yield _Mark(label, (0, 0, width, height), width * height, [], crowd=True)


def _drawn(sample: Sample) -> Iterator[_Mark]:
    """Boxes, each with its outlines; then the outlines that belong to none."""
    found = pairs.of(sample)
    for box, parts in found.boxes:
        corners = pairs.corners(box)
        area = sum(map(_enclosed, parts)) or (box.x2 - box.x1) * (box.y2 - box.y1)
        yield _Mark(box.label, corners, area, [_flat(part) for part in parts])
    for part in found.lone:
        yield _Mark(part.label, within.around([part]), _enclosed(part), [_flat(part)])


def _enclosed(outline: Polygon) -> float:
    points = np.array(outline.points)
    return float(cv2.contourArea((points - points.mean(axis=0)).astype(np.float32)))


def _flat(outline: Polygon) -> list[float]:
    return [round(value, _DIGITS) for point in outline.points for value in point]


def _masked(sample: Sample, index: Index) -> Iterator[_Mark]:
    """A mask's regions of touching pixels, type by type."""
    found = marks.types_map(sample, index)
    for value in np.unique(found[(found > 0) & (found != marks.UNKNOWN)]):
        _, parts, stats, _ = cv2.connectedComponentsWithStats((found == value).astype(np.uint8), connectivity=8)
        for number, (left, top, width, height, area) in enumerate(stats[1:].tolist(), start=1):
            part = parts[top : top + height, left : left + width] == number
            corners = (left, top, left + width, top + height)
            yield _Mark(index.classes[value - 1], corners, area, _region(part, area, corners, found.shape))


def _region(part: NDArray[np.bool_], area: int, corners: tuple[int, ...], shape: tuple[int, ...]) -> _Region:
    """A region of touching pixels as its outline, or as run lengths of the image if that would fill holes."""
    left, top, right, bottom = corners
    (outline,) = outlines(part, (left, top))
    if round(cv2.contourArea(np.array(outline, np.float32).reshape(-1, 2))) == area:
        return [outline]
    whole = np.zeros(shape, np.bool_)
    whole[top:bottom, left:right] = part
    return {"size": list(shape), "counts": encode(whole)}
