"""Boxes around things on an image: the one form in which labels and a detector's answers are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]


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


def areas(corners: _Floats) -> _Floats:
    """The area (K,) of each box (K, 4), in square pixels; 0 of one that is turned inside out."""
    sides = np.maximum(corners[:, 2:] - corners[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def overlaps(one: _Floats, other: _Floats) -> _Floats:
    """The area (K, L) that each of K boxes (K, 4) shares with each of L boxes (L, 4), in square pixels."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    sides = np.maximum(high - low, 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def iou(one: _Floats, other: _Floats) -> _Floats:
    """Intersection over union (K, L) of each of K boxes (K, 4) with each of L boxes (L, 4)."""
    shared = overlaps(one, other)
    union = areas(one)[:, None] + areas(other)[None, :] - shared
    return np.asarray(shared / np.maximum(union, np.finfo(np.float32).tiny), np.float32)


def suppressed(boxes: Boxes, limit: float) -> Boxes:
    """Non-maximum suppression within each type: of two that overlap by more than a limit (IoU), the surer one stays.

    Returns:
        The rest, the surest first.
    """
    order = np.argsort(-boxes.scores, kind="stable")
    sorted_boxes = boxes.only(order)
    alike = (iou(sorted_boxes.corners, sorted_boxes.corners) > limit) & (
        sorted_boxes.classes[:, None] == sorted_boxes.classes[None, :]
    )
    kept = np.ones(len(order), bool)
    for row in range(len(order)):
        if kept[row]:
            kept[row + 1 :] &= ~alike[row, row + 1 :]
    return sorted_boxes.only(kept)
