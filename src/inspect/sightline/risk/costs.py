"""Thresholds of least expected cost, and what they save against others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError
from sightline.risk.parts import Floats, Parts
from sightline.risk.shares import Figure, checked
from sightline.risk.ways import Limits

_RESAMPLES = 500

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Costs:
    """What errors cost, in any one currency.

    Attributes:
        escape: A defective part that passes.
        scrap: A good part that is rejected.
        parts_a_day: Parts that are inspected.
        defect_rate: Share of defective parts among them, between 0 and 1.
        review: A part that a person looks at, who is taken to be right; None where nobody can.

    Raises:
        DataError: One of them is negative, no number or out of range.
    """

    escape: float
    scrap: float
    parts_a_day: float
    defect_rate: float
    review: float | None = None

    def __post_init__(self) -> None:
        checked("the defect rate", self.defect_rate)
        named = {"an escape": self.escape, "a scrapped part": self.scrap, "a review": self.review or 0.0}
        named["a day's parts"] = self.parts_a_day
        for what, value in named.items():
            if not (math.isfinite(value) and value >= 0):
                raise DataError(f"the figure for {what} must be a number from 0 upwards; got {value:g}")


@dataclass(frozen=True)
class Saving:
    """What thresholds of least expected cost save against today's.

    The figures tell what these thresholds will save on other parts of the same sort. On the parts that chose them they
    look better than they are, so parts are drawn anew, the choice is repeated on each draw, and by as much as it there
    looks better than it is on the parts at hand, the figures are lowered (Efron 1983); the interval is the basic
    bootstrap's (Davison & Hinkley 1997) of that difference. It cannot know of errors that no part at hand shows: the
    bound on escapes is the guarantee's work.

    Attributes:
        limits: The thresholds of least cost.
        cost: What they cost a day, on the parts at hand.
        cost_today: What today's cost a day, likewise.
        money: Saved a day.
        scrap: Good parts a day that are no longer scrapped.
    """

    limits: Limits
    cost: float
    cost_today: float
    money: Figure
    scrap: Figure


@dataclass(frozen=True, eq=False)
class _Curves:
    """Shares of photographs at the thresholds (T,): of defective ones below each, and of good ones that reach it."""

    missed: Floats
    rejected: Floats

    @classmethod
    def of(
        cls, defective: Parts, good: Parts, thresholds: Floats, times: tuple[Times | None, Times | None] = (None, None)
    ) -> _Curves:
        return cls(defective.share_below(thresholds, times[0]), 1 - good.share_below(thresholds, times[1]))

    def prices(self, costs: Costs) -> tuple[Floats, Floats]:
        """What a part costs by the place of `review` and, to be added, by that of `ng`; (T,) each."""
        rate, review = costs.defect_rate, costs.review or 0.0
        return (
            rate * (costs.escape - review) * self.missed + (1 - rate) * review * self.rejected,
            rate * review * self.missed + (1 - rate) * (costs.scrap - review) * self.rejected,
        )

    def cheapest(self, costs: Costs) -> tuple[int, int]:
        """The places of `review` and `ng`; of equally cheap ones the lowest."""
        of_review, of_ng = self.prices(costs)
        if costs.review is None:
            place = int(np.argmin(of_review + of_ng))
            return place, place
        ng = int(np.argmin(np.minimum.accumulate(of_review) + of_ng))
        return int(np.argmin(of_review[: ng + 1])), ng

    def a_day(self, costs: Costs, places: tuple[int, int]) -> Floats:
        """(2,) the cost a day, and the good parts scrapped a day."""
        of_review, of_ng = self.prices(costs)
        scrapped = (1 - costs.defect_rate) * self.rejected[places[1]]
        return costs.parts_a_day * np.array([of_review[places[0]] + of_ng[places[1]], scrapped])


def cheapest(defective: Parts, good: Parts, costs: Costs) -> Limits:
    """The thresholds of least expected cost, each in the middle between the gravities around it.

    Where a review has no cost given there is one threshold.

    Args:
        defective: Parts known to be defective.
        good: Parts known to be good.
        costs: What errors cost.
    """
    thresholds = _thresholds(defective, good)
    review, ng = _Curves.of(defective, good, thresholds).cheapest(costs)
    return Limits(float(thresholds[review]), float(thresholds[ng]))


def saving(defective: Parts, good: Parts, costs: Costs, today: Limits, confidence: float = 0.95) -> Saving:
    """What the thresholds of least expected cost save a day against today's.

    Args:
        defective: Parts known to be defective.
        good: Parts known to be good.
        costs: What errors cost.
        today: The thresholds to compare with.
        confidence: Of the intervals, between 0 and 1.

    Raises:
        DataError: Today some parts go to review, and no cost of a review is given; or the confidence is out of range.
    """
    tail = (1 - checked("the confidence", confidence)) / 2
    if costs.review is None and today.review < today.ng:
        raise DataError(
            "today's thresholds send parts to review, and what a review costs is not known",
            hint="Give the cost of a review.",
        )
    thresholds = np.unique(np.concatenate([_thresholds(defective, good), today]))
    before = int(np.searchsorted(thresholds, today.review)), int(np.searchsorted(thresholds, today.ng))
    at_hand = _Curves.of(defective, good, thresholds)

    def gain(chooser: _Curves, judge: _Curves) -> Floats:
        return judge.a_day(costs, before) - judge.a_day(costs, chooser.cheapest(costs))

    random, flattered = np.random.default_rng(0), []
    for _ in range(_RESAMPLES):
        drawn = _Curves.of(defective, good, thresholds, (_drawn(defective, random), _drawn(good, random)))
        flattered.append(gain(drawn, drawn) - gain(drawn, at_hand))
    value = gain(at_hand, at_hand) - np.mean(flattered, axis=0)
    high, low = gain(at_hand, at_hand) - np.quantile(flattered, [tail, 1 - tail], axis=0)
    money, scrap = (
        Figure(*map(float, figure))
        for figure in zip(value, np.minimum(low, value), np.maximum(high, value), strict=True)
    )
    return Saving(
        cheapest(defective, good, costs),
        float(at_hand.a_day(costs, at_hand.cheapest(costs))[0]),
        float(at_hand.a_day(costs, before)[0]),
        money,
        scrap,
    )


def _thresholds(defective: Parts, good: Parts) -> Floats:
    """From the one that catches everything to the one that catches nothing, rising."""
    values = np.unique(np.concatenate([defective.gravity, good.gravity]))
    return np.concatenate([values[:1], (values[:-1] + values[1:]) / 2, [np.nextafter(values[-1], np.inf)]])


def _drawn(parts: Parts, random: np.random.Generator) -> Times:
    """(P,) how often each part comes when as many are drawn anew; its photographs stay together."""
    return random.multinomial(parts.count, np.full(parts.count, 1 / parts.count))
