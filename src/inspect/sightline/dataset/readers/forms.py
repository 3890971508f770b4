"""Forms that annotation tools draw, as outlines: x, y, x, y, … in pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

_CORNERS = 64  # of a round form; a multiple of 4, so that its box is exact. It loses 0.2 % of the area.


def ellipse(centre: tuple[float, float], radii: tuple[float, float], degrees: float = 0.0) -> list[float]:
    """An ellipse with radii along x and y, turned clockwise as it is seen, as a polygon of 64 corners."""
    angles = [2 * math.pi * number / _CORNERS for number in range(_CORNERS)]
    x, y = centre
    flat = [value for a in angles for value in (x + radii[0] * math.cos(a), y + radii[1] * math.sin(a))]
    return turned(flat, centre, degrees)


def rectangle(corners: Sequence[float]) -> list[float]:
    """The outline of a box x1, y1, x2, y2."""
    x1, y1, x2, y2 = corners
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def turned(outline: Sequence[float], centre: tuple[float, float], degrees: float) -> list[float]:
    """An outline turned about a point, clockwise as it is seen, for y points down."""
    if not degrees:
        return list(outline)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    away = [(x - centre[0], y - centre[1]) for x, y in zip(outline[::2], outline[1::2], strict=True)]
    return [value for x, y in away for value in (centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos)]
