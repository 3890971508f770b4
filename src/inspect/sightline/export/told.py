"""What a bundle says of the defects on the images of a part, as the runtime tells them, beside what is true."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes, areas, iou
from sightline.bundle.manifest import Locate
from sightline.dataset import marks
from sightline.export.evaluate import truth_of
from sightline.export.matching import Compared
from sightline.export.regions import Instances
from sightline.export.sweep import Outputs
from sightline.index import Index, Sample
from sightline.runtime import defects
from sightline.runtime.looked import Link
from sightline.runtime.reader import Reading
from sightline.verdict import Policy, large_enough

LEAST = float(np.finfo(np.float32).tiny)
"""From which a map of `Regions.told` says something."""


@dataclass(frozen=True, eq=False)
class Regions:
    """One image of a model that outlines.

    Attributes:
        row: Its number among the outputs.
        heat: float32 (C, H, W), its maps over the frame.
        told: float32 (C, H, W), the regions that count: the score of each where it lies, 0 elsewhere.
        truth: bool (C, H, W), where each type was drawn, without regions that are too small to count.
    """

    row: int
    heat: NDArray[np.float32]
    told: NDArray[np.float32]
    truth: NDArray[np.bool_]

    @property
    def said(self) -> NDArray[np.bool_]:
        """(C, H, W) the regions that count."""
        return self.told > 0


def boxes(outputs: Outputs, index: Index, minimum_area: float = 0.0) -> list[Compared]:
    """The boxes found on each image beside those that people drew where it is inspected.

    Images whose defects are not marked are left out, and so is what was found on a true box that is too small.

    Args:
        outputs: One part.
        index: Tells what is true.
        minimum_area: Of a box that counts, found or true, in pixels of the frame.
    """
    compared = []
    for row in marked(outputs, index):
        sample, found = outputs.samples[row], counting(outputs.readings[row], minimum_area)
        drawn = _inspected(sample, index, outputs, row)
        large = _enough(areas(drawn.corners), minimum_area)
        found = found.only(~_mostly_on(found, drawn, ~large))
        compared.append(Compared(sample.unit, found, drawn.only(large)))
    return compared


def _mostly_on(found: Boxes, drawn: Boxes, small: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(K,) whether each box found overlaps (IoU) one of the small true ones (L,), and none of the others as much."""
    shares = iou(found.corners, drawn.corners)
    on, others = (shares[:, some].max(axis=1, initial=0) for some in (small, ~small))
    return np.asarray(on > others)


def _enough(sizes: NDArray[np.floating] | NDArray[np.int64], minimum_area: float) -> NDArray[np.bool_]:
    """(K,) which of some areas (K,) count."""
    return np.array([large_enough(size, minimum_area) for size in sizes.tolist()], bool)


def _inspected(sample: Sample, index: Index, outputs: Outputs, row: int) -> Boxes:
    """The true boxes of an image where somebody looks."""
    return marks.seen(marks.boxes_on(sample, index), outputs.readings[row].place.hidden_on_frame)


def truth(outputs: Outputs, index: Index, minimum_area: float = 0.0) -> NDArray[np.bool_]:
    """(N, C) whether each frame shows each type of the index where somebody looks; what is not marked is seen.

    Args:
        outputs: One part.
        index: Tells what is true.
        minimum_area: In pixels of the frame; of a type of which all marks are smaller nothing is shown.
    """
    shown = truth_of(outputs.samples, index.classes)
    for row in marked(outputs, index):
        sample = outputs.samples[row]
        if outputs.readings[row].place.hidden_on_frame is not None:
            seen = _inspected(sample, index, outputs, row).classes
            shown[row] &= np.isin(np.arange(len(index.classes)), seen)
        if minimum_area and shown[row].any():
            shown[row] &= ~_too_small(sample, index, outputs, row, minimum_area)
    return shown


def _too_small(sample: Sample, index: Index, outputs: Outputs, row: int, minimum_area: float) -> NDArray[np.bool_]:
    """(C,) whether there are marks of a type, and all too small: boxes of a model that gives boxes, else regions."""
    reading, types = outputs.readings[row], np.arange(len(index.classes))
    if reading.boxes is None:
        masks = _masks(marks.types_map(sample, index), reading, len(types))
        return np.asarray(masks.any(axis=(1, 2)) & ~_large(masks, minimum_area).any(axis=(1, 2)))
    drawn = _inspected(sample, index, outputs, row)
    large = _enough(areas(drawn.corners), minimum_area)
    return np.asarray(np.isin(types, drawn.classes) & ~np.isin(types, drawn.classes[large]))


def marked(outputs: Outputs, index: Index) -> list[int]:
    """Numbers of the images whose defects are marked, of which good ones have none: those that `boxes` takes."""
    return [row for row, sample in enumerate(outputs.samples) if marks.is_marked(sample, index)]


def counting(reading: Reading, minimum_area: float) -> Boxes:
    """The boxes of a reading that are large enough; one without area lies beside the frame."""
    found = reading.boxes or Boxes.empty()
    return found.only(_enough(areas(found.corners), max(minimum_area, LEAST)))


def scores_of_boxes(outputs: Outputs, minimum_area: float) -> NDArray[np.float32]:
    """(N, C) the scores of frames that count: of each type that of the surest box that is large enough."""
    counted = np.zeros_like(outputs.scores)
    for row, reading in enumerate(outputs.readings):
        large = counting(reading, minimum_area)
        np.maximum.at(counted[row], large.classes, large.scores)
    return counted


