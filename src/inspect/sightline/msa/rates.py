"""Rates that were seen on a few parts, with exact bounds, and the figures that they are held against."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from scipy.stats import beta

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """How often something happened, with exact bounds.

    Attributes:
        count: How often it happened.
        of: How often it could have happened, at least once: parts, or decisions on them.
        parts: The parts that this rests on, at most ``of``.
        confidence: Of the interval, and of the bounds.

    The bounds are those of Clopper & Pearson (1934) with the parts as the trials. Several decisions on one part may all
    err alike and count as one: the share of them that erred enters as a fraction of an error, as in Korn & Graubard
    (1998). Where there is one decision a part, the bounds are the plain ones; else they are on the safe side.
    """

    count: int
    of: int
    parts: int
    confidence: float = CONFIDENCE

    @property
    def value(self) -> float:
        """The rate, 0 to 1."""
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the interval."""
        tail = (1 - self.confidence) / 2
        return self._low(tail), self._high(tail)

    @property
    def at_least(self) -> float:
        """The rate is at least this, as surely as `confidence` says: a bound to one side."""
        return self._low(1 - self.confidence)

    @property
    def at_most(self) -> float:
        """The rate is at most this, as surely as `confidence` says: a bound to one side."""
        return self._high(1 - self.confidence)

    def to_dict(self) -> dict[str, float]:
        """Plain values for JSON."""
        low, high = self.interval
        return {
            "value": self.value,
            "low": low,
            "high": high,
            "count": self.count,
            "of": self.of,
            "parts": self.parts,
            "confidence": self.confidence,
        }

    def _low(self, tail: float) -> float:
        errors = self.count * self.parts / self.of
        return float(beta.ppf(tail, errors, self.parts - errors + 1)) if self.count else 0.0

    def _high(self, tail: float) -> float:
        errors = self.count * self.parts / self.of
        return float(beta.ppf(1 - tail, errors + 1, self.parts - errors)) if self.count < self.of else 1.0


class Grade(StrEnum):
    """What the usual acceptance figures say of an appraiser, the best first."""

    ACCEPTABLE = "acceptable"
    MARGINAL = "marginal"
    UNACCEPTABLE = "unacceptable"


@dataclass(frozen=True)
class Limit:
    """What a rate is held against.

    Attributes:
        acceptable: As good as this or better is acceptable.
        marginal: As good as this is marginal: the appraiser may need improvement.
        rising: Whether more is better.
    """

    acceptable: float
    marginal: float
    rising: bool = False

    def grade(self, rate: Rate) -> Grade:
        """The grade of the rate itself, as AIAG gives it, whatever its interval."""
        for limit, grade in ((self.acceptable, Grade.ACCEPTABLE), (self.marginal, Grade.MARGINAL)):
            if rate.value >= limit if self.rising else rate.value <= limit:
                return grade
        return Grade.UNACCEPTABLE

    def shown(self, rate: Rate) -> bool:
        """Whether the parts show that the rate is acceptable: its bound is as well."""
        return rate.at_least >= self.acceptable if self.rising else rate.at_most <= self.acceptable

    def best(self, parts: int, confidence: float = CONFIDENCE) -> float:
        """The bound that so many parts give if there is not one error."""
        flawless = Rate(parts if self.rising else 0, parts, parts, confidence)
        return flawless.at_least if self.rising else flawless.at_most

    def needed(self, confidence: float = CONFIDENCE) -> int:
        """The fewest parts that show the acceptable figure, if there is not one error: n with (1 - p)ⁿ at most 5 %."""
        right = self.acceptable if self.rising else 1 - self.acceptable
        return math.ceil(math.log(1 - confidence) / math.log(right))


EFFECTIVENESS, MISS_RATE, FALSE_ALARM_RATE = "effectiveness", "miss_rate", "false_alarm_rate"

LIMITS = {
    EFFECTIVENESS: Limit(0.90, 0.80, rising=True),
    MISS_RATE: Limit(0.02, 0.05),
    FALSE_ALARM_RATE: Limit(0.05, 0.10),
}
"""The usual acceptance figures: AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III, section C."""
