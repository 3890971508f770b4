"""What is marked on each image, and how large it is for the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes, areas
from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.dataset import marks
from sightline.dataset.scan import Scan, read_mask
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
        lost: How many the model is not shown, for they lie in ignored regions or outside of the region of interest; of
            frames that are registered before, those that lie there however the frame is moved.
        named: Types that the marks show.
        bare: How many boxes have no outline, so that their inside is taught.
    """

    sample: Sample
    fault: str = ""
    boxes: Boxes = Boxes.empty()  # noqa: RUF009 - it is never changed
    shown: Boxes = Boxes.empty()  # noqa: RUF009
    lost: int = 0
    named: frozenset[str] = frozenset()
    bare: int = 0

    @property
    def known(self) -> bool:
        """As `sightline.dataset.marks.is_marked`: whether it is known where the defects are."""
        return self.sample.good or len(self.boxes) > 0


def look(
    index: Index, scan: Scan, preprocess: Preprocess | None, templates: Mapping[str, tuple[int, int]] | None = None
) -> tuple[Marked, ...]:
    """Looks at all that is marked; of good images too, for a mask may say otherwise.

    Masks of which the scan has told that they cannot be used are left out.

    Args:
        index: The images.
        scan: What their files hold.
        preprocess: What they go through, if it is known.
        templates: Path of an image -> height and width of its template, where that is known.
    """
    spec, sizes = preprocess or Preprocess(), templates or {}
    damaged = {file.sample.path for file in scan.files if file.mask_fault}
    rows = [s for s in index.samples if (s.mask or s.polygons or s.boxes) and s.path not in damaged]
    with ThreadPoolExecutor() as pool:
        return tuple(pool.map(lambda sample: _marked(index, sample, spec, sizes.get(sample.path)), rows))


def sides(boxes: Boxes) -> _Sides:
    """How large boxes are, (K,) in pixels: the side of a square of the same area."""
    return np.asarray(np.sqrt(areas(boxes.corners)), np.float32)


def _marked(index: Index, sample: Sample, spec: Preprocess, template: tuple[int, int] | None) -> Marked:
    try:
        found = Marked(
            sample,
            boxes=marks.boxes_on(sample, index),
            named=frozenset(_named(index, sample)),
            bare=len(marks.filled_boxes(sample, index)),
        )
    except DataError as error:
        return Marked(sample, fault=error.message)
    try:
        place = image.place((sample.height, sample.width), spec, upright=template if spec.align else None)
    except ImageError:  # the region of interest does not fit, which is an error of its own
        return found
    looked_at = _looked_at(found.boxes, place, spec.align) if template or not spec.align else found.boxes
    shown = marks.boxes_to_canvas(looked_at, place)
    return replace(found, shown=shown, lost=len(found.boxes) - len(looked_at))


def _looked_at(boxes: Boxes, place: image.Place, align: Align | None) -> Boxes:
    """The boxes that the model is shown; of a frame that is yet to be registered, those that it may be shown."""
    hidden = place.hidden_on_frame
    if align is None or hidden is None or not len(boxes):
        return marks.seen(boxes, hidden)
    turned = 0.0 if align.motion == "translation" else math.sin(math.radians(align.turn))
    reach = align.reach + turned * math.hypot(*place.frame) / 2
    between = (np.array(place.upright) - place.frame)[::-1] / 2  # the centres lie one upon the other, but for the reach
    low = np.floor(boxes.corners[:, :2] + between - reach).clip(0).astype(int)
    high = np.ceil(boxes.corners[:, 2:] + between + reach).clip(0).astype(int)
    near = zip(low, high, strict=True)
    return boxes.only(np.array([not hidden[y1:y2, x1:x2].all() for (x1, y1), (x2, y2) in near]))


def _named(index: Index, sample: Sample) -> Iterator[str]:
    yield from (box.label for box in sample.boxes)
    yield from (outline.label for outline in sample.polygons)
    if sample.mask is None:
        return
    if sample.good:  # its mask would be read as empty
        labels = set(sample.mask_values.values()) or {"a defect"}
        yield from labels if read_mask(index, sample).any() else ()
        return
    values = np.unique(marks.types_map(sample, index))
    yield from (index.classes[value - 1] for value in values if value not in (0, marks.UNKNOWN))
