"""What is marked on each image, and how large it is for the model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes, areas
from sightline.config import Preprocess
from sightline.dataset import marks
from sightline.dataset.scan import Scan
from sightline.errors import DataError, ImageError
from sightline.index import Index, Sample

_Sides = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Marked:
    """What is marked on one image.

    Attributes:
        sample: The image.
        fault: Why its marks cannot be used; empty if they can.
        boxes: Around its defects, in its pixels.
        shown: Those that the model is shown, in pixels of its input; of frames that are registered before, about so.
        lost: How many the model is not shown, for they lie in ignored regions or outside of the region of interest.
        named: Types that the marks show.
    """

    sample: Sample
    fault: str = ""
    boxes: Boxes = Boxes.empty()  # noqa: RUF009 - it is never changed
    shown: Boxes = Boxes.empty()  # noqa: RUF009
    lost: int = 0
    named: frozenset[str] = frozenset()


def look(index: Index, scan: Scan, preprocess: Preprocess | None) -> tuple[Marked, ...]:
    """Looks at all that is marked; of good images too, for a mask may say otherwise.

    Masks of which the scan has told that they cannot be used are left out.
    """
    damaged = {file.sample.path for file in scan.files if file.mask_fault}
    rows = [s for s in index.samples if (s.mask or s.polygons or s.boxes) and s.path not in damaged]
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(lambda sample: _marked(index, sample, preprocess or Preprocess()), rows))


def sides(boxes: Boxes) -> _Sides:
    """How large boxes are, (K,) in pixels: the side of a square of the same area."""
    return np.asarray(np.sqrt(areas(boxes.corners)), np.float32)


def _marked(index: Index, sample: Sample, spec: Preprocess) -> Marked:
    try:
        named = frozenset(_named(index, sample))
        boxes = marks.boxes_on(sample, index)
    except DataError as error:
        return Marked(sample, fault=error.message)
    shape = (sample.height, sample.width)
    try:
        place = image.place(shape, spec)
        looked_at = boxes if spec.align else marks.seen(boxes, _hidden(shape, place, spec))
    except ImageError:  # the region of interest does not fit, which is an error of its own
        return Marked(sample, boxes=boxes, named=named)
    shown = marks.boxes_to_canvas(looked_at, place)
    return Marked(sample, boxes=boxes, shown=shown, lost=len(boxes) - len(looked_at), named=named)


def _named(index: Index, sample: Sample) -> Iterator[str]:
    yield from (box.label for box in sample.boxes)
    yield from (outline.label for outline in sample.polygons)
    if sample.mask is None:
        return
    if sample.good:  # its mask would be read as empty
        labels = set(sample.mask_values.values()) or {"a defect"}
        yield from labels if image.read_mask(index.root / sample.mask, name=sample.mask).any() else ()
        return
    values = np.unique(marks.types_map(sample, index))
    yield from (index.classes[value - 1] for value in values if value not in (0, marks.UNKNOWN))


def _hidden(shape: tuple[int, int], place: image.Place, spec: Preprocess) -> NDArray[np.bool_] | None:
    """(H, W) of the frame: the pixels where nobody looks; None if all of it is looked at."""
    unseen = image.unseen(shape, spec)
    if unseen is None:
        return None
    whole = np.ones(shape, np.bool_)
    top, left, height, width = place.region
    whole[top : top + height, left : left + width] = unseen
    return whole
