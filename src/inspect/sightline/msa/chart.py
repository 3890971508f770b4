"""How far parts lie from a threshold, as dots in lanes: one lane a kind of change, one dot a part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sightline.msa.findings import Repeated
from sightline.msa.represented import ALL_CHANGES, CLOSE
from sightline.msa.words import change_words

_LEFT, _RIGHT, _WIDTH, _TOP, _LANE = 185.0, 640.0, 740.0, 8.0, 52.0
_DOT = 7.0  # pixels from one dot to the next
_MOST = 12.0  # spreads; what is further is counted and not drawn
_LEVELS = (0, 1, -1, 2, -2, 3, -3)


@dataclass(frozen=True)
class Dot:
    """One part: its place in pixels, its name, and whether its verdict changed."""

    x: float
    y: float
    part: str
    flipped: bool


@dataclass(frozen=True)
class Lane:
    """One kind of change: in words, its middle in pixels, the parts, and how many lie further than is drawn."""

    name: str
    y: float
    dots: tuple[Dot, ...]
    beyond: int


@dataclass(frozen=True)
class Chart:
    """The drawing, in pixels.

    Attributes:
        lanes: From the top.
        ticks: Place and label on the scale, in spreads.
        close: Where the margin is `CLOSE`.
        left: Where it is 0.
        right: Where the scale ends.
        width: Of the drawing.
        height: Of the drawing.
    """

    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    close: float
    left: float
    right: float
    width: float
    height: float


def draw(model: Repeated) -> Chart:
    """Draws the margins of one bundle, for each kind of change alone."""
    rows = [row for row in model.rows if row.change != ALL_CHANGES]
    lanes = []
    for number, row in enumerate(rows):
        y = _TOP + (number + 0.5) * _LANE
        near = sorted((margin, part) for part, margin in row.margins.items() if margin < _MOST)
        dots = _dots(near, y, model.flipped(row.change))
        lanes.append(Lane(change_words(row.change, model.of.run.changes), y, dots, len(row.margins) - len(near)))
    ticks = tuple((_x(value), f"{value:g}") for value in range(0, int(_MOST) + 1, 3))
    return Chart(tuple(lanes), ticks, _x(CLOSE), _LEFT, _RIGHT, _WIDTH, _TOP + len(rows) * _LANE + 40)


def _dots(near: Sequence[tuple[float, str]], middle: float, flipped: frozenset[str]) -> tuple[Dot, ...]:
    """Dots that would lie upon each other are stacked about the middle of the lane."""
    dots = []
    stacked: dict[int, int] = {}
    for margin, part in near:
        place = math.floor(_x(margin) / _DOT)
        level = stacked.get(place, 0)
        stacked[place] = level + 1
        dots.append(Dot((place + 0.5) * _DOT, middle - _LEVELS[level % len(_LEVELS)] * _DOT, part, part in flipped))
    return tuple(dots)


def _x(margin: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * margin / _MOST
