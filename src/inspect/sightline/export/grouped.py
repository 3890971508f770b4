"""Figures that are ratios of sums over groups, all resamples at once: each only weighs the groups anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Metric
from sightline.export import intervals

_RESAMPLES = 500

_Floats = NDArray[np.float64]


def numbered(groups: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """The number (N,) of each image's group, in the order of the groups' names, and how many groups there are."""
    numbers = {name: number for number, name in enumerate(sorted(set(groups)))}
    return np.array([numbers[name] for name in groups], np.int64), len(numbers)


def weights(count: int) -> _Floats:
    """(1 + R, G) how often each of G groups counts: once in the first row, then as drawing G of them anew has it."""
    if not count:
        return np.ones((1, 0))
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    return np.vstack([np.ones(count), drawn])


def ratio(part: _Floats, whole: _Floats) -> _Floats:
    """One by the other, not a number where the other is nothing."""
    shares = np.full(np.broadcast(part, whole).shape, np.nan)
    return np.asarray(np.divide(part, whole, out=shares, where=whole > 0))


def mean(values: _Floats, axis: int) -> _Floats:
    """The mean of those that are numbers; not a number where none is."""
    known = np.isfinite(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axis), known.sum(axis=axis).astype(np.float64))


def figure(name: str, values: _Floats, count: int, ends: intervals.Ends) -> Metric | None:
    """A figure with its interval; None if it cannot be told.

    Args:
        name: Of the figure.
        values: (1 + R,) on the data and on each resample; those that are no numbers are left out.
        count: Groups it was measured on.
        ends: Makes the interval.
    """
    resampled = values[1:][np.isfinite(values[1:])].round(12)  # the last digits differ where the figure does not
    if not np.isfinite(values[0]) or not len(resampled):
        return None
    low, high, how = ends(float(values[0]), resampled)
    return Metric(name=name, value=float(values[0]), low=low, high=high, count=count, interval=how)


def rate(name: str, hits: _Floats, trials: _Floats) -> Metric | None:
    """A share with Wilson's interval over the groups with any trial; None without one.

    Args:
        name: Of the figure.
        hits: (G,) of each group.
        trials: (G,) of each group, at least as many.
    """
    count = int(np.count_nonzero(trials))
    if not count:
        return None
    share = float(hits.sum() / trials.sum())
    low, high = intervals.wilson(share, count)
    return Metric(name=name, value=share, low=low, high=high, count=count, interval="Wilson over groups")
