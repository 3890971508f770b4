"""Average precision of boxes in the order of their scores, on weighed groups, and the threshold of the best F score."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.export import grouped

_RECALLS = np.linspace(0.0, 1.0, 101)

_Floats = NDArray[np.float64]


def average_precision(hits: NDArray[np.bool_], positives: int, *, interpolated: bool = True) -> float:
    """Average precision of boxes in the order of their scores.

    Args:
        hits: (N,) whether each is a true box, the surest first; equal scores count in the order given.
        positives: How many true boxes there are.
        interpolated: COCO's, the mean at 101 values of recall, 0 to 1, of the highest precision at this recall or
            beyond (Lin et al. 2014). Else the sum of the precision at each true box that is found, by the number of
            true boxes, as the script of ICDAR 2015 has it (Karatzas et al. 2015), and DeepPCB's (Tang et al. 2019).

    Returns:
        0 to 1; not a number without a true box.
    """
    ones = np.ones((1, len(hits)))
    return float(weighed(hits[None], ones, np.array([float(positives)]), interpolated=interpolated)[0, 0])


def weighed(hits: NDArray[np.bool_], weights: _Floats, positives: _Floats, *, interpolated: bool) -> _Floats:
    """The same at T limits of IoU on R resamples, in which a box of weight k counts k times in its place.

    Args:
        hits: (T, N).
        weights: (R, N) how often each box counts.
        positives: (R,) true boxes.
        interpolated: As above.

    Returns:
        (R, T).
    """
    said = np.cumsum(weights, axis=1)
    figure = _interpolated if interpolated else _summed
    by_limit = [figure(weights[:, hit], said[:, hit], positives) for hit in hits]
    return np.asarray(np.where(positives[:, None] > 0, np.stack(by_limit, axis=1), np.nan))


def _interpolated(weights: _Floats, said: _Floats, positives: _Floats) -> _Floats:
    """(R,) of the boxes that are hits: their weights (R, H), and how many (R, H) were said up to each.

    Precision only rises at a hit, so no other box can be the best from a recall on.
    """
    true = np.cumsum(weights, axis=1)
    precision = true / np.maximum(said, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = true / np.maximum(positives, 1)[:, None]
    reached = np.searchsorted(_RECALLS, recall, side="right")  # of the 101, so many are at most this recall
    return np.asarray((best * np.diff(reached, axis=1, prepend=0)).sum(axis=1) / len(_RECALLS))


def _summed(weights: _Floats, said: _Floats, positives: _Floats) -> _Floats:
    precision = np.cumsum(weights, axis=1) / np.maximum(said, 1)
    return np.asarray((weights * precision).sum(axis=1) / np.maximum(positives, 1))


def curve(hits: NDArray[np.bool_], positives: int) -> tuple[_Floats, _Floats]:
    """Recall and precision (N,) after each box, the surest first."""
    true = np.cumsum(hits).astype(np.float64)
    return grouped.ratio(true, np.array(float(positives))), true / np.arange(1, len(hits) + 1)


def best_threshold(scores: _Floats, hits: NDArray[np.bool_], positives: int) -> float | None:
    """The score from which the F score is best, in the middle between the scores around it; None if nothing is found.

    Args:
        scores: (N,) from 0 to 1, the surest first.
        hits: (N,) whether each is a true box.
        positives: How many true boxes there are.
    """
    if not hits.any():
        return None
    f = 2 * np.cumsum(hits) / (np.arange(1, len(hits) + 1) + positives)
    f[:-1][scores[:-1] == scores[1:]] = -1  # a threshold cannot part equal scores
    best = int(np.argmax(f))
    below = scores[best + 1] if best + 1 < len(scores) else 0.0
    return float((scores[best] + below) / 2)
