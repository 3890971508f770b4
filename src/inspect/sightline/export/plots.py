"""The pictures a reviewer wants to see, drawn by matplotlib without its global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from sightline.export.evaluate import Scored
from sightline.export.intervals import wilson
from sightline.export.one_class import shows, types_of
from sightline.export.reliability import calibration_error, equal_bins, told_and_true
from sightline.verdict import ANY_DEFECT

OK, NG, INK = "#2a9d8f", "#d1495b", "#30343f"
STROKES = ("-", "--", ":", "-.")
"""Of lines, in turns, and the hatch below of bars: what tells them apart where a page is printed in grey."""

_HATCH = "//////"
_DPI = 110


def all_plots(scored: Scored, folder: Path) -> list[Path]:
    """Draws every picture of one scored part into the folder and gives the files."""
    figures = {}
    if scored.defective.any():
        figures = {
            "confusion": confusion(scored),
            "precision-recall": curves(scored, kind="precision-recall"),
            "roc": curves(scored, kind="roc"),
        }
    if scored.one_class:
        figures["score-histograms"] = heaps(scored)
    else:
        figures |= {"reliability": reliability(scored), "score-histograms": histograms(scored)}
    return [save(figure, folder / f"{name}.png") for name, figure in figures.items()]


def save(figure: Figure, path: Path) -> Path:
    """Writes a figure as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)
    return path


def confusion(scored: Scored) -> Figure:
    """Counts, shaded by the share of the true name; the diagonal is right. With several types a frame, one a type."""
    if scored.policy.exclusive:
        side = 2.6 + 0.62 * len(scored.names)
        figure, axes = canvas(side + 1.4, side)
        _counts(axes, scored.names, scored.shown, scored.said)
    else:
        columns = min(len(scored.classes), 4)
        rows = -(-len(scored.classes) // columns)
        figure = Figure(figsize=(2.9 * columns, 2.9 * rows + 0.4), layout="constrained")
        for k, name in enumerate(scored.classes):
            axes = figure.add_subplot(rows, columns, k + 1, title=name)
            _plain(axes)
            with_without = (np.column_stack([~has, has]) for has in (scored.shown[:, k], scored.said[:, k]))
            _counts(axes, ("without", "with"), *with_without)
    figure.suptitle(f"Confusion matrix, {len(scored.samples)} test images")
    return figure


def _counts(axes: Axes, names: Sequence[str], shown: NDArray[np.bool_], said: NDArray[np.bool_]) -> None:
    """Draws how often each of K names was true (N, K) and how often each was said (N, K) then."""
    table = shown.T.astype(int) @ said
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(table.shape):
        if table[row, column]:
            wrong, dark = row != column, shares[row, column] > 0.5
            colour = NG if wrong and not dark else "white" if dark else INK
            weight = "bold" if wrong else "normal"
            axes.text(column, row, str(table[row, column]), ha="center", va="center", color=colour, weight=weight)
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="said", ylabel="true")


def curves(scored: Scored, *, kind: str) -> Figure:
    """Precision over recall, or ROC, one line a type and a thick one for any defect."""
    figure, axes = canvas(6.4, 5.2)
    total = np.asarray(scored.policy.defect_score(scored.scores), np.float32)
    lines = [(name, scored.truth[:, k], scored.scores[:, k], 1.4) for k, name in enumerate(scored.classes)]
    if len(lines) > 1:
        lines.append(("any defect", scored.defective, total, 2.8))
    for number, (name, truth, score, width) in enumerate(lines):
        if truth.all() or not truth.any():
            continue
        if kind == "roc":
            x, y, _ = roc_curve(truth, score)
        else:
            y, x, _ = precision_recall_curve(truth, score)
        axes.plot(x, y, lw=width, ls=STROKES[number % len(STROKES)] if width < 2 else "-", label=name)
    labels = ("overkill (false positive rate)", "recall") if kind == "roc" else ("recall", "precision")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=labels[0], ylabel=labels[1])
    axes.set_title("ROC by type" if kind == "roc" else "Precision and recall by type")
    _legend(axes)
    return figure


def reliability(scored: Scored) -> Figure:
    """How often a name is right over how probable the model says it is; on the line is calibrated.

    Beside each other before and after calibration, if that changed anything. Of types that exclude each other the most
    probable one counts, else there is a line a type. The points are the bins of the calibration error; the bars are
    Wilson's interval over the groups of images in a bin. Below: how many frames were told each probability.
    """
    sides = {"": scored.probabilities}
    if scored.before is not None:
        sides = {"before calibration, ": scored.before, "after, ": scored.probabilities}
    figure = Figure(figsize=(1.2 + 4.8 * len(sides), 6.2), layout="constrained")
    rows = figure.subplots(2, len(sides), sharex=True, sharey="row", squeeze=False, height_ratios=(4, 1))
    for (when, probabilities), above, below in zip(sides.items(), *rows, strict=True):
        exclusive = scored.policy.exclusive
        told = told_and_true(probabilities, scored.shown, scored.names, exclusive=exclusive)
        error = calibration_error(probabilities, scored.shown, exclusive=exclusive)
        above.plot([0, 1], [0, 1], color=INK, lw=0.6, label="calibrated")
        for number, (name, (probability, true)) in enumerate(told.items()):
            stroke = STROKES[number % len(STROKES)]
            _bins(above, probability, true, scored, label=name, ls=stroke)
            below.hist(probability, np.linspace(0, 1, 21), histtype="step", log=True, ls=stroke)
        above.set(xlim=(0, 1.03), ylim=(0, 1.05), ylabel="share true")
        above.set_title(f"{when}calibration error {error:.4f}", fontsize=10)
        below.set(xlabel="probability said", ylabel="frames", ylim=(0.7, None))
        for axes in (above, below):
            _plain(axes)
            axes.label_outer()
    _legend(figure.axes[0])
    figure.suptitle("Reliability on the test part, bins of equal count")
    return figure


