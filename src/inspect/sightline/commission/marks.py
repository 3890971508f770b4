"""Paints marks on good parts: how large must a mark be for the model to see it?

Painted marks are no defects. They answer a question that good parts alone leave open, whether the model would notice
anything at all, and from what size on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.export.intervals import wilson
from sightline.runtime import Inspector
from sightline.verdict import Outcome

SIZES = (0.02, 0.04, 0.08, 0.16)
"""Diameters, as shares of the frame's shorter side."""

_DEPTH = 0.5  # of the way to black or white


@dataclass(frozen=True)
class Seen:
    """What became of marks of one size.

    Attributes:
        size: Diameter, as a share of the frame's shorter side.
        found: Marks for which the frame was not answered OK.
        painted: Marks in all, each on another frame that passes without it.
    """

    size: float
    found: int
    painted: int

    @property
    def interval(self) -> tuple[float, float]:
        """The share found, 95 %, by Wilson."""
        return wilson(self.found / max(1, self.painted), self.painted)


def paint(frame: NDArray[np.uint8], size: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """Paints one round mark, dark or bright, with a soft edge, somewhere on a frame (H, W, 3).

    Args:
        frame: RGB.
        size: Diameter, as a share of the shorter side.
        random: Draws place and shade.
    """
    rows, columns = frame.shape[:2]
    radius = max(1.0, size * min(rows, columns) / 2)
    row, column = (random.uniform(min(0.1 * length, radius), length - radius) for length in (rows, columns))
    ys, xs = np.mgrid[:rows, :columns]
    distance = np.hypot(ys - row, xs - column)
    share = np.clip((radius - distance) / max(1.0, 0.3 * radius) + 0.5, 0, 1)[..., None] * _DEPTH
    shade = 255.0 * random.integers(2)
    return np.asarray(np.rint(frame * (1 - share) + shade * share), np.uint8)


def look(inspector: Inspector, frames: Sequence[NDArray[np.uint8]]) -> list[Seen]:
    """Lets the model inspect frames with a mark painted on each; frames that it rejects without one are left out.

    Args:
        inspector: The bundle at work.
        frames: Held-out good parts, no two of them alike, RGB, uint8 (H, W, 3).
    """
    random = np.random.default_rng(0)
    passed = [frame for frame in frames if inspector.inspect(frame).outcome is Outcome.OK]
    seen = []
    for size in SIZES:
        marked = [paint(frame, size, random) for frame in passed]
        found = sum(inspector.inspect(frame).outcome in (Outcome.NG, Outcome.REVIEW) for frame in marked)
        seen.append(Seen(size, found, len(passed)))
    return seen
