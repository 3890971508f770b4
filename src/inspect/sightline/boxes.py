"""Boxes around things on an image: the one form in which labels and a detector's answers are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]
_Corners = NDArray[np.floating]
_Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one frame.

    Attributes:
        corners: float32 (K, 4): x1, y1, x2, y2 in pixels of the frame; x2 and y2 are exclusive.
        scores: float32 (K,): how probable each is; 1 of labels.
        classes: int64 (K,): number of each one's type.
    """

    corners: _Floats
    scores: _Floats
    classes: NDArray[np.int64]

    @classmethod
    def empty(cls) -> Boxes:
        """No box."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64))

    @classmethod
    def of_rows(cls, rows: _Floats) -> Boxes:
        """From a detector's rows (K, 6), x1 y1 x2 y2 score class; those without a score are filling and left out."""
        kept = rows[rows[:, 4] > 0]
        return cls(kept[:, :4], kept[:, 4], kept[:, 5].astype(np.int64))

    def __len__(self) -> int:
        """How many."""
        return len(self.scores)

    def only(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Boxes:
        """Some of them, by number or as a mask (K,), in that order."""
        return Boxes(self.corners[rows], self.scores[rows], self.classes[rows])


def joined(several: list[Boxes]) -> Boxes:
    """The boxes of several lists in one."""
    if not several:
        return Boxes.empty()
    return Boxes(
        np.concatenate([boxes.corners for boxes in several]),
        np.concatenate([boxes.scores for boxes in several]),
        np.concatenate([boxes.classes for boxes in several]),
    )


def areas(corners: _Corners) -> _Doubles:
    """The area (K,) of each box (K, 4), in square pixels; 0 of one that is turned inside out."""
    sides = np.maximum(corners[:, 2:].astype(np.float64) - corners[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def overlaps(one: _Corners, other: _Corners) -> _Doubles:
    """The area (K, L) that each of K boxes (K, 4) shares with each of L boxes (L, 4), in square pixels."""
    low = np.maximum(one[:, None, :2], other[None, :, :2]).astype(np.float64)
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou(one: _Corners, other: _Corners) -> _Doubles:
    """Intersection over union (K, L) of each of K boxes (K, 4) with each of L boxes (L, 4).

    In double precision: of whole pixels 3/5 then is no less than 0.6.
    """
    shared = overlaps(one, other)
    union = areas(one)[:, None] + areas(other)[None, :] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float64).tiny))


def suppressed(boxes: Boxes, limit: float) -> Boxes:
    """Non-maximum suppression within each type: of two that overlap by more than a limit (IoU), the surer one stays.

    Returns:
        The rest, the surest first.
    """
    boxes = boxes.only(np.argsort(-boxes.scores, kind="stable"))
    kept = [rows[_unlike(boxes.corners[rows], limit)] for rows in by_type(boxes)]
    return boxes.only(np.sort(np.concatenate([np.zeros(0, np.int64), *kept])))


def by_type(boxes: Boxes) -> list[NDArray[np.int64]]:
    """The numbers (N,) of the boxes of each type there is, in their order."""
    return [np.flatnonzero(boxes.classes == number) for number in np.unique(boxes.classes)]


def _unlike(corners: _Corners, limit: float) -> NDArray[np.int64]:
    """Which of some boxes (K, 4), the surest first, overlap none before them that stays by more than a limit (IoU).

    One after the other: the overlaps of all with all would take memory by the square of how many there are.
    """
    left, stay = np.arange(len(corners)), []
    while len(left):
        first, left = left[0], left[1:]
        stay.append(first)
        left = left[~(iou(corners[[first]], corners[left])[0] > limit)]
    return np.array(stay, np.int64)
