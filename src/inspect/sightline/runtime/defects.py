"""The defects on a frame, one by one: regions of a map, or boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import areas
from sightline.bundle.manifest import Locate, Manifest
from sightline.runtime.looked import Link
from sightline.runtime.reader import Reading
from sightline.verdict import Defect, Policy

_MOST = 200  # defects of a type; beyond it the map is no map of defects
Region = tuple[NDArray[np.bool_], tuple[int, int]]
"""A mask (h, w), and its left and top on the frame."""

_LOWERED = 0.5  # of its height that a peak may lose where the map is brought over the frame


def defects_of(reading: Reading, manifest: Manifest) -> tuple[Defect, ...]:
    """The defects that a frame shows, the surest first; none of a bundle that does not locate them.

    Types whose score reaches no threshold have none, and each that reaches one has one at least: without a box, and
    with the area of the whole frame, if neither the map nor a box says where. A region begins where the map reaches the
    threshold of the verdict, and goes as far as it keeps above the edge (hysteresis, Canny 1986). Of more of a type
    than can be told those that are too small to count are left out first, and then the least sure.

    Args:
        reading: What the model said.
        manifest: The bundle's.
    """
    locate, found = manifest.locate, list[Defect]()
    if locate is None:
        return ()
    locator = _boxes if locate.by == "boxes" else _regions
    for number, name in enumerate(manifest.classes):
        if reading.scores[number] >= manifest.policy.threshold(name).review:
            scale = manifest.input.mm_per_pixel
            located = locator(reading, number, name, locate, manifest.policy, scale)
            found += located or [_somewhere(reading, number, name, scale)]
    return tuple(sorted(found, key=lambda defect: -defect.score))


def _somewhere(reading: Reading, number: int, name: str, scale: float | None) -> Defect:
    """A defect that nothing says the place of; with the largest area it can have, so that none is too small."""
    area = float(np.prod(reading.place.frame))
    return Defect(name, min(1.0, float(reading.scores[number])), area=area, area_mm2=_in_mm2(area, scale))


def _boxes(
    reading: Reading, number: int, name: str, locate: Locate, policy: Policy, scale: float | None
) -> list[Defect]:
    boxes = reading.boxes
    if boxes is None:
        return []
    # What lies in the margin beside the picture has no area left in the frame, and what is no number has none either.
    of_type = boxes.only((boxes.classes == number) & (areas(boxes.corners) > 0))
    if not len(of_type):
        return []
    least = min(locate.peaks[name], float(of_type.scores.max()))  # of what reached a threshold the surest counts
    sure = of_type.only(of_type.scores >= least)
    sizes, defects = areas(sure.corners).tolist(), []
    for row in _told_first(sizes, sure.scores.tolist(), policy):
        x1, y1, x2, y2 = map(float, sure.corners[row])
        score = min(1.0, float(sure.scores[row]))
        defects.append(Defect(name, score, (x1, y1, x2, y2), sizes[row], _in_mm2(sizes[row], scale)))
    return defects


def _regions(
    reading: Reading, number: int, name: str, locate: Locate, policy: Policy, scale: float | None
) -> list[Defect]:
    heat = reading.place.heat_to_frame(reading.maps[number])
    found = list(scored_regions(reading, number, name, heat, policy, locate))
    sizes, defects = [float(mask.sum()) for (mask, _), _ in found], []
    for row in _told_first(sizes, [score for _, score in found], policy):
        (mask, (left, above)), score = found[row]
        values = heat[above : above + mask.shape[0], left : left + mask.shape[1]][mask]
        box = (float(left), float(above), float(left + mask.shape[1]), float(above + mask.shape[0]))
        contour = image.outline(mask, (left, above))
        in_mm2 = _in_mm2(sizes[row], scale)
        defects.append(Defect(name, score, box, sizes[row], in_mm2, contour, float(values.mean())))
    return defects


def _told_first(sizes: Sequence[float], scores: Sequence[float], policy: Policy) -> list[int]:
    """The numbers of the defects of a type that are told: those large enough first, then the surest."""
    ranks = [(not policy.counts(size), -score) for size, score in zip(sizes, scores, strict=True)]
    return sorted(range(len(ranks)), key=ranks.__getitem__)[:_MOST]


def scored_regions(
    reading: Reading, number: int, name: str, heat: NDArray[np.float32], policy: Policy, locate: Locate
) -> Iterator[tuple[Region, float]]:
    """The regions of a type that a frame shows, each with its score; none is below the threshold of the type.

    Args:
        reading: What the model said.
        number: Of the type.
        name: Of the type.
        heat: (H, W), its map over the frame.
        policy: Tells the threshold.
        locate: Tells where regions begin and end, and how scores follow from maps.
    """
    link, review = Link.of(locate, (name,)), policy.threshold(name).review
    highest, top = float(reading.maps[number].max()), float(heat.max())
    for region, peak in regions(heat, top, highest, locate.peaks[name], locate.edges[name]):
        score = score_of(peak, top, reading, number, link)
        yield region, score if link is None else max(score, review)


def score_of(peak: float, top: float, reading: Reading, number: int, link: Link | None) -> float:
    """The score of a region on the scale of the frame's score, which the highest region has itself.

    Args:
        peak: What the region reaches, of the map over the frame.
        top: What that map reaches anywhere.
        reading: What the model said.
        number: Of the type.
        link: Of that type alone; None if scores do not follow from maps, and then the peak is all that is known.
    """
    if link is None:
        return min(1.0, peak)
    frame = min(1.0, float(reading.scores[number]))
    if peak >= top:
        return frame
    before = peak / _lowered(top, float(reading.maps[number].max()))
    return min(frame, float(link.scores(np.array([before]))[0]))


def regions(
    heat: NDArray[np.float32], top: float, highest: float, peak: float, edge: float
) -> Iterator[tuple[Region, float]]:
    """The regions of touching pixels (8-connected) above the edge that reach the peak somewhere, and what each reaches.

    Args:
        heat: (H, W), one type's map over the frame.
        top: What it reaches anywhere.
        highest: Of the map before it was brought there, which lowers its peaks a little.
        peak: What a region reaches; of a map that nowhere does its highest region counts, for its score did.
        edge: Where a region ends.
    """
    if not top > 0:  # as it is where the map holds what is no number
        return
    least = min(peak * _lowered(top, highest), top)
    inside = (heat >= min(edge, least)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    for label in range(1, count):
        left, above, width, height, _ = (int(value) for value in stats[label])
        at = slice(above, above + height), slice(left, left + width)
        mask = labels[at] == label
        reached = float(heat[at][mask].max())
        if reached >= least:
            yield (mask, (left, above)), reached


def _lowered(top: float, highest: float) -> float:
    """What is left of a map's peaks over the frame, as a share, of what it reaches there and what it reached before."""
    return max(top / max(highest, 1e-9), _LOWERED)


def _in_mm2(area: float, scale: float | None) -> float | None:
    return None if scale is None else area * scale * scale
