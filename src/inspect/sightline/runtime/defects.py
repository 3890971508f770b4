"""The defects on a frame, one by one: regions of a map, or boxes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.boxes import areas
from sightline.bundle.manifest import Locate, Manifest
from sightline.runtime.reader import Reading
from sightline.verdict import Defect

_MOST = 200  # defects of a type; beyond it the map is no map of defects
_COARSE = 0.75  # pixels that an outline may be off, so that a verdict is no list of every pixel


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
    top = float(heat.max())
    if not top > 0:  # as it is where the map holds what is no number
        return []
    # Bringing the map over the frame lowers its peaks a little; and of what reached a threshold the highest counts.
    least = min(locate.peaks[name] * top / max(float(reading.maps[number].max()), 1e-9), top)
    defects = []
    for mask, (left, above) in regions(heat, min(locate.edges[name], least)):
        values = heat[above : above + mask.shape[0], left : left + mask.shape[1]][mask]
        if values.max() < least:
            continue
        area, score = float(mask.sum()), float(min(1.0, values.max()))
        box = (float(left), float(above), float(left + mask.shape[1]), float(above + mask.shape[0]))
        contour = outline(mask, left, above)
        defects.append(Defect(name, score, box, area, _in_mm2(area, scale), contour, float(values.mean())))
    return sorted(defects, key=lambda defect: -defect.score)[:_MOST]


def regions(heat: NDArray[np.float32], edge: float) -> list[tuple[NDArray[np.bool_], tuple[int, int]]]:
    """The regions of touching pixels (8-connected) of a map (H, W) at or above an edge: mask, and its left and top."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((heat >= edge).astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, count):
        left, top, width, height, _ = (int(value) for value in stats[label])
        found.append((labels[top : top + height, left : left + width] == label, (left, top)))
    return found


def outline(mask: NDArray[np.bool_], left: int, top: int) -> tuple[tuple[float, float], ...]:
    """The outer outline of a region, x, y in pixels of the frame; it runs along the middles of its outermost pixels."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    points = cv2.approxPolyDP(max(outlines, key=len), _COARSE, closed=True)[:, 0]
    return tuple((float(x + left), float(y + top)) for x, y in points)


def _in_mm2(area: float, scale: float | None) -> float | None:
    return None if scale is None else area * scale * scale
