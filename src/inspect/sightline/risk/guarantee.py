"""The furthest threshold that still keeps a rate of error below a target, proved on the parts that choose it.

The rate of error only rises when a threshold moves one way. So thresholds are tested in that order, one after another
until the first that fails, and the last that passed is taken: the chance that its true rate is above the target is at
most that of a single test, however many were tried (Bates et al. 2021, theorem 1; Angelopoulos et al. 2021, fixed
sequence testing). For one photograph a part this is the nonparametric tolerance limit (Wilks 1941). It asks nothing of
the distribution, only that parts are independent and like those to come; equal gravities are caught or passed together,
so ties only make it safer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sightline.errors import DataError
from sightline.risk import bounds
from sightline.risk.means import MeanTest
from sightline.risk.parts import Floats, Kind, Parts
from sightline.risk.shares import checked, percent, rounded_up

_ERRORS = {Kind.DEFECTIVE: "pass", Kind.GOOD: "are rejected"}


@dataclass(frozen=True)
class Guarantee:
    """A rate of error that holds for parts like those that it was proved on.

    Attributes:
        kind: Whose rate: of defective parts that pass, or of good ones that are rejected.
        threshold: Photographs of at least this gravity are caught.
        target: The rate of error is at most this share of photographs, each part weighing the same.
        confidence: How surely: in this share of all sets of such parts, at least.
        parts: That it was proved on.
        photographs: Of these parts.
        seen: The rate of error on them.
        types: Types of defect of which each keeps the target as well, all at once at the confidence.
    """

    kind: Kind
    threshold: float
    target: float
    confidence: float
    parts: int
    photographs: int
    seen: float
    types: tuple[str, ...] = ()

    def words(self) -> str:
        """One sentence for a person."""
        each = f", and of each type ({', '.join(self.types)})" if self.types else ""
        return (
            f"at most {percent(self.target)} of photographs of {self.kind} parts {_ERRORS[self.kind]}{each}, with "
            f"{percent(self.confidence)} confidence, for parts like these {self.parts:,} "
            f"({self.photographs:,} photographs, of which {percent(self.seen)} do)"
        )


def guarantee_escape(
    defective: Parts, target: float, confidence: float, types: Mapping[str, Parts] | None = None
) -> Guarantee:
    """The highest threshold that lets at most a target share of photographs of defective parts pass.

    With types, the lowest threshold of all and of each is taken. No correction is needed: if any type escapes too
    often, so does the one that needs the lowest threshold of them in truth, and its own proof was wrong (an
    intersection-union test, Berger 1982).

    Args:
        defective: Parts known to be defective.
        target: Largest escape rate, between 0 and 1.
        confidence: Between 0 and 1.
        types: Defective parts of each type for which the target is to hold as well, by name.

    Raises:
        DataError: The parts, or those of a type, are too few for the target.
    """
    groups = {"": defective} | dict(types or {})
    _refuse(groups, target, confidence)
    threshold = min(
        _furthest(parts, np.unique(parts.gravity), Parts.below, target, confidence) for parts in groups.values()
    )
    return _told(defective, threshold, target, confidence, defective.below(threshold), tuple(types or ()))


def guarantee_overkill(good: Parts, target: float, confidence: float) -> Guarantee:
    """The lowest threshold that rejects at most a target share of photographs of good parts.

    It is the next number above the gravity of a good part: it must be kept in full, not rounded.

    Args:
        good: Parts known to be good.
        target: Largest rate of overkill, between 0 and 1.
        confidence: Between 0 and 1.

    Raises:
        DataError: The parts are too few for the target.
    """
    _refuse({"": good}, target, confidence)
    threshold = _furthest(good, just_above(good)[::-1], Parts.reaching, target, confidence)
    return _told(good, threshold, target, confidence, good.reaching(threshold), ())


def just_above(parts: Parts) -> Floats:
    """The lowest thresholds that each different gravity does not reach, rising."""
    return np.nextafter(np.unique(parts.gravity), np.inf)


def _furthest(
    parts: Parts, thresholds: Floats, losses: Callable[[Parts, float], Floats], target: float, confidence: float
) -> float:
    """The last of thresholds that passes the test; losses rise along them, and none is lost at the first."""
    test = MeanTest(parts.count, target, confidence, single=parts.single)
    later = range(1, len(thresholds))
    passed = bisect_left(later, True, key=lambda place: not test.proves(losses(parts, float(thresholds[place]))))
    return float(thresholds[passed])


def _told(
    parts: Parts, threshold: float, target: float, confidence: float, losses: Floats, types: tuple[str, ...]
) -> Guarantee:
    seen = float(losses.mean())
    return Guarantee(parts.kind, threshold, target, confidence, parts.count, len(parts.gravity), seen, types)


def _refuse(groups: Mapping[str, Parts], target: float, confidence: float) -> None:
    """Refuses a target that some of the groups, each by the name of its type, could not prove without any error.

    Raises:
        DataError: With what they support, and how many parts would be needed.
    """
    wanted = bounds.wanted(checked("the target", target), checked("the confidence", confidence))
    few = {name: parts for name, parts in groups.items() if bounds.allowed(parts.count, target, confidence) is None}
    if not few:
        return
    lines = [_shortfall(name, parts, wanted, confidence) for name, parts in few.items()]
    kind = next(iter(few.values())).kind
    at_most = "an escape rate" if kind is Kind.DEFECTIVE else "overkill"
    reachable = max(rounded_up(bounds.upper(0, parts.count, confidence)) for parts in few.values())
    raise DataError(
        f"too few {kind} parts for {at_most} of at most {percent(target)} with {percent(confidence)} confidence\n"
        + "\n".join(lines),
        hint=f"Add {kind} parts: {wanted:,} without an error prove it. These prove {percent(reachable)} at best.",
    )


def _shortfall(name: str, parts: Parts, wanted: int, confidence: float) -> str:
    best = rounded_up(bounds.upper(0, parts.count, confidence))
    whose = f"{parts.kind} parts of type {name}" if name else f"{parts.kind} parts"
    many = f"{len(parts.gravity):,} photographs of {parts.count:,}" if not parts.single else f"{parts.count:,}"
    return f"{many} {whose}: they prove {percent(best)} at best; {wanted:,} are needed, {wanted - parts.count:,} more"
