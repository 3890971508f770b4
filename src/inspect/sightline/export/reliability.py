"""How far probabilities can be taken at their word: the calibration error and its bins, and two proper scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BINS = 10

_NEVER = 1e-12  # what a probability counts as at least, so that a logarithm is finite

_Floats = NDArray[np.floating]
_Bools = NDArray[np.bool_]


def told_and_true(
    probabilities: _Floats, shown: _Bools, names: Sequence[str], *, exclusive: bool
) -> dict[str, tuple[_Floats, _Bools]]:
    """What was said, as probabilities (N,), and whether it was true (N,): of the most probable name, or of each type.

    Args:
        probabilities: (N, K) of each name.
        shown: (N, K) whether it is true of the frame.
        names: Of the K columns.
        exclusive: Whether one name alone is true of a frame.
    """
    if exclusive:
        first = probabilities.argmax(axis=1)
        return {"most probable name": (probabilities.max(axis=1), shown[np.arange(len(shown)), first])}
    return dict(zip(names, zip(probabilities.T, shown.T, strict=True), strict=True))


def equal_bins(probability: _Floats) -> list[NDArray[np.int64]]:
    """Rows of up to 10 bins of equal count, the least probable first.

    Bins of equal count rather than width: their calibration error is less biased (Nixon et al. 2019; Roelofs et al.
    2022), and each tells as much as the others (Nguyen & O'Connor 2015).
    """
    bins = np.array_split(np.argsort(probability, kind="stable"), BINS)
    return [rows for rows in bins if len(rows)]


def calibration_error(probabilities: _Floats, shown: _Bools, *, exclusive: bool) -> float:
    """Expected calibration error (Naeini et al. 2015, Guo et al. 2017) over bins of equal count.

    Of names that exclude each other it is that of the most probable one; else the mean over types of each one's own
    (Nixon et al. 2019).
    """
    names = list(map(str, range(shown.shape[1])))
    told = told_and_true(probabilities, shown, names, exclusive=exclusive).values()
    return float(np.mean([_apart(probability, true) for probability, true in told]))


def _apart(probability: _Floats, true: _Bools) -> float:
    """Mean distance of what bins say from what came, each bin counting as it has frames."""
    bins = equal_bins(probability)
    return float(sum(abs(probability[b].mean() - true[b].mean()) * len(b) for b in bins) / len(true))


def log_loss(probabilities: _Floats, shown: _Bools, *, exclusive: bool) -> float:
    """Mean negative log likelihood of a frame, in nats: of its name, or of all types together."""
    if exclusive:
        given = np.where(shown, probabilities, 0).max(axis=1)
        return float(-np.log(np.clip(given, _NEVER, 1)).mean())
    given = np.where(shown, probabilities, 1 - probabilities)
    return float(-np.log(np.clip(given, _NEVER, 1)).sum(axis=1).mean())


def brier(probabilities: _Floats, shown: _Bools, *, exclusive: bool) -> float:  # noqa: ARG001 - one face for all three
    """Mean squared distance of a frame's probabilities from what is true, summed over the names (Brier 1950)."""
    return float(((probabilities - shown) ** 2).sum(axis=1).mean())
