"""Finds images that show the same thing twice, in sets where all images look alike anyway.

On a line every frame shows the same product in the same place, so plain correlation calls everything a twin of everything.
What tells twins apart is what they have in common beyond their surroundings: each thumbnail is high-passed and its local
contrast evened out (light and exposure go), then what a frame's next most similar frames explain of it by ridge
regression is taken away, and the rest is correlated.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SIDE = 32
_HIGH_PASS = 3.0  # pixels of a 32-pixel thumbnail
_CONTRAST_WINDOW = 3.2
_NEAREST = 12  # most similar images that may be twins
_COHORT = 48  # the next ones, which say what is common
_RIDGE = 0.03
_BLOCK = 256  # rows at a time: memory stays bounded

Floats = NDArray[np.float32]


def near_duplicates(thumbnails: NDArray[np.uint8], threshold: float | None) -> list[tuple[int, int]]:
    """Pairs of rows whose correlation, beyond what their neighbours explain, reaches the threshold.

    Args:
        thumbnails: Grey, uint8 (N, S, S).
        threshold: 0 to 1; None finds no pair.
    """
    count = len(thumbnails)
    if threshold is None or count < 2:
        return []
    features = _features(thumbnails)
    nearest = min(_NEAREST, count - 1)
    neighbours = _neighbours(features, min(nearest + _COHORT, count - 1))
    own = _beyond(features, neighbours[:, nearest:])
    first = np.repeat(np.arange(count), nearest)
    second = neighbours[:, :nearest].ravel()
    pairs = np.unique(np.sort(np.column_stack([first, second]), axis=1), axis=0)
    score = np.concatenate([(own[p[:, 0]] * own[p[:, 1]]).sum(1) for p in _blocks(pairs)])
    return [(int(a), int(b)) for a, b in pairs[score >= threshold]]


def _features(thumbnails: NDArray[np.uint8]) -> Floats:
    """One unit vector an image, float32 (N, 1024): detail, with evened contrast."""
    rows = np.empty((len(thumbnails), _SIDE * _SIDE), np.float32)
    for row, thumbnail in enumerate(thumbnails):
        small = cv2.resize(thumbnail, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = small - _blurred(small, _HIGH_PASS)
        energy = _blurred(detail * detail, _CONTRAST_WINDOW)
        rows[row] = (detail / np.sqrt(energy + 0.1 * energy.mean() + 1e-12)).ravel()
    return _unit(rows)


def _blurred(picture: Floats, sigma: float) -> Floats:
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def _neighbours(features: Floats, count: int) -> NDArray[np.int64]:
    """The most similar other rows of each row, the nearest first: (N, count)."""
    found = []
    for start in range(0, len(features), _BLOCK):
        likeness = features[start : start + _BLOCK] @ features.T
        likeness[np.arange(len(likeness)), np.arange(start, start + len(likeness))] = -2
        best = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(likeness, best, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(best, order, 1))
    return np.concatenate(found)


def _beyond(features: Floats, cohorts: NDArray[np.int64]) -> Floats:
    """What of each row its cohort does not explain, as unit vectors."""
    if cohorts.shape[1] == 0:
        return features
    left = np.empty_like(features)
    ridge = _RIDGE * np.eye(cohorts.shape[1], dtype=np.float32)
    for start in range(0, len(features), _BLOCK):
        basis = features[cohorts[start : start + _BLOCK]]
        rows = features[start : start + _BLOCK, :, None]
        weights = np.linalg.solve(basis @ basis.transpose(0, 2, 1) + ridge, basis @ rows)
        left[start : start + _BLOCK] = (rows - basis.transpose(0, 2, 1) @ weights)[..., 0]
    return _unit(left)


def _unit(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), np.float32)


def _blocks(pairs: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [pairs[start : start + 65536] for start in range(0, len(pairs), 65536)]