def scores_of_regions(outputs: Outputs, edges: Sequence[float], link: Link, minimum_area: float) -> NDArray[np.float32]:
    """(N, C) the scores of frames that count: of each type that of the highest region that is large enough.

    A threshold below the edge lets regions grow beyond it, so where none is large enough at the edge what the map
    reaches counts up to there.

    Args:
        outputs: One part, of a model that outlines.
        edges: (C,) of each type where its regions end.
        link: How scores follow from maps.
        minimum_area: Of a region that counts, in pixels of the frame.
    """
    counted = outputs.scores.copy()
    for row, reading in enumerate(outputs.readings):
        for number, heat in enumerate(over_frame(reading)):
            top, found = float(heat.max()), Instances.of(heat >= edges[number])
            large = found.peaks(heat)[_enough(found.areas, minimum_area)]
            peak = float(large.max(initial=min(edges[number], top)))
            counted[row, number] = defects.score_of(peak, top, reading, number, link.only(number))
    return counted


def regions(
    outputs: Outputs, index: Index, classes: Sequence[str], policy: Policy, locate: Locate, *, ranked: bool = False
) -> Iterator[Regions]:
    """Each image whose defects are marked, one at a time, for maps over large frames take much memory.

    Args:
        outputs: One part.
        index: Tells what is true.
        classes: Names of the C types.
        policy: Tells which types a frame shows.
        locate: Tells where regions begin and end.
        ranked: Whether to tell what reaches no threshold too, as `reaching`, and not only what the runtime tells.
    """
    rows = range(len(outputs.samples))
    every = (regions_of(outputs, index, classes, policy, locate, row, ranked=ranked) for row in rows)
    return (one for one in every if one is not None)


def regions_of(
    outputs: Outputs,
    index: Index,
    classes: Sequence[str],
    policy: Policy,
    locate: Locate,
    row: int,
    *,
    ranked: bool = False,
) -> Regions | None:
    """The image of this number, as `regions`; None if its defects are not marked."""
    sample, reading = outputs.samples[row], outputs.readings[row]
    drawn = marks.types_map(sample, index)
    if (drawn == marks.UNKNOWN).any():
        return None
    masks, heat = _masks(drawn, reading, len(classes)), over_frame(reading)
    large = _large(masks, policy.minimum_area)
    found = (reaching if ranked else said)(reading, heat, classes, policy, locate)
    _leave_out(found, np.asarray((masks & ~large).any(axis=0)), np.asarray(large.any(axis=0)))
    return Regions(row, heat, found, large)


def _masks(drawn: NDArray[np.uint8], reading: Reading, types: int) -> NDArray[np.bool_]:
    """(C, H, W) where each type is in a map of types (H, W) of the frame, as far as somebody looks."""
    shown = marks.inspected(drawn, reading.place)
    return np.asarray(shown[None] == np.arange(1, types + 1, dtype=np.uint8)[:, None, None])


def _large(masks: NDArray[np.bool_], minimum_area: float) -> NDArray[np.bool_]:
    """Masks (C, H, W) without their regions that are too small to count."""
    if not minimum_area:
        return masks
    every = [Instances.of(mask) for mask in masks]
    return np.stack([np.append(False, _enough(one.areas, minimum_area))[one.labels] for one in every])


def _leave_out(found: NDArray[np.float32], small: NDArray[np.bool_], large: NDArray[np.bool_]) -> None:
    """Sets the regions of maps (C, H, W) to 0 that touch something true that is too small, and nothing that is not."""
    if not small.any():
        return
    for one in found:
        regions_there = Instances.of(one > 0)
        gone = regions_there.touched(small) & ~regions_there.touched(large)
        one[np.append(False, gone)[regions_there.labels]] = 0


def over_frame(reading: Reading) -> NDArray[np.float32]:
    """The maps of a reading over its frame, float32 (C, H, W)."""
    return np.stack([reading.place.heat_to_frame(one) for one in reading.maps])


def said(
    reading: Reading, heat: NDArray[np.float32], classes: Sequence[str], policy: Policy, locate: Locate
) -> NDArray[np.float32]:
    """The regions that `sightline.runtime.defects.defects_of` tells, without those too small.

    Args:
        reading: What the model said.
        heat: Its maps over the frame.
        classes: Names of the C types.
        policy: Tells which types the frame shows.
        locate: Tells where regions begin and end.

    Returns:
        float32 (C, H, W): the score of each region where it lies, 0 elsewhere.
    """
    found = np.zeros(heat.shape, np.float32)
    for number, name in enumerate(classes):
        if reading.scores[number] < policy.threshold(name).review:
            continue
        scored = defects.scored_regions(reading, number, name, heat[number], policy, locate)
        for (mask, (left, above)), score in scored:
            if policy.counts(float(mask.sum())):
                found[number, above : above + mask.shape[0], left : left + mask.shape[1]][mask] = max(score, LEAST)
    return found


def reaching(
    reading: Reading, heat: NDArray[np.float32], classes: Sequence[str], policy: Policy, locate: Locate
) -> NDArray[np.float32]:
    """As `said`, with every region that reaches the edge, whatever its score; where none does, what a map reaches."""
    found = np.zeros(heat.shape, np.float32)
    for number, name in enumerate(classes):
        top = float(heat[number].max())
        if not top > 0:
            continue
        regions_there = Instances.of(heat[number] >= min(locate.edges[name], top))
        own = Link.of(locate, (name,))
        peaks = regions_there.peaks(heat[number]).tolist()
        scores = np.array([max(defects.score_of(peak, top, reading, number, own), LEAST) for peak in peaks])
        scores[~_enough(regions_there.areas, policy.minimum_area)] = 0
        found[number] = np.append(0, scores)[regions_there.labels]
    return found
