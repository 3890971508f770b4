"""Intervals at 95 % of figures that were seen on few independent groups of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sightline.bundle.manifest import Metric

Ends = Callable[[float, NDArray[np.float64]], tuple[float, float, str]]
"""Takes a figure and its values on bootstrap resamples (R,); gives the low and the high end and the method in words."""

_Z = float(norm.ppf(0.975))
_TAILS = (2.5, 97.5)
_RESAMPLES = 500


def bootstrap(
    name: str, figure: Callable[[NDArray[np.int64]], float], groups: Sequence[NDArray[np.int64]], ends: Ends
) -> Metric | None:
    """A figure with its interval by resampled groups; None if it cannot be told from these rows.

    Args:
        name: Of the figure.
        figure: Tells it of some rows, of which each may come several times.
        groups: Rows of each group of twins, at least one group.
        ends: Makes the interval.
    """
    value = float(figure(np.sort(np.concatenate(groups))))
    if not np.isfinite(value):
        return None
    random = np.random.default_rng(0)
    draws = (random.integers(len(groups), size=len(groups)) for _ in range(_RESAMPLES))
    values = np.array([figure(np.concatenate([groups[g] for g in drawn])) for drawn in draws])
    values = values[np.isfinite(values)]  # a resample may hold one class only
    if not len(values):
        return None
    low, high, how = ends(value, values)
    return Metric(name=name, value=value, low=low, high=high, count=len(groups), interval=how)


def wilson(share: float, count: int) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) of a rate seen on ``count`` independent trials; (0, 1) of none."""
    if count == 0:
        return 0.0, 1.0
    centre = (share + _Z * _Z / (2 * count)) / (1 + _Z * _Z / count)
    half = _Z / (1 + _Z * _Z / count) * np.sqrt(share * (1 - share) / count + _Z * _Z / (4 * count * count))
    low, high = float(centre - half), float(centre + half)
    return max(0.0, min(low, share)), min(1.0, max(high, share))  # rounding must not shut the rate itself out


def percentile(value: float, resampled: NDArray[np.float64]) -> tuple[float, float, str]:
    """The percentile bootstrap (Efron 1979), widened to hold the figure itself."""
    low, high = map(float, np.percentile(resampled, _TAILS))
    return min(low, value), max(high, value), "bootstrap over groups"


def basic(value: float, resampled: NDArray[np.float64]) -> tuple[float, float, str]:
    """The basic bootstrap (Davison & Hinkley 1997), for a share that resampling biases, such as a calibration error.

    A resample's calibration error is larger than the data's, as the data's is larger than the truth; mirroring the
    percentiles at the figure takes that off. The interval is widened to hold the figure itself, and kept in 0 to 1. It
    still seldom reaches down to 0 for scores that are perfectly calibrated.
    """
    low, high = map(float, 2 * value - np.percentile(resampled, _TAILS[::-1]))
    return max(0.0, min(low, value)), min(1.0, max(high, value)), "basic bootstrap over groups"


def guarded(decisive: int) -> Ends:
    """The percentile bootstrap for figures from 0 to 1 that rest on few groups, however many others there are.

    A resample cannot show an error that the data do not show: with one defective part, found, it gives an AUROC of 1
    whatever is drawn. So the interval reaches at least as far down as Wilson's of a flawless rate on the decisive
    groups, and as far up as Wilson's of a hopeless one: a figure with an error is never told more surely than one
    without. Where the resamples do not vary, it is Wilson's of the figure itself. For an AUROC that is on the safe
    side: its variance is at most that of a rate on the rarer kind (van Dantzig 1951, Birnbaum & Klose 1957).

    Args:
        decisive: Groups the figure rests on: those of the rarest class, at least 1.
    """

    def ends(value: float, resampled: NDArray[np.float64]) -> tuple[float, float, str]:
        low, high, how = percentile(value, resampled)
        if np.ptp(resampled) == 0:
            return *wilson(value, decisive), f"Wilson over groups of the rarest kind ({decisive})"
        flawless, hopeless = wilson(1.0, decisive)[0], wilson(0.0, decisive)[1]
        if flawless < low or hopeless > high:
            how = f"bootstrap over groups, Wilson over those of the rarest kind ({decisive})"
        return min(low, flawless), max(high, hopeless), how

    return ends
