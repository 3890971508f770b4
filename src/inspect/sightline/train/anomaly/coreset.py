"""Chooses the few of many feature vectors that leave none of the others far from all of them.

Farthest-point selection (Gonzalez 1985, "Clustering to minimize the maximum intercluster distance"), as in PatchCore
(Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection"), with two changes that keep its cost down:

- Many picks a pass. Distances to what was chosen only shrink, so the farthest candidates can be chosen among themselves
  as long as the next one is not nearer than all that were left outside: the result is that of one pick a pass.
- Streaming. Vectors are taken up in blocks; whenever too many wait, they are thinned to a multiple of what is wanted.
  A vector that was thinned away was near to one that stayed, so the cover gets worse by that distance at the most.
"""

from __future__ import annotations

import torch
from torch import Tensor

_AMONG = 1024  # farthest candidates that are chosen among themselves
_WAITING, _THINNED = 16, 4  # as many vectors may wait, and are left by thinning, as are wanted in the end, times this

_SAME = 1e-6  # squared distance, as a share of the longest squared vector, that rounding alone may cause


class Coreset:
    """Takes up vectors in blocks and gives the few that cover them; its memory does not grow with what it was given.

    Vectors are kept as float16.

    Args:
        count: Vectors wanted in the end.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._blocks: list[Tensor] = []
        self._waiting = 0

    def add(self, vectors: Tensor) -> None:
        """Takes up vectors, float (N, D)."""
        self._blocks.append(vectors.half())
        self._waiting += len(vectors)
        if self._waiting > _WAITING * self._count:
            self._blocks = [self._chosen(_THINNED * self._count)]
            self._waiting = len(self._blocks[0])

    def vectors(self) -> Tensor:
        """The vectors chosen, float32 (at most ``count``, D)."""
        return self._chosen(self._count).float()

    def _chosen(self, count: int) -> Tensor:
        every = torch.cat(self._blocks)
        return every[farthest(every.float(), count)]


def farthest(points: Tensor, count: int) -> Tensor:
    """Numbers, int64 (at most ``count``,), of points that cover all: each the farthest from those before it.

    Args:
        points: float32 (N, d), N at least 1; equal points are chosen once.
        count: How many are wanted.
    """
    squares = (points * points).sum(1)
    chosen = [0]
    distance = _to(points, squares, points[:1])
    distance[0] = 0
    while len(chosen) < count:
        found = distance.topk(min(_AMONG, len(points)))
        picked = _among(points[found.indices], found.values, count - len(chosen))
        if not picked:
            break  # whatever is left lies on a chosen point
        numbers = found.indices[picked]
        chosen += numbers.tolist()
        distance = torch.minimum(distance, _to(points, squares, points[numbers]))
        distance[numbers] = 0
    return torch.tensor(chosen)


def _among(points: Tensor, distance: Tensor, room: int) -> list[int]:
    """Picks among the farthest candidates while none outside can be farther: their distance is at most the last's."""
    outside = float(distance[-1]) if len(points) == _AMONG else 0.0
    picked: list[int] = []
    distance = distance.clone()
    squares = (points * points).sum(1)
    while len(picked) < room:
        number = int(distance.argmax())
        far = float(distance[number])
        if far <= _SAME * float(squares.max()) or (picked and far < outside):
            break
        picked.append(number)
        distance = torch.minimum(distance, _to(points, squares, points[number : number + 1]))
        distance[number] = 0
    return picked


def _to(points: Tensor, squares: Tensor, others: Tensor) -> Tensor:
    """Squared distance of each point to the nearest of some others, (N,)."""
    cross = torch.addmm((others * others).sum(1)[None], points, others.T, alpha=-2)
    return (cross.amin(1) + squares).clamp_(min=0)
