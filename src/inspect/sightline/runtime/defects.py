"""The defects on a frame, one by one: regions of a map, or boxes."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import areas
from sightline.bundle.manifest import Locate, Manifest
from sightline.runtime.reader import Reading
from sightline.verdict import Defect

_MOST = 200  # defects of a type; beyond it the map is no map of defects
Region = tuple[NDArray[np.bool_], tuple[int, int]]
"""A mask (h, w), and its left and top on the frame."""

_LOWERED = 0.5  # of its height that a peak may lose where the map is brought over the frame


def defects_of(reading: Reading, manifest: Manifest) -> tuple[Defect, ...]:
    """The defects that a frame shows, the surest first; none of a bundle that does not locate them.

    Types whose score reaches no threshold have none, and each that reaches one has one at least: without a box, and
    with the area of the whole frame, if neither the map nor a box says where. A region begins where the map reaches the
    threshold of the verdict, and goes as far as it keeps above the edge (hysteresis, Canny 1986).

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
            found += locator(reading, number, name, locate, scale) or [_somewhere(reading, number, name, scale)]
    return tuple(sorted(found, key=lambda defect: -defect.score))


def _somewhere(reading: Reading, number: int, name: str, scale: float | None) -> Defect:
    """A defect that nothing says the place of; with the largest area it can have, so that none is too small."""
    area = float(np.prod(reading.place.frame))
    return Defect(name, min(1.0, float(reading.scores[number])), area=area, area_mm2=_in_mm2(area, scale))


def _boxes(reading: Reading, number: int, name: str, locate: Locate, scale: float | None) -> list[Defect]:
    boxes = reading.boxes
    if boxes is None:
        return []
    # What lies in the margin beside the picture has no area left in the frame, and what is no number has none either.
    of_type = boxes.only((boxes.classes == number) & (areas(boxes.corners) > 0))
    if not len(of_type):
        return []
    least = min(locate.peaks[name], float(of_type.scores.max()))  # of what reached a threshold the surest counts
    defects = []
    for row in np.argsort(-of_type.scores, kind="stable")[:_MOST]:
        if of_type.scores[row] < least:
            break
        x1, y1, x2, y2 = map(float, of_type.corners[row])
        area, score = (x2 - x1) * (y2 - y1), min(1.0, float(of_type.scores[row]))
        defects.append(Defect(name, score, (x1, y1, x2, y2), area, _in_mm2(area, scale)))
    return defects


def _regions(reading: Reading, number: int, name: str, locate: Locate, scale: float | None) -> list[Defect]:
    heat = reading.place.heat_to_frame(reading.maps[number])
    defects = []
    for mask, (left, above) in regions(heat, float(reading.maps[number].max()), locate.peaks[name], locate.edges[name]):
        values = heat[above : above + mask.shape[0], left : left + mask.shape[1]][mask]
        area, score = float(mask.sum()), float(min(1.0, values.max()))
        box = (float(left), float(above), float(left + mask.shape[1]), float(above + mask.shape[0]))
        contour = image.outline(mask, (left, above))
        defects.append(Defect(name, score, box, area, _in_mm2(area, scale), contour, float(values.mean())))
    return sorted(defects, key=lambda defect: -defect.score)[:_MOST]


def regions(heat: NDArray[np.float32], highest: float, peak: float, edge: float) -> Iterator[Region]:
    """The regions of touching pixels (8-connected) above the edge that reach the peak somewhere.

    Args:
        heat: (H, W), one type's map over the frame.
        highest: Of the map before it was brought there, which lowers its peaks a little.
        peak: What a region reaches; of a map that nowhere does its highest region counts, for its score did.
        edge: Where a region ends.
    """
    top = float(heat.max())
    if not top > 0:  # as it is where the map holds what is no number
        return
    least = min(peak * max(top / max(highest, 1e-9), _LOWERED), top)
    inside = (heat >= min(edge, least)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    for label in range(1, count):
        left, above, width, height, _ = (int(value) for value in stats[label])
        at = slice(above, above + height), slice(left, left + width)
        mask = labels[at] == label
        if heat[at][mask].max() >= least:
            yield mask, (left, above)


def _in_mm2(area: float, scale: float | None) -> float | None:
    return None if scale is None else area * scale * scale
