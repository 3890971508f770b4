"""Figures of task detect: how many defects were found where they are, and how many were invented.

A box that was found is right if its type is and its IoU with a true box that no surer one has taken reaches a limit:
0.33, which suffices to point at a small defect and is what DeepPCB asks (Tang et al. 2019), or 0.5 and more, as COCO
has it. All intervals are at 95 % and count groups. Boxes are matched once; resamples only weigh the groups anew. There
a box that is drawn twice counts twice in its place, so that nothing is matched with a copy of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Metric
from sightline.export import grouped, intervals
from sightline.export.decide import FEWEST
from sightline.export.matching import Compared, Matches, Thresholds, matched
from sightline.export.ranking import average_precision, best_threshold, weighed
from sightline.verdict import ANY_DEFECT

__all__ = [
    "COCO_LIMITS",
    "LOOSE",
    "Compared",
    "Rates",
    "average_precision",
    "average_precisions",
    "best_thresholds",
    "detection_figures",
    "mean_average_precision",
    "rates",
]

LOOSE = 0.33
"""IoU that suffices to point at a defect."""

COCO_LIMITS = tuple(float(limit) for limit in np.linspace(0.5, 0.95, 10))
"""Values of IoU that COCO's mAP[.5:.95] is the mean over."""

_SIDES = (16, 32, 64)  # px; a box belongs to the size by the root of its area
_CHUNK = 2_000_000  # weights held at once: 16 MB

_Floats = NDArray[np.float64]


class Rates(NamedTuple):
    """Shares at one threshold, 0 to 1, not a number where there is nothing to count.

    Attributes:
        precision: Of the boxes said that are right.
        recall: Of the true boxes that are found.
        f: The harmonic mean of the two.
    """

    precision: float
    recall: float
    f: float


def average_precisions(compared: Sequence[Compared], classes: Sequence[str], iou: float) -> dict[str, float]:
    """COCO's average precision of each type at a limit of IoU; not a number of a type that no image shows."""
    values = _by_type(matched(compared, classes, [iou]), len(classes), None)[0, :, 0]
    return dict(zip(classes, map(float, values), strict=True))


def mean_average_precision(
    compared: Sequence[Compared], classes: Sequence[str], iou: float | Sequence[float] = COCO_LIMITS
) -> float:
    """COCO's average precision at 101 values of recall, the mean over the types that occur.

    Args:
        compared: The images. COCO takes the 100 surest boxes of a type and image; here all that are given count.
        classes: The types.
        iou: Limit, or several whose mean is taken.

    Returns:
        0 to 1; not a number if no image shows a type.
    """
    limits = [iou] if isinstance(iou, float) else list(iou)
    values = _by_type(matched(compared, classes, limits), len(classes), None)
    return float(grouped.mean(values[0].mean(axis=1), axis=0))


def rates(compared: Sequence[Compared], classes: Sequence[str], thresholds: Thresholds, iou: float) -> dict[str, Rates]:
    """Precision, recall and F score of each type, and over all boxes of all types as ``ANY_DEFECT``.

    Args:
        compared: The images.
        classes: The C types.
        thresholds: (C,) scores from which a box counts as said.
        iou: Limit of IoU.
    """
    sums = _sums(matched(compared, classes, [iou]), 0, len(classes), thresholds).sum(axis=0)
    hits, said, true = np.vstack([sums, sums.sum(axis=0)]).T
    columns = grouped.ratio(hits, said), grouped.ratio(hits, true), grouped.ratio(2 * hits, said + true)
    rows = (Rates(*map(float, row)) for row in zip(*columns, strict=True))
    return dict(zip((*classes, ANY_DEFECT), rows, strict=True))


def best_thresholds(compared: Sequence[Compared], classes: Sequence[str], iou: float) -> _Floats:
    """(C,) the score of each type from which its F score is best, to be chosen on the calibrate part.

    It lies in the middle between the scores around it. A type with fewer than 5 true boxes, or with none found, gets
    the threshold that is best for all types together, and 0.5 if nothing is found at all.
    """
    matches = matched(compared, classes, [iou])
    pooled = best_threshold(matches.scores, matches.hits[0], len(matches.true_classes))
    chosen = np.full(len(classes), 0.5 if pooled is None else pooled)
    for number in range(len(classes)):
        rows, positives = matches.classes == number, int((matches.true_classes == number).sum())
        own = best_threshold(matches.scores[rows], matches.hits[0, rows], positives)
        if own is not None and positives >= FEWEST:
            chosen[number] = own
    return chosen


def detection_figures(
    compared: Sequence[Compared], classes: Sequence[str], thresholds: Thresholds
) -> tuple[Metric, ...]:
    """All figures of one part, with intervals.

    ``map_33``, ``map_50`` and ``map_50_95`` are means over the types that occur of COCO's average precision, which
    ``ap_33/<type>`` and ``ap_50/<type>`` give for each. ``ap_33_pooled`` ranks the boxes of all types in one list and
    sums with no interpolation, which is the mAP that DeepPCB's script reports; that one matches in the order of the
    files, not of the scores. ``precision_``, ``recall_`` and ``f_`` are those at the thresholds, over all boxes of all
    types, and at 0.33 for each type; ``recall_by_size/`` is the recall at 0.33 by the root of a true box's area.

    Args:
        compared: The images of the part.
        classes: The C types.
        thresholds: (C,) scores from which a box counts as said, chosen on another part.
    """
    matches = matched(compared, classes, (LOOSE, *COCO_LIMITS))
    figures = [
        *_ranked(matches, classes),
        *_at_thresholds(matches, 0, "33", classes, thresholds),
        *_at_thresholds(matches, 1, "50", (), thresholds),
        *_by_size(matches, thresholds),
    ]
    return tuple(figure for figure in figures if figure is not None)


