"""What somebody marked on an image: where which defect is, from masks, outlines or boxes alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes, joined
from sightline.dataset import pairs
from sightline.dataset.scan import same_mask
from sightline.dataset.within import around
from sightline.errors import DataError
from sightline.image import Place
from sightline.index import Box, Index, Sample

UNKNOWN = 255
"""In a map of types: somewhere here is a defect, and nobody marked where."""

MOST_TYPES = UNKNOWN - 1
"""How many types of defect a map of types tells apart."""

_COVERED = 1 / 3  # share of a pixel of the canvas under a mask from which it counts as the defect's
_TIGHT = 0.5  # pixels that a box may reach beyond its own and be drawn around them anew
_MOST_OWNERS = 255  # boxes that a map of 8 bits tells apart


def is_marked(sample: Sample, index: Index) -> bool:
    """Whether it is known where the image's defects are; of a good part it is.

    It is not where a defective image is not marked, or its mask is empty: then no map, no box tells of its defects, and
    to take it for an image without any would teach, and measure, what is wrong. A mask is read to tell.

    Raises:
        ImageError, DataError: As `types_map`.
    """
    if sample.good or sample.boxes or sample.polygons:
        return True
    return sample.mask is not None and bool(_of_mask(sample, index).any())


def known(samples: Sequence[Sample], index: Index) -> tuple[Sample, ...]:
    """The samples that are marked; see `is_marked`. Several masks are read at a time.

    Raises:
        ImageError, DataError: As `types_map`.
    """
    with ThreadPoolExecutor() as pool:
        return tuple(itertools.compress(samples, pool.map(lambda sample: is_marked(sample, index), samples)))


def types_map(sample: Sample, index: Index) -> NDArray[np.uint8]:
    """Which type each pixel of the image shows, uint8 (H, W): 0 none, k + 1 the k-th class of the index.

    Of one defect that is marked in several ways the finest counts: the mask, else outlines, else the inside of a box.
    So a box without an outline is filled though others have one (`sightline.dataset.pairs` tells which), and likewise a
    box in which the mask shows nothing of its type: a defect is there, and boxes are filled wherever nothing finer is
    known. All is `UNKNOWN` where a defective image is not marked, or its mask is empty, and never a part.

    Raises:
        ImageError: The mask cannot be read any more.
        DataError: The mask was changed since it was scanned, has another size than the image, or does not tell which of
            several types it shows; or there are more types than `MOST_TYPES`.
    """
    masked = _of_mask(sample, index) if sample.mask else np.zeros((sample.height, sample.width), np.uint8)
    found = np.zeros_like(masked)
    for box in _bare(sample, index, masked):
        found[_inside(pairs.corners(box))] = _number(box.label, index)
    for outline in sample.polygons:
        number = _number(outline.label, index)
        if not (masked[_inside(around([outline]))] == number).any():
            image.fill(found, np.array(outline.points), number)
    found[masked > 0] = masked[masked > 0]
    if not sample.good and not found.any():
        found[:] = UNKNOWN
    return found


def filled_boxes(sample: Sample, index: Index) -> list[Box]:
    """The boxes whose inside is all that is known of their defects: no outline belongs to them, no mask shows more.

    Raises:
        ImageError, DataError: As `types_map`.
    """
    if not sample.boxes:
        return []
    return _bare(sample, index, _of_mask(sample, index) if sample.mask else None)


def _bare(sample: Sample, index: Index, masked: NDArray[np.uint8] | None) -> list[Box]:
    def shown(box: Box) -> bool:
        inside, number = _inside(pairs.corners(box)), _number(box.label, index)
        return masked is not None and bool((masked[inside] == number).any())

    return [box for box in pairs.of(sample).bare if not shown(box)]


def _inside(corners: tuple[float, float, float, float]) -> tuple[slice, slice]:
    """The rows and columns of a box, a pixel of each at least."""
    x1, y1, x2, y2 = corners
    return slice(int(y1), max(int(y1) + 1, round(y2))), slice(int(x1), max(int(x1) + 1, round(x2)))


def _of_mask(sample: Sample, index: Index) -> NDArray[np.uint8]:
    name = sample.mask or ""
    values = image.read_values(same_mask(index, sample), name=name)
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
                found[values == value] = _number(label, index)
    elif len(sample.labels) > 1:
        raise DataError(
            f"{name}: the mask does not say which of {', '.join(sample.labels)} it shows",
            hint="Give the mask a value for each type, and state them in data.reader.values.",
        )
    elif sample.labels:
        found[values > sample.mask_above] = _number(sample.labels[0], index)
    return found


def _number(label: str, index: Index) -> int:
    """What stands for a type in a map of types."""
    if len(index.classes) > MOST_TYPES:
        raise DataError(
            f"expected at most {MOST_TYPES} types of defect, found {len(index.classes):,}",
            hint="Make them fewer with data.rename, or leave some out with data.ignore.",
        )
    return index.classes.index(label) + 1


def boxes_on(sample: Sample, index: Index) -> Boxes:
    """The boxes around the image's defects, in its pixels, each defect once.

    They are those that somebody drew; beside them one around each outline that belongs to none, such as those of COCO's
    crowds, and one around each region of the mask that all of these leave out.

    Raises:
        ImageError, DataError: As `types_map`.
    """
    drawn = [(pairs.corners(box), box.label) for box in sample.boxes]
    drawn += [(around([outline]), outline.label) for outline in pairs.of(sample).lone]
    corners = np.array([corners for corners, _ in drawn], np.float32).reshape(-1, 4)
    numbers = np.array([index.classes.index(label) for _, label in drawn], np.int64)
    boxes = Boxes(corners, np.ones(len(drawn), np.float32), numbers)
    if sample.mask is None or sample.good:
        return boxes
    return joined([boxes, pairs.without(around_regions(_of_mask(sample, index)), boxes)])


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
