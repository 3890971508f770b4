"""What somebody marked on an image: where which defect is, from masks, outlines or boxes alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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

_COVERED = 1 / 3  # share of a pixel of the canvas under a mask from which it counts as the defect's
_TIGHT = 0.5  # pixels that a box may reach beyond its own and be drawn around them anew
_MOST_OWNERS = 255  # boxes that a map of 8 bits tells apart


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
            image.fill(found, np.array(outline.points), index.classes.index(outline.label) + 1)
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

    A pixel shows the type that covers most of it, if that is a third; where a region covers no pixel so far, for it is
    thin or small, half of the most that it covers is enough. So shrinking loses no region of what is marked, and no
    type for lying in another.
    """
    canvas = np.zeros(place.canvas, np.uint8)
    most = np.zeros(place.canvas, np.float32)
    for value in np.unique(found):
        if value == 0:
            continue
        shares = place.mask_to_canvas(found == value)
        won = (shares >= _enough(shares)) & (shares > most)
        if not won.any():
            won[np.unravel_index(int(shares.argmax()), shares.shape)] = shares.max() > 0
        canvas[won] = value
        most[won] = shares[won]
    return canvas


def _enough(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """The share (h, w) of a pixel that a type must cover to be shown there; more than all where it covers nothing."""
    count, found = cv2.connectedComponents((shares > 0).astype(np.uint8), connectivity=8)
    regions = np.asarray(found, np.int64)
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, regions.ravel(), shares.ravel())
    limits = np.minimum(_COVERED, peaks / 2)
    limits[0] = 2  # what is not covered
    return np.asarray(limits[regions], np.float32)


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


def inspected(found: NDArray[np.uint8], place: Place) -> NDArray[np.uint8]:
    """A map of types (H, W) of a frame, without what is marked where nobody looks."""
    hidden = place.hidden_on_frame
    return found if hidden is None else np.where(hidden, np.uint8(0), found)


def seen(boxes: Boxes, hidden: NDArray[np.bool_] | None) -> Boxes:
    """The boxes of which at least a third is looked at.

    Args:
        boxes: In pixels of the map.
        hidden: (h, w), where nobody looks; None if all of it is looked at.
    """
    if hidden is None or not len(boxes):
        return boxes
    return boxes.only(np.array([not hidden[at].size or hidden[at].mean() <= 1 - _COVERED for at in _covers(boxes)]))


def owned(types: NDArray[np.uint8], boxes: Boxes) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The pixels that each box is drawn around, so that both can be turned together.

    Args:
        types: A map of types (h, w).
        boxes: In its pixels.

    Returns:
        uint8 (h, w): 0, or k + 1 where the k-th box has a pixel of its type; and float32 (K,): how many pixels each box
        reaches beyond them. A box that shares pixels with another has none of its own, and so has every box after the
        255th.
    """
    found, taken = np.zeros(types.shape, np.uint8), np.zeros(types.shape, np.uint8)
    covers = list(_covers(boxes))
    pixels = [types[at] == number + 1 for at, number in zip(covers, boxes.classes, strict=True)]
    for at, inside in zip(covers, pixels, strict=True):
        taken[at] = np.minimum(taken[at] + inside, 2)
    slack = np.zeros(len(boxes), np.float32)
    for row, (at, inside) in enumerate(zip(covers, pixels, strict=True)):
        if row < _MOST_OWNERS and inside.any() and taken[at][inside].max() == 1:
            found[at][inside] = row + 1
            slack[row] = np.abs(_extent(found == row + 1) - boxes.corners[row]).max()
    return found, slack


def refitted(corners: NDArray[np.float32], own: NDArray[np.uint8], slack: float, row: int) -> NDArray[np.float32]:
    """A box (4,) that was turned with what it is drawn around, no larger than that needs.

    Args:
        corners: What became of the box.
        own: What became of the pixels of all boxes; see `owned`.
        slack: How many pixels the box reached beyond its own.
        row: Its number.
    """
    mine = own == row + 1
    if not mine.any():
        return corners
    around = _extent(mine)
    if slack <= _TIGHT:
        return around
    fit = np.hstack([np.maximum(corners[:2], around[:2] - slack), np.minimum(corners[2:], around[2:] + slack)])
    return fit if (fit[2:] > fit[:2]).all() else corners


def _extent(pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
    """x1, y1, x2, y2 around the pixels that are True."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)


def _covers(boxes: Boxes) -> Iterator[tuple[slice, slice]]:
    """The rows and columns that each box reaches into."""
    low, high = np.floor(boxes.corners[:, :2]).astype(int), np.ceil(boxes.corners[:, 2:]).astype(int)
    for (left, top), (right, bottom) in zip(np.maximum(low, 0), high, strict=True):
        yield slice(int(top), int(bottom)), slice(int(left), int(right))