def _by_type(matches: Matches, types: int, weights: _Floats | None) -> _Floats:
    """(R, C, T) COCO's average precision of each type on weighed groups (R, G); all once without weights."""
    weights = np.ones((1, matches.count)) if weights is None else weights
    values = np.full((len(weights), types, len(matches.hits)), np.nan)
    for number in range(types):
        rows, true = matches.classes == number, matches.true_classes == number
        values[:, number] = _precisions(matches, rows, true, weights, interpolated=True)
    return values


def _precisions(
    matches: Matches, rows: NDArray[np.bool_], true: NDArray[np.bool_], weights: _Floats, *, interpolated: bool
) -> _Floats:
    """(R, T) average precision of some found (N,) and some true (M,) boxes, on weighed groups, some rows at a time."""
    hits, groups = matches.hits[:, rows], matches.groups[rows]
    positives = weights @ np.bincount(matches.true_groups[true], minlength=matches.count).astype(np.float64)
    step = max(1, _CHUNK // max(1, len(groups)))
    chunks = [slice(start, start + step) for start in range(0, len(weights), step)]
    parts = [weighed(hits, weights[at][:, groups], positives[at], interpolated=interpolated) for at in chunks]
    return np.concatenate(parts)


def _ranked(matches: Matches, classes: Sequence[str]) -> list[Metric | None]:
    weights = grouped.weights(matches.count)
    values = _by_type(matches, len(classes), weights)
    every, true = np.ones(len(matches.scores), bool), np.ones(len(matches.true_classes), bool)
    pooled = _precisions(matches, every, true, weights, interpolated=False)[:, 0]
    decisive = [matches.groups_with(number) for number in range(len(classes))]
    rarest = min((count for count in decisive if count), default=1)
    means = {"map_33": values[:, :, 0], "map_50": values[:, :, 1], "map_50_95": values[:, :, 1:].mean(axis=2)}
    figures = [_figure(name, grouped.mean(of_types, axis=1), matches, rarest) for name, of_types in means.items()]
    figures.append(_figure("ap_33_pooled", pooled, matches, matches.groups_with()))
    for limit, suffix in enumerate(("33", "50")):
        for number, name in enumerate(classes):
            figures.append(_figure(f"ap_{suffix}/{name}", values[:, number, limit], matches, decisive[number]))
    return figures


def _at_thresholds(
    matches: Matches, limit: int, suffix: str, classes: Sequence[str], thresholds: Thresholds
) -> list[Metric | None]:
    """Precision, recall and F score over all boxes, and of each of the classes given."""
    sums = _sums(matches, limit, len(thresholds), thresholds)
    figures = _rates(matches, suffix, "", sums.sum(axis=1))
    for number, name in enumerate(classes):
        figures += _rates(matches, suffix, f"/{name}", sums[:, number])
    return figures


def _rates(matches: Matches, suffix: str, of: str, sums: _Floats) -> list[Metric | None]:
    hits, said, true = sums.T
    weights = grouped.weights(matches.count)
    f = grouped.ratio(2 * (weights @ hits), weights @ (said + true))
    return [
        _figure(f"f_{suffix}{of}", f, matches, int(np.count_nonzero(said + true))),
        grouped.rate(f"precision_{suffix}{of}", hits, said),
        grouped.rate(f"recall_{suffix}{of}", hits, true),
    ]


def _figure(name: str, values: _Floats, matches: Matches, decisive: int) -> Metric | None:
    return grouped.figure(name, values, matches.count, intervals.guarded(decisive))


def _sums(matches: Matches, limit: int, types: int, thresholds: Thresholds) -> _Floats:
    """(G, C, 3) of each group and type: boxes that are right, that are said, and that are true."""
    said = matches.scores >= np.asarray(thresholds, np.float64)[matches.classes]
    sums = np.zeros((matches.count, types, 3))
    np.add.at(sums[..., 0], (matches.groups, matches.classes), said & matches.hits[limit])
    np.add.at(sums[..., 1], (matches.groups, matches.classes), said)
    np.add.at(sums[..., 2], (matches.true_groups, matches.true_classes), 1)
    return sums


def _by_size(matches: Matches, thresholds: Thresholds) -> list[Metric | None]:
    found = matches.taken_at[0] >= np.asarray(thresholds, np.float64)[matches.true_classes]
    size = np.digitize(np.sqrt(matches.true_areas), _SIDES)
    between = [f"side-{low}-{high}px" for low, high in pairwise(_SIDES)]
    figures = []
    for number, name in enumerate([f"side-under-{_SIDES[0]}px", *between, f"side-from-{_SIDES[-1]}px"]):
        of_group = [
            np.bincount(matches.true_groups[rows], minlength=matches.count).astype(np.float64)
            for rows in ((size == number) & found, size == number)
        ]
        figures.append(grouped.rate(f"recall_by_size/{name}", *of_group))
    return figures
