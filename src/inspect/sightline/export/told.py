"""What a bundle says of the defects on the images of a part, as the runtime tells them, beside what is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes, areas
from sightline.bundle.manifest import Locate
from sightline.dataset import marks
from sightline.export.evaluate import truth_of
from sightline.export.matching import Compared
from sightline.export.sweep import Outputs
from sightline.index import Index, Sample
from sightline.runtime import defects
from sightline.runtime.reader import Reading
from sightline.verdict import Policy

LEAST = float(np.finfo(np.float32).tiny)
"""From which a map of `Regions.told` says something."""


@dataclass(frozen=True, eq=False)
class Regions:
    """One image of a model that outlines.

    Attributes:
        row: Its number among the outputs.
        heat: float32 (C, H, W), its maps over the frame.
        said: bool (C, H, W), the regions that count.
        truth: bool (C, H, W), where each type was drawn.
    """

    row: int
    heat: NDArray[np.float32]
    said: NDArray[np.bool_]
    truth: NDArray[np.bool_]

    @property
    def told(self) -> NDArray[np.float32]:
        """(C, H, W) the maps where they count, 0 elsewhere."""
        return np.where(self.said, np.maximum(self.heat, LEAST), 0).astype(np.float32)


def boxes(outputs: Outputs, index: Index, minimum_area: float = 0.0) -> list[Compared]:
    """The boxes found on each image beside those that people drew where it is inspected.

    Images whose defects are not marked are left out.

    Args:
        outputs: One part.
        index: Tells what is true.
        minimum_area: Of a box that counts, in pixels of the frame.
    """
    return [
        Compared(sample.unit, counting(outputs.readings[row], minimum_area), _inspected(sample, index, outputs, row))
        for row, sample in enumerate(outputs.samples)
        if marks.is_marked(sample, index)
    ]


def _inspected(sample: Sample, index: Index, outputs: Outputs, row: int) -> Boxes:
    """The true boxes of an image where somebody looks."""
    return marks.seen(marks.boxes_on(sample, index), outputs.readings[row].place.hidden_on_frame)


def truth(outputs: Outputs, index: Index) -> NDArray[np.bool_]:
    """(N, C) whether each frame shows each type of the index where somebody looks; what is not marked is seen."""
    shown = truth_of(outputs.samples, index.classes)
    for row, sample in enumerate(outputs.samples):
        if marks.is_marked(sample, index) and outputs.readings[row].place.hidden_on_frame is not None:
            seen = _inspected(sample, index, outputs, row).classes
            shown[row] &= np.isin(np.arange(len(index.classes)), seen)
    return shown


def marked(outputs: Outputs, index: Index) -> list[int]:
    """Numbers of the images whose defects are marked, of which good ones have none: those that `boxes` takes."""
    return [row for row, sample in enumerate(outputs.samples) if marks.is_marked(sample, index)]


def counting(reading: Reading, minimum_area: float) -> Boxes:
    """The boxes of a reading that are large enough; one without area lies beside the frame."""
    found = reading.boxes or Boxes.empty()
    return found.only(areas(found.corners) >= max(minimum_area, LEAST))


def regions(
    outputs: Outputs, index: Index, classes: Sequence[str], policy: Policy, locate: Locate
) -> Iterator[Regions]:
    """Each image whose defects are marked, one at a time, for maps over large frames take much memory.

    Args:
        outputs: One part.
        index: Tells what is true.
        classes: Names of the C types.
        policy: Tells which types a frame shows.
        locate: Tells where regions begin and end.
    """
    every = (regions_of(outputs, index, classes, policy, locate, row) for row in range(len(outputs.samples)))
    return (one for one in every if one is not None)


def regions_of(
    outputs: Outputs, index: Index, classes: Sequence[str], policy: Policy, locate: Locate, row: int
) -> Regions | None:
    """The image of this number, as `regions`; None if its defects are not marked."""
    sample, reading = outputs.samples[row], outputs.readings[row]
    drawn = marks.types_map(sample, index)
    if (drawn == marks.UNKNOWN).any():
        return None
    shown = marks.inspected(drawn, reading.place)
    truth = np.asarray(shown[None] == np.arange(1, len(classes) + 1, dtype=np.uint8)[:, None, None])
    heat = over_frame(reading)
    return Regions(row, heat, said(reading, heat, classes, policy, locate), truth)


def over_frame(reading: Reading) -> NDArray[np.float32]:
    """The maps of a reading over its frame, float32 (C, H, W)."""
    return np.stack([reading.place.heat_to_frame(one) for one in reading.maps])


def said(
    reading: Reading, heat: NDArray[np.float32], classes: Sequence[str], policy: Policy, locate: Locate
) -> NDArray[np.bool_]:
    """The regions that `sightline.runtime.defects.defects_of` tells, as masks (C, H, W), without those too small.

    Args:
        reading: What the model said.
        heat: Its maps over the frame.
        classes: Names of the C types.
        policy: Tells which types the frame shows.
        locate: Tells where regions begin and end.
    """
    found = np.zeros(heat.shape, bool)
    for number, name in enumerate(classes):
        if reading.scores[number] < policy.threshold(name).review:
            continue
        highest = float(reading.maps[number].max())
        for mask, (left, above) in defects.regions(heat[number], highest, locate.peaks[name], locate.edges[name]):
            if mask.sum() >= policy.minimum_area:
                found[number, above : above + mask.shape[0], left : left + mask.shape[1]] |= mask
    return found
