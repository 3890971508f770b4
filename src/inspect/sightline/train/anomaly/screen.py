"""Looks through the good images before they are learned: for hidden defects, and for a second product among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from torch import Tensor

from sightline.config.anomaly import Judged, MemoryBank
from sightline.train.anomaly.bank import averaged, dealt, unseen
from sightline.train.anomaly.judge import Shown, frame_scores

_BANK = 0.25  # of the final bank's size: enough to see what is odd
_ODD = 5.0  # robust deviations above the median
_MOST_ODD = 0.1  # share of the images beyond which odd ones are no exceptions, but a part of what there is
_LISTED = 0.05  # share of the images to look at first

_TWO = 4.5  # Ashman's D; above 2 two heaps are apart, and the shots of one product under changing light reach 4
_SMALLER = 0.05  # share of the images that a second product has at least


@dataclass(frozen=True)
class Screening:
    """What was seen among N good images.

    Attributes:
        scores: float64 (N,) how unlike the others each image is, judged by a bank that did not see it.
        heat: float32 (N, 1, h, w) distances of its places from such a bank.
        suspicious: Rows of images quite unlike all others, the most unlike first.
        products: Rows of each of two products if there seem to be two, else empty.
    """

    scores: NDArray[np.float64]
    heat: Tensor
    suspicious: tuple[int, ...]
    products: tuple[tuple[int, ...], ...]


def screen(good: Shown, settings: Judged) -> Screening:
    """Judges each half of the images by what the other half shows, with a memory bank; twins lie in one half."""
    bank = settings if isinstance(settings, MemoryBank) else MemoryBank()
    store = good.scales[0]
    heat, distances = unseen(store, dealt(good.samples, 2), bank, round(_BANK * bank.vectors))
    scores = (frame_scores(heat, settings.worst) + distances)[:, 0].double().numpy()
    means = np.concatenate([averaged(features, bank.context).mean((2, 3)).numpy() for features in store.every()])
    return Screening(scores, heat, odd(scores), _products(means))


def odd(scores: NDArray[np.floating]) -> tuple[int, ...]:
    """Rows far above the rest, by the median and its deviation of logarithms: scores are skewed, and never negative."""
    logs = np.log(np.maximum(scores, 1e-12))
    middle = np.median(logs)
    deviation = 1.4826 * float(np.median(np.abs(logs - middle)))
    order = np.argsort(-logs, kind="stable")
    return tuple(int(row) for row in order if logs[row] - middle > _ODD * max(deviation, 1e-6))


def exceptions(rows: tuple[int, ...], count: int) -> bool:
    """Whether so many odd ones of all are exceptions; many are a part of what there is, and are not left out."""
    return len(rows) <= _MOST_ODD * count


def most_unlike(scores: NDArray[np.floating]) -> tuple[int, ...]:
    """Rows of the images to look at first, the most unlike the others first.

    A hidden defect need not be odder than odd good parts are, so the list does not wait for odd ones.
    """
    order = np.argsort(-scores, kind="stable")
    return tuple(map(int, order[: max(len(odd(scores)), int(np.ceil(_LISTED * len(scores))))]))


def _products(means: NDArray[np.float32]) -> tuple[tuple[int, ...], ...]:
    """Two heaps of images whose mean features lie so far apart that light or place cannot be why.

    How far is Ashman's D (Ashman et al. 1994, "Detecting bimodality in astronomical datasets") along the line between
    the centres of two clusters.
    """
    if len(means) < 2 / _SMALLER:
        return ()
    clusters = KMeans(2, n_init=4, random_state=0).fit(means)
    sides = [np.flatnonzero(clusters.labels_ == side) for side in (0, 1)]
    if min(map(len, sides)) < _SMALLER * len(means):
        return ()
    line = clusters.cluster_centers_[1] - clusters.cluster_centers_[0]
    along = means @ (line / max(float(np.linalg.norm(line)), 1e-12))
    spread = np.sqrt(np.mean([along[side].var() for side in sides]))
    apart = abs(along[sides[1]].mean() - along[sides[0]].mean()) / max(float(spread), 1e-12)
    return tuple(tuple(map(int, side)) for side in sides) if apart > _TWO * np.sqrt(2) else ()
