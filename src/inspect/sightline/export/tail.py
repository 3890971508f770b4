"""What heat means when no defect is known: how rarely a good part gets so hot.

``p`` is the share of good parts that are at least so hot, told from good parts that nothing was learned from, and the
score is ``L / (1 + L)`` with ``L = -log10(p)``: 0.5 is one good part in ten, 0.667 one in a hundred, 0.75 one in a
thousand. It grows for ever without reaching 1, so it needs no largest value, clips nothing, and ranks what is far
beyond everything seen.

Up to the hottest fifth, p is the conformal p-value (Vovk, Gammerman & Shafer 2005): of n good parts, one that is hotter
than all but k of them has p = (k + 1) / (n + 1), whatever the distribution. Beyond, the excess over that level is taken
for exponential, the middle of the three kinds of tail that extremes have (Pickands 1975, Balkema & de Haan 1974), and
p is the exact prediction for the next one: with m excesses of mean b, P(excess > y) = (1 + y / (m b)) ** -m. That is a
generalised Pareto tail of shape 1 / m: the fewer parts were seen, the more careful.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sightline.errors import ExportError

FEWEST = 5
"""Good parts that a tail can be told from."""

_HOTTEST = 0.2
_KNOTS = 16
_RISING = 1e-3  # of L at least, where many of the coolest are equal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tail:
    """How rarely good parts are how hot.

    Attributes:
        knots: (K,) heat, from 0, rising; between them L is linear, and beyond the last one the tail begins.
        levels: (K,) L = -log10(p) at the knots, rising from 0.
        excesses: How many excesses the tail was told from.
        mean_excess: Their mean.
        count: Good parts in all.
    """

    knots: Floats
    levels: Floats
    excesses: int
    mean_excess: float
    count: int

    @property
    def rarest(self) -> float:
        """The share of good parts as hot as the hottest of those seen: what is rarer is extrapolated."""
        return 1 / (self.count + 1)

    def level(self, heat: NDArray[np.floating]) -> Floats:
        """L = -log10(p) of any heat."""
        beyond = np.maximum(np.asarray(heat, np.float64) - self.knots[-1], 0)
        tail = self.excesses * np.log10(1 + beyond / (self.excesses * self.mean_excess))
        return np.asarray(np.interp(heat, self.knots, self.levels) + tail, np.float64)


def wanted_for(share: float) -> int:
    """How many good parts tell, without extrapolation, how hot such a share of them gets."""
    return math.ceil(1 / share - 1e-9) - 1


def fit(heat: NDArray[np.floating], *, groups: tuple[str, ...] = ()) -> Tail:
    """Tells the tail from good parts that nothing was learned from.

    Args:
        heat: (N,) heat of each frame, 0 or more.
        groups: N names; of each group only the hottest frame counts, for twins are not two parts. Empty: all count.

    Raises:
        ExportError: There are fewer than five parts.
    """
    values = np.sort(_hottest(np.asarray(heat, np.float64), groups))
    count = len(values)
    if count < FEWEST:
        raise ExportError(
            f"expected at least {FEWEST} different good images in the calibrate part, got {count}",
            hint="Add good images, or raise data.split.calibrate.",
        )
    excesses = min(count - 2, max(FEWEST - 1, round(_HOTTEST * count)))
    body = values[: count - excesses]
    start = float(body[-1])
    mean = max(float((values[-excesses:] - start).mean()), 1e-3 * start, 1e-9)
    shares = (count + 1 - np.arange(count - excesses)) / (count + 1)  # (k + 1) / (n + 1), k being those not cooler
    # Without the coolest: from no heat at all on, L rises, so that nothing is clipped there either.
    picks = np.unique(np.linspace(0, len(body) - 1, _KNOTS).round().astype(int))[1:]
    picks = np.searchsorted(body, body[picks])  # of equal ones the first, whose p is the largest
    knots, first = np.unique(np.maximum(body[picks], 1e-9), return_index=True)
    levels = np.maximum(-np.log10(shares[picks[first]]), _RISING * knots / knots[-1])
    return Tail(np.r_[0.0, knots], np.r_[0.0, levels + 0.0], excesses, mean, count)


def score(level: NDArray[np.floating] | float) -> Floats:
    """L to a score: L / (1 + L)."""
    return np.asarray(level / (1 + np.asarray(level, np.float64)))


def _hottest(heat: Floats, groups: tuple[str, ...]) -> Floats:
    if not groups:
        return heat
    most: dict[str, float] = {}
    for value, group in zip(heat.tolist(), groups, strict=True):
        most[group] = max(value, most.get(group, 0.0))
    return np.array(list(most.values()))


class TailScore(nn.Module):
    """The tail as a part of the graph: heat of any shape to scores of the same shape.

    Args:
        tail: Fitted on the calibrate part.
    """

    def __init__(self, tail: Tail) -> None:
        super().__init__()
        slopes = np.diff(tail.levels) / np.diff(tail.knots)
        self.register_buffer("starts", torch.tensor(tail.knots[:-1], dtype=torch.float32))
        self.register_buffer("lengths", torch.tensor(np.diff(tail.knots), dtype=torch.float32))
        self.register_buffer("slopes", torch.tensor(slopes, dtype=torch.float32))
        self.starts: Tensor
        self.lengths: Tensor
        self.slopes: Tensor
        self.begins = float(tail.knots[-1])
        self.excesses = tail.excesses
        self.scale = tail.excesses * tail.mean_excess

    def forward(self, scores: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, 1) of heat (B, 1), and those of maps (B, 1, h, w) likewise."""
        return self._score(scores), self._score(maps)

    def _score(self, heat: Tensor) -> Tensor:
        pieces = (heat.unsqueeze(-1) - self.starts).clamp(min=0).minimum(self.lengths)
        body = (pieces * self.slopes).sum(-1)
        tail = self.excesses / np.log(10) * torch.log1p((heat - self.begins).clamp(min=0) / self.scale)
        level = body + tail
        found: Tensor = level / (1 + level)
        return found
