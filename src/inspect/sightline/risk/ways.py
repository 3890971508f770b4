"""Two thresholds and three ways out: OK below `review`, REVIEW from there, NG from `ng`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sightline.errors import DataError
from sightline.risk.guarantee import Guarantee, guarantee_escape, guarantee_overkill, just_above
from sightline.risk.means import lower_mean, upper_mean
from sightline.risk.parts import Floats, Parts
from sightline.risk.shares import Figure, checked, percent, rounded_up


class Limits(NamedTuple):
    """The two thresholds on gravity; equal, there is no review.

    Attributes:
        review: From here a person looks.
        ng: From here the part is rejected; not below `review`.
    """

    review: float
    ng: float


@dataclass(frozen=True)
class Aims:
    """What the thresholds are to keep; every share lies between 0 and 1.

    Attributes:
        max_escape: Largest share of photographs of defective parts that pass as OK.
        confidence: Of the guarantees, each by itself.
        max_overkill: Largest share of photographs of good parts that are rejected as NG.
        review_budget: Largest share of all photographs that go to review, as expected.
        defect_rate: Share of defective parts on the line, which a budget needs.
    """

    max_escape: float
    confidence: float = 0.95
    max_overkill: float | None = None
    review_budget: float | None = None
    defect_rate: float | None = None


@dataclass(frozen=True)
class Choice:
    """Thresholds that keep the aims.

    Attributes:
        limits: The thresholds.
        escape: What is guaranteed of defective parts that pass.
        overkill: What is guaranteed of good parts that are rejected, where that was asked for.
        remarks: What a person should know before using them.
    """

    limits: Limits
    escape: Guarantee
    overkill: Guarantee | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outlook:
    """What to expect of thresholds at a defect rate, each part weighing the same.

    The intervals are exact, each by itself, for thresholds that these parts did not choose. For others they describe
    the data, and a little too surely; what is proved then is the guarantee.

    Attributes:
        escape: Share of photographs of defective parts that pass as OK.
        overkill: Share of photographs of good parts that are rejected as NG.
        review: Share of photographs of all parts that go to review.
    """

    escape: Figure
    overkill: Figure
    review: Figure


def choose(defective: Parts, good: Parts | None, aims: Aims, types: Mapping[str, Parts] | None = None) -> Choice:
    """Chooses `review` by the escape rate, and `ng` above it by overkill and the budget.

    With a largest overkill, `ng` is the lowest threshold that keeps it, so that no more goes to review than it takes;
    with a budget alone, overkill is made as small as the budget can. With neither, both thresholds are one.

    Args:
        defective: Parts known to be defective.
        good: Parts known to be good, where there are any.
        aims: What is to be kept.
        types: Defective parts of each type that is to keep the escape rate as well.

    Raises:
        DataError: The parts are too few for the aims, the aims contradict each other, or one is out of range.
    """
    escape = guarantee_escape(defective, aims.max_escape, aims.confidence, types)
    review = escape.threshold
    if aims.max_overkill is None and aims.review_budget is None:
        return Choice(Limits(review, review), escape, None, _remarks(good, review))
    if good is None:
        raise DataError(
            "expected good parts to choose the NG threshold on, and there is none",
            hint="Add good parts, or leave out the largest overkill and the review budget.",
        )
    overkill = None if aims.max_overkill is None else guarantee_overkill(good, aims.max_overkill, aims.confidence)
    ng = review if overkill is None else max(review, overkill.threshold)
    if aims.review_budget is not None:
        band = _Band(defective, good, aims.review_budget, aims.defect_rate)
        widest = band.widest(review)
        if overkill is None:
            ng = widest
        elif widest < ng:
            raise _contradiction(band, escape, overkill, widest, (defective, *(types or {}).values()))
    return Choice(Limits(review, ng), escape, overkill, _remarks(good, review))


def expect(defective: Parts, good: Parts, limits: Limits, defect_rate: float, confidence: float = 0.95) -> Outlook:
    """What to expect of thresholds, with intervals.

    Args:
        defective: Parts known to be defective.
        good: Parts known to be good.
        limits: The thresholds.
        defect_rate: Share of defective parts on the line, between 0 and 1.
        confidence: Of each interval, between 0 and 1.

    Raises:
        DataError: The defect rate or the confidence is out of range.
    """
    rate, side = checked("the defect rate", defect_rate), (1 + checked("the confidence", confidence)) / 2
    return Outlook(
        _figure(defective, defective.below(limits.review), side),
        _figure(good, good.reaching(limits.ng), side),
        _reviewing(defective, good, limits, rate, side),
    )


def _reviewing(defective: Parts, good: Parts, limits: Limits, rate: float, side: float) -> Figure:
    """The share of all photographs that go to review; the shares of both kinds hold at once (Bonferroni)."""
    if limits.review == limits.ng:
        return Figure(0.0, 0.0, 0.0)
    found, other = (_figure(parts, _between(parts, limits), (1 + side) / 2) for parts in (defective, good))
    return Figure(*(rate * one + (1 - rate) * two for one, two in zip(found, other, strict=True)))


def _figure(parts: Parts, shares: Floats, side: float) -> Figure:
    """The mean of shares (P,), with its bounds at a one-sided confidence."""
    low, high = (bound(shares, side, single=parts.single) for bound in (lower_mean, upper_mean))
    return Figure(float(shares.mean()), low, high)


def _between(parts: Parts, limits: Limits) -> Floats:
    """(P,) the share of each part's photographs that go to review."""
    return parts.below(limits.ng) - parts.below(limits.review)


