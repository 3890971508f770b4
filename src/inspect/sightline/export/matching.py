"""Which box that was found is which true box, told once for each image and used by all figures of task detect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes, areas, iou, joined
from sightline.errors import DataError
from sightline.export import grouped

_Floats = NDArray[np.float64]
_Numbers = NDArray[np.int64]

Thresholds = Sequence[float] | NDArray[np.floating]
"""(C,) of each type the score from which a box or a pixel counts as said."""


@dataclass(frozen=True, eq=False)
class Compared:
    """One image of the part that is measured.

    Attributes:
        group: The group of twins that it belongs to, `Sample.unit`.
        found: Boxes that the model found, however unsure.
        truth: Boxes that people drew.
    """

    group: str
    found: Boxes
    truth: Boxes


@dataclass(frozen=True, eq=False)
class Matches:
    """All N found and M true boxes of one part, matched at T limits; G groups.

    A limit on the scores only drops rows: it changes no match of a surer box, since those were matched before.

    Attributes:
        scores: (N,) of the found boxes, the surest first, and in the order of the images where they are equal.
        classes: (N,) number of each one's type.
        groups: (N,) number of each one's group.
        hits: (T, N) whether it is a true box.
        true_classes: (M,) number of each true box's type.
        true_groups: (M,) number of its group.
        true_areas: (M,) its area in square pixels.
        taken_at: (T, M) score of the box that found it; minus infinity if none did.
        count: G.
    """

    scores: _Floats
    classes: _Numbers
    groups: _Numbers
    hits: NDArray[np.bool_]
    true_classes: _Numbers
    true_groups: _Numbers
    true_areas: _Floats
    taken_at: _Floats
    count: int

    def groups_with(self, number: int | None = None) -> int:
        """How many groups have a true box, or one of the type with this number."""
        rows = slice(None) if number is None else self.true_classes == number
        return len(np.unique(self.true_groups[rows]))


def match(found: Boxes, truth: Boxes, limits: Sequence[float]) -> _Numbers:
    """Matches the boxes of one image one to one within their types, the surest first.

    Each takes the true box that overlaps it most of those still free, if their IoU reaches the limit; of true boxes
    that overlap it alike the last one. This is the matching of COCO's evaluation (Lin et al. 2014). Scripts that want
    an IoU above the limit differ where it is the limit itself.

    Args:
        found: F boxes.
        truth: L boxes.
        limits: T values of IoU.

    Returns:
        int64 (T, F): number of the true box that each found one is, -1 of none.
    """
    alike = found.classes[:, None] == truth.classes[None, :]
    return _greedy(
        np.where(alike, iou(found.corners, truth.corners), -1.0), found.scores, np.asarray(limits, np.float64)
    )


def match_any(found: Boxes, truth: Boxes, limit: float) -> _Numbers:
    """Matches within the types first, and then what is left, whatever its type.

    Returns:
        int64 (F,): number of the true box that each found one is, of its own type or not, -1 of none.
    """
    taken = match(found, truth, [limit])[0]
    shares = iou(found.corners, truth.corners)
    shares[taken >= 0] = -1.0
    shares[:, taken[taken >= 0]] = -1.0
    others = _greedy(shares, found.scores, np.array([limit]))[0]
    return np.asarray(np.where(taken >= 0, taken, others))


def _greedy(shares: _Floats, scores: NDArray[np.float32], limits: _Floats) -> _Numbers:
    """(T, F) what each found box takes, of the IoU (F, L) with each true one."""
    taken = np.full((len(limits), len(scores)), -1, np.int64)
    if not shares.size:
        return taken
    limits = np.minimum(limits, 1 - 1e-10)
    free = np.ones((len(limits), shares.shape[1]), bool)
    hopeful = shares.max(axis=1) >= limits.min()
    order = np.argsort(-scores, kind="stable")
    for row in order[hopeful[order]]:
        left = np.where(free, shares[row], -1.0)
        best = left.shape[1] - 1 - left[:, ::-1].argmax(axis=1)
        at = np.flatnonzero(left[np.arange(len(limits)), best] >= limits)
        taken[at, row] = best[at]
        free[at, best[at]] = False
    return taken


def matched(compared: Sequence[Compared], classes: Sequence[str], limits: Sequence[float]) -> Matches:
    """Matches every image of a part at T limits of IoU.

    Raises:
        DataError: A box is of a type beyond the classes.
    """
    for one in compared:
        _check(one, len(classes))
    numbers, count = grouped.numbered([one.group for one in compared])
    taken = [match(one.found, one.truth, limits) for one in compared]
    taken_at = [_taken_at(one, which) for one, which in zip(compared, taken, strict=True)]
    found, truth = joined([one.found for one in compared]), joined([one.truth for one in compared])
    order = np.argsort(-found.scores, kind="stable")
    hits = np.concatenate([np.zeros((len(limits), 0), bool), *[which >= 0 for which in taken]], axis=1)
    return Matches(
        scores=found.scores[order].astype(np.float64),
        classes=found.classes[order],
        groups=np.repeat(numbers, [len(one.found) for one in compared])[order],
        hits=hits[:, order],
        true_classes=truth.classes,
        true_groups=np.repeat(numbers, [len(one.truth) for one in compared]),
        true_areas=areas(truth.corners),
        taken_at=np.concatenate([np.zeros((len(limits), 0)), *taken_at], axis=1),
        count=count,
    )


def _check(one: Compared, count: int) -> None:
    numbers = np.concatenate([one.found.classes, one.truth.classes])
    if len(numbers) and not (numbers.min() >= 0 and numbers.max() < count):
        raise DataError(
            f"{one.group}: expected boxes of the types 0 to {count - 1}, got {numbers.min()} to {numbers.max()}",
            hint="Give the types in the order in which the model was trained on them.",
        )


def _taken_at(one: Compared, taken: _Numbers) -> _Floats:
    """(T, L) score of the box that found each true one."""
    scores = np.full((len(taken), len(one.truth)), -np.inf)
    limit, row = np.nonzero(taken >= 0)
    scores[limit, taken[limit, row]] = one.found.scores[row]
    return scores


def sure_enough(found: Boxes, thresholds: Thresholds) -> Boxes:
    """The boxes whose score reaches the threshold of their type, of (C,) thresholds."""
    return found.only(found.scores >= np.asarray(thresholds, np.float64)[found.classes])


def type_counts(
    compared: Sequence[Compared], classes: Sequence[str], thresholds: Thresholds, limit: float = 0.5
) -> _Numbers:
    """How often each type was found as each type.

    Args:
        compared: The images.
        classes: The C types.
        thresholds: (C,) scores from which a found box counts.
        limit: IoU from which two boxes are one. Those of one type are matched first, then what is left.

    Returns:
        int64 (C + 1, C + 1): the true type by the type said; the last column counts what was missed, the last row what
        was invented, and their corner is 0.
    """
    count = len(classes)
    counts = np.zeros((count + 1, count + 1), np.int64)
    for one in compared:
        found = sure_enough(one.found, thresholds)
        taken = match_any(found, one.truth, limit)
        missed = np.setdiff1d(np.arange(len(one.truth)), taken)
        of_found = np.append(one.truth.classes, count)[taken]  # -1 is the last: no true type
        np.add.at(counts, (of_found, found.classes), 1)
        np.add.at(counts[:, count], one.truth.classes[missed], 1)
    return counts
