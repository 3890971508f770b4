"""Finds images that show the same thing twice, in sets where all images look alike anyway.

On a line every frame shows the same product in the same place, so plain correlation calls everything a twin of
everything. What tells twins apart is what they share beyond what their surroundings share:

1. Each thumbnail is high-passed and its local contrast evened out. Light and exposure go, and no single strong line
   decides.
2. The twelve most similar images may be twins. The next 48 are the surroundings: what they explain of the image, by
   ridge regression, is the product and its place under the camera, and is taken away.
3. The rest is correlated.

So more than a dozen shots of one part in one place pass for surroundings; name such groups in the data (a group
column). Turned or mirrored copies are not looked for. In a set of a hundred images or fewer the surroundings are thin,
and unrelated images are more often kept together. ``scripts/bench_split`` measures all this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.index import Sample

_SIDE = 32  # coarse enough for crops that differ by a few percent
_HIGH_PASS = 3.0  # deviation in pixels of the 32-pixel thumbnail
_CONTRAST_WINDOW = 3.2
_CONTRAST_FLOOR = 0.02  # share of the mean energy, so that plain areas are not blown up to noise
_NEAREST = 12
_COHORT = 48
_RIDGE = 0.03
_BLOCK = 256  # rows at a time: memory stays bounded

Floats = NDArray[np.float32]


def group(samples: Sequence[Sample], thumbnails: NDArray[np.uint8], threshold: float | None) -> tuple[Sample, ...]:
    """Gives every sample a group: exact copies, near-duplicates and what the reader put together, joined.

    A group has the smallest name that the reader gave to any of it, else its smallest digest; order does not matter.

    Args:
        samples: Rows with digests, and groups where the reader knows them.
        thumbnails: One for each row, grey, uint8 (N, S, S).
        threshold: Likeness from which two images are near-duplicates, 0 to 1; None joins exact copies only.
    """
    first: dict[str, int] = {}
    for row, sample in enumerate(samples):
        first.setdefault(sample.digest, row)
    # Copies are set aside first: a dozen of them would fill the places that twins are looked for in.
    single = np.fromiter(first.values(), np.int64, len(first))
    links = [(int(single[a]), int(single[b])) for a, b in near_duplicates(thumbnails[single], threshold)]
    named: dict[str, int] = {}
    for row, sample in enumerate(samples):
        links.append((first[sample.digest], row))
        if sample.group:
            links.append((named.setdefault(sample.group, row), row))
    names: dict[int, str] = {}
    roots = _joined(len(samples), links)
    members: dict[int, list[Sample]] = defaultdict(list)
    for root, sample in zip(roots, samples, strict=True):
        members[root].append(sample)
    for root, rows in members.items():
        names[root] = min((s.group for s in rows if s.group), default=min(s.digest for s in rows))
    return tuple(s.model_copy(update={"group": names[root]}) for root, s in zip(roots, samples, strict=True))


def near_duplicates(thumbnails: NDArray[np.uint8], threshold: float | None) -> list[tuple[int, int]]:
    """Pairs of rows whose likeness, beyond what their surroundings explain, reaches the threshold.

    Args:
        thumbnails: Grey, uint8 (N, S, S).
        threshold: 0 to 1; None finds no pair.
    """
    if threshold is None or len(thumbnails) < 2:
        return []
    pairs, likeness = likely_pairs(thumbnails)
    return [(int(a), int(b)) for a, b in pairs[likeness >= threshold]]


def likely_pairs(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Floats]:
    """Each image with the few that resemble it most.

    Args:
        thumbnails: Grey, uint8 (N, S, S), at least two.

    Returns:
        Rows, (P, 2), the smaller first and each pair once; and how alike they are, float32 (P,), -1 to 1.
    """
    count = len(thumbnails)
    features = _features(thumbnails)
    nearest = min(_NEAREST, max(1, count // 4))  # a small set needs surroundings too
    neighbours = _neighbours(features, min(nearest + _COHORT, count - 1))
    own = _beyond(features, neighbours[:, nearest:])
    rows = np.repeat(np.arange(count), nearest)
    both = np.sort(np.column_stack([rows, neighbours[:, :nearest].ravel()]), axis=1)
    pairs = np.unique(both, axis=0)
    blocks = [pairs[start : start + 64 * _BLOCK] for start in range(0, len(pairs), 64 * _BLOCK)]
    return pairs, np.concatenate([np.einsum("nd,nd->n", own[p[:, 0]], own[p[:, 1]]) for p in blocks])


def _joined(count: int, links: Iterable[tuple[int, int]]) -> list[int]:
    """The root of each row when links are followed: the same for rows that hang together."""
    parent = list(range(count))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for a, b in links:
        parent[find(a)] = find(b)
    return [find(row) for row in range(count)]


def _features(thumbnails: NDArray[np.uint8]) -> Floats:
    """One unit vector an image, float32 (N, 1024): detail, with evened contrast."""
    rows = np.empty((len(thumbnails), _SIDE * _SIDE), np.float32)
    for row, thumbnail in enumerate(thumbnails):
        small = cv2.resize(thumbnail, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
        detail = small - _blurred(small, _HIGH_PASS)
        energy = _blurred(detail * detail, _CONTRAST_WINDOW)
        rows[row] = (detail / np.sqrt(energy + _CONTRAST_FLOOR * energy.mean() + 1e-12)).ravel()
    return _unit(rows)


def _blurred(picture: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


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
        rows = features[start : start + _BLOCK]
        basis = features[cohorts[start : start + _BLOCK]]
        # einsum, because thousands of small products each wake BLAS's threads: ten times the time on a busy machine.
        shared = np.einsum("nkd,nld->nkl", basis, basis) + ridge
        weights = np.linalg.solve(shared, np.einsum("nkd,nd->nk", basis, rows)[..., None])[..., 0]
        left[start : start + _BLOCK] = rows - np.einsum("nkd,nk->nd", basis, weights)
    return _unit(left)


def _unit(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), np.float32)