class _Band:
    """What goes to review, and the share of all photographs that may.

    Raises:
        DataError: The budget or the defect rate is out of range, or the latter is not given.
    """

    def __init__(self, defective: Parts, good: Parts, budget: float, rate: float | None) -> None:
        if rate is None:
            raise DataError(
                "a review budget is a share of all parts, and the share of defective ones among them is not known",
                hint="Give the defect rate of the line, such as 0.01.",
            )
        self.defective, self.good = defective, good
        self.budget, self.rate = checked("the review budget", budget), checked("the defect rate", rate)

    def share(self, review: Floats | float, ng: Floats | float) -> Floats:
        """The expected share of all photographs that go to review, at some pairs of thresholds."""
        found, other = (parts.share_below(ng) - parts.share_below(review) for parts in (self.defective, self.good))
        return np.asarray(self.rate * found + (1 - self.rate) * other)

    def widest(self, review: float) -> float:
        """The threshold `ng` of least overkill within the budget; the lowest, if several have as little."""
        above = just_above(self.good)
        steps = np.append(review, above[above > review])
        return float(steps[self.share(review, steps) <= self.budget][-1])

    def narrowed(self, limits: Limits) -> float:
        """The lowest threshold `review` from that of the limits upwards which keeps the budget below their `ng`."""
        steps = np.append(np.unique(self.defective.gravity), limits.ng)
        steps = steps[(steps >= limits.review) & (steps <= limits.ng)]
        return float(steps[self.share(steps, limits.ng) <= self.budget][0])


def _contradiction(
    band: _Band, escape: Guarantee, overkill: Guarantee, widest: float, groups: Sequence[Parts]
) -> DataError:
    """Says what could be kept: of the three aims each, if the other two stay."""
    limits, good = Limits(escape.threshold, overkill.threshold), band.good
    review = band.narrowed(limits)
    passing = [upper_mean(parts.below(review), escape.confidence, single=parts.single) for parts in groups]
    reachable = {
        "a review budget": float(band.share(*limits)),
        "a largest overkill": upper_mean(good.reaching(widest), overkill.confidence, single=good.single),
        "a largest escape rate": max(passing),
    }
    told = [f"{what} of {percent(rounded_up(share))}" for what, share in reachable.items() if rounded_up(share) < 1]
    return DataError(
        f"no thresholds keep an escape rate of {percent(escape.target)}, an overkill of {percent(overkill.target)} and "
        f"a review budget of {percent(band.budget)} at once",
        hint=f"Keep two of them, and ask for {', or '.join(told)}.",
    )


def _remarks(good: Parts | None, review: float) -> tuple[str, ...]:
    if good is not None and review <= good.gravity[0]:
        return (
            "every good part reaches the threshold: the scores do not tell them from the least grave defective ones",
        )
    return ()
