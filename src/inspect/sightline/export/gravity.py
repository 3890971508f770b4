"""One number for how gravely a frame is judged, whatever the thresholds of its policy are on.

A policy has a threshold on the defect score, or one for each type. Of a single one the gravity is the score that it is
on. Of several it is how far the score that is furthest beyond its threshold is beyond it, in logits: to move all of
them by as many logits is to move one threshold on the gravity, and keeps how they stand to each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from sightline.risk import Limits
from sightline.verdict import ANY_DEFECT, Policy, Threshold

_CLEAR = 1e-16  # of 0 and 1, so that a probability has a finite logit
_ROUNDING = 1e-12  # share of a threshold by which what becomes of a logit may be off
_LEAST = 1e-30  # threshold; none of 0 is a threshold at all

Floats = NDArray[np.float64]


def gravity(policy: Policy, classes: Sequence[str], scores: NDArray[np.float32]) -> Floats:
    """How gravely frames are judged, float64 (N,).

    Args:
        policy: Its thresholds say how grave types are beside each other.
        classes: The C types.
        scores: float32 (N, C), those that count.
    """
    of_keys = [_scores(policy, classes, scores, key) for key in policy.thresholds]
    if len(of_keys) == 1:
        return of_keys[0]
    limits = policy.thresholds.values()
    return np.asarray(np.max([_logit(one) - _logit(limit.ng) for one, limit in zip(of_keys, limits, strict=True)], 0))


def limits_of(policy: Policy) -> Limits:
    """The limits on the gravity that a policy's thresholds are; of several REVIEW bands the widest."""
    limits = list(policy.thresholds.values())
    if len(limits) == 1:
        return Limits(limits[0].review, limits[0].ng)
    return Limits(min(float(_logit(limit.review) - _logit(limit.ng)) for limit in limits), 0.0)


def moved(policy: Policy, limits: Limits) -> dict[str, Threshold]:
    """The thresholds that answer REVIEW and NG from these limits on the gravity, or a rounding's width further out.

    That is towards REVIEW on both sides, for of what is proved neither an escape nor overkill may become more.
    """
    if len(policy.thresholds) == 1:
        return {key: _threshold(*limits) for key in policy.thresholds}
    both = limits.review == limits.ng
    found = {}
    for key, limit in policy.thresholds.items():
        review, ng = (float(expit(_logit(limit.ng) + shift)) for shift in limits)
        review, ng = review * (1 - _ROUNDING), ng * (1 + _ROUNDING)
        found[key] = _threshold(review, review if both else ng)
    return found


def _threshold(review: float, ng: float) -> Threshold:
    ng = float(np.clip(ng, _LEAST, 1))
    return Threshold(ng=ng, review=float(np.clip(review, _LEAST, ng)))


def _scores(policy: Policy, classes: Sequence[str], scores: NDArray[np.float32], key: str) -> Floats:
    if key == ANY_DEFECT:
        return np.asarray(policy.defect_score(scores), np.float64)
    return scores[:, list(classes).index(key)].astype(np.float64)


def _logit(probability: ArrayLike) -> Floats:
    return np.asarray(logit(np.clip(np.asarray(probability, np.float64), _CLEAR, 1 - _CLEAR)))
