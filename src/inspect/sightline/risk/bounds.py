"""What counting misses on independent parts proves: the exact binomial bounds of Clopper & Pearson (1934)."""

from __future__ import annotations

from scipy.stats import beta, binom, nbinom

from sightline.risk.shares import checked


def upper(misses: int, count: int, confidence: float) -> float:
    """The one-sided upper bound of a rate of which ``misses`` were seen on ``count`` parts; 1 without a part.

    Raises:
        DataError: The confidence does not lie between 0 and 1.
    """
    checked("the confidence", confidence)
    return 1.0 if misses >= count else float(beta.ppf(confidence, misses + 1, count - misses))


def lower(misses: int, count: int, confidence: float) -> float:
    """The one-sided lower bound, likewise; 0 without a miss.

    Raises:
        DataError: The confidence does not lie between 0 and 1.
    """
    checked("the confidence", confidence)
    return float(beta.ppf(1 - confidence, misses, count - misses + 1)) if misses else 0.0


def allowed(count: int, target: float, confidence: float) -> int | None:
    """The most misses on ``count`` parts that still prove a rate of at most ``target``; None if not even zero do.

    Raises:
        DataError: The target or the confidence does not lie between 0 and 1.
    """
    risk = 1 - checked("the confidence", confidence)
    most = int(binom.ppf(risk, count, checked("the target", target)))  # the fewest that are no rarer than the risk
    most -= bool(binom.cdf(most, count, target) > risk)
    return None if most < 0 else most


def wanted(target: float, confidence: float, misses: int = 0) -> int:
    """The fewest parts that prove a rate of at most ``target`` with so many misses; without one, 3 / target at 95 %.

    Raises:
        DataError: The target or the confidence does not lie between 0 and 1.
    """
    checked("the target", target)
    return int(nbinom.ppf(checked("the confidence", confidence), misses + 1, target)) + misses + 1
