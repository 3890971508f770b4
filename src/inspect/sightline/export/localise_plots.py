"""The pictures of the tasks that say where: curves of boxes, types taken for others, and what small defects cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline.bundle.manifest import Metric
from sightline.export.matching import Compared, Thresholds, matched, type_counts
from sightline.export.plots import INK, NG, OK, STROKES, canvas
from sightline.export.ranking import average_precision, curve
from sightline.export.region_curves import Ranked

_PALE = "#e9ecef"


def precision_recall(
    compared: Sequence[Compared], classes: Sequence[str], thresholds: Thresholds | None = None, iou: float = 0.5
) -> Figure:
    """Precision over recall of each type at a limit of IoU, with COCO's average precision in the legend.

    Args:
        compared: The images of the part.
        classes: The C types; one that no image shows has no line.
        thresholds: (C,) scores from which a box counts; where each lies is a dot on its line. None draws no dots.
        iou: Limit of IoU.
    """
    matches = matched(compared, classes, [iou])
    figure, axes = canvas(6.4, 5.2)
    for number, name in enumerate(classes):
        rows, positives = matches.classes == number, int((matches.true_classes == number).sum())
        if positives:
            hits, scores = matches.hits[0, rows], matches.scores[rows]
            last = np.append(scores[:-1] != scores[1:], True)[: len(scores)]  # a threshold cannot part equal scores
            recall, precision = (values[last] for values in curve(hits, positives))
            label = f"{name}: AP {average_precision(hits, positives):.3f}, {positives:,} true"
            _line(axes, (recall, precision, scores[last]), number, label, thresholds)
    _name(axes, f"Boxes by type, IoU from {iou:g}" + ("" if thresholds is None else "; dot: threshold"))
    return figure


def regions_precision_recall(ranked: Sequence[Ranked], classes: Sequence[str], thresholds: Thresholds) -> Figure:
    """Precision over recall of the regions of each type; there is no average precision where all that touch are right.

    Args:
        ranked: The regions of each of the C types; one that no image shows has no line.
        classes: The C types.
        thresholds: (C,) scores from which a region counts; where each lies is a dot on its line.
    """
    figure, axes = canvas(6.4, 5.2)
    for number, (one, name) in enumerate(zip(ranked, classes, strict=True)):
        if len(one.found):
            _line(axes, one.curve(), number, f"{name}: {len(one.found):,} true", thresholds)
    _name(axes, "Regions by type, right if they touch a true one; dot: threshold")
    return figure


def _line(
    axes: Axes,
    points: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    number: int,
    label: str,
    thresholds: Thresholds | None,
) -> None:
    """Draws recall, precision and score (K,) of a type, the highest score first, and a dot at its threshold."""
    recall, precision, scores = points
    colour = f"C{number}"
    stroke = STROKES[number % len(STROKES)]
    x, y = np.append(recall[:1], recall), np.append(precision[:1], precision)
    axes.plot(x, y, lw=1.6, ls=stroke, color=colour, label=label)
    if thresholds is not None and (said := int((scores >= float(thresholds[number])).sum())):
        axes.plot(recall[said - 1], precision[said - 1], "o", ms=7, color=colour, mec="white", mew=1.2)


def _name(axes: Axes, title: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04), xlabel="recall", ylabel="precision")
    axes.set_title(title)
    if axes.lines:
        axes.legend(frameon=False, fontsize=8, loc="lower left")


def types_said(
    compared: Sequence[Compared], classes: Sequence[str], thresholds: Thresholds, iou: float = 0.5
) -> Figure:
    """How often each type was found as each type, with what was missed and what was invented.

    The numbers are those of `sightline.export.matching.type_counts`, shaded by the share of their row.
    """
    table = type_counts(compared, classes, thresholds, iou)
    return counts_of_types(table, classes, f"{int(table[:-1].sum()):,} true boxes, IoU from {iou:g}")


def counts_of_types(table: NDArray[np.int64], classes: Sequence[str], title: str) -> Figure:
    """Draws how often each type was found as each type.

    Args:
        table: (C + 1, C + 1) the true type by the type said; the last column counts what was missed, the last row what
            was invented.
        classes: The C types.
        title: Of the figure.
    """
    side = 3.2 + 0.62 * len(classes)
    figure, axes = canvas(side + 1.4, side)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(table.shape):
        if table[row, column]:
            wrong, dark = row != column, shares[row, column] > 0.5
            colour = "white" if dark else NG if wrong else INK
            weight = "bold" if wrong else "normal"
            text = f"{table[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", color=colour, weight=weight, fontsize=9)
    for line in (axes.axhline, axes.axvline):
        line(len(classes) - 0.5, color=INK, lw=0.8)
    axes.set_xticks(range(len(table)), [*classes, "missed"], rotation=35, ha="right")
    axes.set_yticks(range(len(table)), [*classes, "invented"])
    axes.set(xlabel="said", ylabel="true")
    axes.set_title(title, fontsize=10)
    return figure


def recall_by_size(metrics: Sequence[Metric], prefix: str) -> Figure:
    """Bars of the share found of each size, with their intervals and the count of groups beneath.

    Args:
        metrics: Figures, of which those whose names begin with the prefix are drawn in their order.
        prefix: Such as ``recall_by_size/`` of boxes or ``instance_recall_by_size/`` of regions.
    """
    drawn = [metric for metric in metrics if metric.name.startswith(prefix)]
    figure, axes = canvas(1.9 + 1.25 * max(2, len(drawn)), 4.2)
    values = np.array([metric.value for metric in drawn])
    errors = np.array([(m.value - m.low, m.high - m.value) for m in drawn]).reshape(-1, 2).T
    places = list(range(len(drawn)))
    axes.bar(places, np.ones(len(drawn)), width=0.62, color=_PALE)
    axes.bar(places, values, width=0.62, color=OK)
    axes.errorbar(places, values, yerr=errors, fmt="none", ecolor=INK, capsize=5, lw=1.4)
    for place, value in zip(places, values.tolist(), strict=True):
        axes.text(place, 0.03, f"{value:.1%}", ha="center", va="bottom", fontsize=9, color=INK)
    names = [f"{_plainly(metric.name.removeprefix(prefix))}\n{metric.count:,} groups" for metric in drawn]
    axes.set_xticks(places, names)
    axes.set(ylim=(0, 1.04), ylabel="share found")
    axes.set_title("Defects found by size, with intervals at 95 %")
    return figure


def _plainly(size: str) -> str:
    """``side-16-32px`` as ``side 16-32 px``."""
    return size.replace("-", " ", 1).replace("under-", "under ").replace("from-", "from ").replace("px", " px")
