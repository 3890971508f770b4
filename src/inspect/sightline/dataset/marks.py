"""What somebody marked on an image: where which defect is, from masks, outlines or boxes alike."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes
from sightline.errors import DataError
from sightline.image import Place
from sightline.index import Index, Sample

UNKNOWN = 255
"""In a map of types: somewhere here is a defect, and nobody marked where."""

_SUBPIXEL = 4  # bits of a pixel's fraction that OpenCV draws polygons with
_COVERED = 1 / 3  # share of a pixel of the canvas under a mask from which it counts as the defect's


def is_marked(sample: Sample) -> bool:
    """Whether it is known where the image's defects are; of a good part it is."""
    return sample.good or bool(sample.mask or sample.polygons or sample.boxes)


def types_map(sample: Sample, index: Index) -> NDArray[np.uint8]:
    """Which type each pixel of the image shows, uint8 (H, W): 0 none, k + 1 the k-th class of the index.

    Of an image that has several kinds of marks the mask counts, else outlines, else the inside of boxes. All is
    `UNKNOWN` where a defective image is not marked, or its mask is empty.

    Raises:
        ImageError: The mask cannot be read any more.
        DataError: The mask has another size than the image, or does not tell which of several types it shows.
    """
    found = np.zeros((sample.height, sample.width), np.uint8)
    if sample.mask:
        found = _of_mask(sample, index)
    elif sample.polygons:
        for outline in sample.polygons:
            corners = np.rint((np.array(outline.points) - 0.5) * (1 << _SUBPIXEL)).astype(np.int32)
            cv2.fillPoly(found, [corners], index.classes.index(outline.label) + 1, shift=_SUBPIXEL)
    else:
        for box in sample.boxes:
            rows = slice(int(box.y1), max(int(box.y1) + 1, round(box.y2)))
            found[rows, int(box.x1) : max(int(box.x1) + 1, round(box.x2))] = index.classes.index(box.label) + 1
    if not sample.good and not found.any():
        found[:] = UNKNOWN
    return found


def _of_mask(sample: Sample, index: Index) -> NDArray[np.uint8]:
    name = sample.mask or ""
    values = image.read_values(index.root / name, name=name)
    if values.shape != (sample.height, sample.width):
        raise DataError(
            f"{name}: expected a mask of {sample.width} x {sample.height} pixels like its image, got "
            f"{values.shape[1]} x {values.shape[0]}",
            hint="Draw the mask on the image at its full size.",
        )
    found = np.zeros(values.shape, np.uint8)
    if sample.mask_values:
        for value, label in sample.mask_values.items():
            if label in index.classes:  # not one that data.ignore leaves out
                found[values == value] = index.classes.index(label) + 1
    elif len(sample.labels) > 1:
        raise DataError(
            f"{name}: the mask does not say which of {', '.join(sample.labels)} it shows",
            hint="Give the mask a value for each type, and state them in data.reader.values.",
        )
    elif sample.labels:
        found[values > 0] = index.classes.index(sample.labels[0]) + 1
    return found


def boxes_on(sample: Sample, index: Index) -> Boxes:
    """The boxes around the image's defects, in its pixels: as drawn, or around outlines, or around a mask's regions.

    Raises:
        ImageError, DataError: As `types_map`.
    """
    drawn = [((box.x1, box.y1, box.x2, box.y2), box.label) for box in sample.boxes]
    if not drawn:
        drawn = [(_around(np.array(outline.points)), outline.label) for outline in sample.polygons]
    if drawn:
        corners = np.array([corners for corners, _ in drawn], np.float32)
        numbers = np.array([index.classes.index(label) for _, label in drawn], np.int64)
        return Boxes(corners, np.ones(len(drawn), np.float32), numbers)
    if sample.mask is None or sample.good:
        return Boxes.empty()
    return around_regions(types_map(sample, index))


def _around(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = points.min(0).tolist(), points.max(0).tolist()
    return x1, y1, x2, y2


def around_regions(found: NDArray[np.uint8]) -> Boxes:
    """A box around each region of touching pixels (8-connected) of one type in a map of types (H, W)."""
    corners, numbers = list[Sequence[float]](), list[int]()
    for value in np.unique(found):
        if value in (0, UNKNOWN):
            continue
        _, _, stats, _ = cv2.connectedComponentsWithStats((found == value).astype(np.uint8), connectivity=8)
        for left, top, width, height, _ in stats[1:]:
            corners.append((left, top, left + width, top + height))
            numbers.append(int(value) - 1)
    count = len(corners)
    return Boxes(
        np.array(corners, np.float32).reshape(count, 4), np.ones(count, np.float32), np.array(numbers, np.int64)
    )


def to_canvas(found: NDArray[np.uint8], place: Place) -> NDArray[np.uint8]:
    """Brings a map of types (H, W) of a frame to what the model is shown, uint8 (h, w).

    A pixel shows the type that covers most of it, if that is a third; and of each type at least the pixel that it
    covers most is kept, so that nothing small is lost by shrinking.
    """
    canvas = np.zeros(place.canvas, np.uint8)
    most = np.full(place.canvas, _COVERED, np.float32)
    for value in np.unique(found):
        if value == 0:
            continue
        shares = place.mask_to_canvas(found == value)
        peak = np.unravel_index(int(shares.argmax()), shares.shape)
        if shares[peak] > 0:
            most[peak] = min(most[peak], shares[peak])
            won = shares >= most
            canvas[won] = value
            most[won] = shares[won]
    return canvas


def boxes_to_canvas(boxes: Boxes, place: Place) -> Boxes:
    """Brings boxes of a frame to what the model is shown; those outside of it are left out, others are cut to it."""
    if not len(boxes):
        return boxes
    moved = np.stack([place.points_to_canvas(points) for points in image.corners_of(boxes.corners)])
    top, left, height, width = place.content
    limit = np.array([left, top, left + width, top + height], np.float32)
    corners = np.hstack([moved.min(0), moved.max(0)]).astype(np.float32)
    cut = np.hstack([np.maximum(corners[:, :2], limit[:2]), np.minimum(corners[:, 2:], limit[2:])])
    kept = (cut[:, 2:] - cut[:, :2]).min(1) > 0
    return Boxes(cut[kept], boxes.scores[kept], boxes.classes[kept])