def _bins(
    axes: Axes, probability: NDArray[np.floating], true: NDArray[np.bool_], scored: Scored, *, label: str, ls: str
) -> None:
    """Draws the bins of one line."""
    bins = equal_bins(probability)
    told = np.array([probability[rows].mean() for rows in bins])
    came = np.array([true[rows].mean() for rows in bins])
    ends = np.array([wilson(share, scored.count(rows)) for share, rows in zip(came, bins, strict=True)])
    bars = (came - ends[:, 0], ends[:, 1] - came)
    axes.errorbar(told, came, yerr=bars, marker="o", ms=5, lw=1, capsize=3, label=label, ls=ls)


def histograms(scored: Scored) -> Figure:
    """Scores of each type on frames that show it and on all others; dashed is the threshold."""
    total = np.asarray(scored.policy.defect_score(scored.scores), np.float32)
    rows = [(n, scored.truth[:, k], scored.scores[:, k]) for k, n in enumerate(scored.classes)]
    if ANY_DEFECT in scored.policy.thresholds:
        rows.insert(0, (ANY_DEFECT, scored.defective, total))
    figure = Figure(figsize=(7.2, 1.0 + 1.25 * len(rows)), layout="constrained")
    all_axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for (name, has, score), axes in zip(rows, all_axes, strict=True):
        bins = np.linspace(0, 1, 41)
        axes.hist(score[~has], bins, color=OK, alpha=0.75, label="others")
        axes.hist(score[has], bins, color=NG, alpha=0.75, hatch=_HATCH, label="shows it")
        if name in scored.policy.thresholds:
            axes.axvline(scored.policy.thresholds[name].ng, color=INK, lw=1.2, ls="--")
        axes.set_yscale("symlog", linthresh=5)
        axes.set_title("any defect" if name == ANY_DEFECT else name, fontsize=9, loc="left")
        _plain(axes)
    figure.axes[0].legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    figure.supxlabel("calibrated score (dashed: threshold); counts on a logarithmic scale", fontsize=9)
    return figure


def heaps(scored: Scored) -> Figure:
    """Scores of good frames, and of each type of defect, of a model of good parts alone; dashed is the threshold.

    The upper axis says how rarely a good part scores as high.
    """
    good = scored.scores[~scored.defective, 0]
    rows = [("good", good)] + [(name, scored.scores[shows(scored, name), 0]) for name in types_of(scored)]
    figure = Figure(figsize=(7.2, 1.2 + 0.95 * len(rows)), layout="constrained")
    every = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for (name, score), axes in zip(rows, every, strict=True):
        axes.hist(score, np.linspace(0, 1, 61), color=OK if name == "good" else NG, alpha=0.8)
        axes.axvline(scored.policy.thresholds[ANY_DEFECT].ng, color=INK, lw=1.2, ls="--")
        axes.set_title(f"{name} ({len(score):,})", fontsize=9, loc="left")
        _plain(axes)
    rarity = every[0].secondary_xaxis("top")
    rarity.set_xticks([n / (1 + n) for n in (1, 2, 4)], ["1 in 10", "100", "10,000"], fontsize=8)
    figure.supxlabel("score (dashed: threshold); above: so rarely a good part scores as high", fontsize=9)
    return figure


def learning_curves(history: Mapping[str, Sequence[tuple[int, float]]]) -> Figure:
    """Losses, figures of the validate part, and the learning rate over epochs, which count from 1 here.

    Args:
        history: Name of the figure -> (epoch from 0, value) in order.
    """
    figure = Figure(figsize=(12.0, 3.6), layout="constrained")
    panels = dict(zip(("Loss", "Validate part", "Learning rate"), figure.subplots(1, 3), strict=True))
    for name, points in history.items():
        title = next((t for t in ("Loss", "Learning rate") if t.lower().replace(" ", "_") in name), "Validate part")
        epochs, values = zip(*points, strict=True)
        panels[title].plot([epoch + 1 for epoch in epochs], values, marker=".", lw=1.6, label=name)
    for title, axes in panels.items():
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _plain(axes)
        if axes.lines:
            _legend(axes)
    return figure


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this width and height in inches, and its one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def _legend(axes: Axes) -> None:
    if not axes.get_legend_handles_labels()[0]:
        return
    axes.legend(frameon=False, fontsize=8)
