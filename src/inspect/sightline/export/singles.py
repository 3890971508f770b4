"""Pictures and table of the single defects of one part: right, misnamed, missed or invented."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline.boxes import Boxes, areas
from sightline.bundle.manifest import Locate, Manifest
from sightline.export import localise_plots, misses, plots, told
from sightline.export.detection import LOOSE
from sightline.export.evaluate import Scored
from sightline.export.local import limits
from sightline.export.matching import Compared, match_any, sure_enough
from sightline.export.misses import Marks, Miss
from sightline.export.region_curves import ranked
from sightline.export.regions import Instances, type_counts
from sightline.export.sweep import Outputs, Sweeper
from sightline.export.told import Regions

Outcome = Literal["right", "misnamed", "missed", "invented"]


@dataclass(frozen=True)
class Single:
    """One defect, true or said: a row of ``defects.csv``.

    Attributes:
        path: Of the image.
        outcome: ``right``, or what went wrong.
        true: Its true type; empty of one invented.
        said: The type said; empty of one missed.
        score: Of what was said, None of one missed.
        box: x1, y1, x2, y2 around what was said, or around one missed, in pixels of the frame.
        area: Of the box or of the region, in pixels.
    """

    path: str
    outcome: Outcome
    true: str
    said: str
    score: float | None
    box: Sequence[float]
    area: float


@dataclass(eq=False)
class _Found:
    """What is gathered from the images of one part.

    Attributes:
        singles: Every defect.
        wrong: Those to draw.
        figures: Name of a picture -> the picture.
        marks: Gives what is drawn over an image, by its number.
    """

    marks: Callable[[int], Marks]
    singles: list[Single] = field(default_factory=list)
    wrong: list[Miss] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)


def draw(scored: Scored, outputs: Outputs, manifest: Manifest, sweeper: Sweeper, folder: Path) -> None:
    """Writes the pictures of a task that locates defects, and ``defects.csv``, into a folder.

    Args:
        scored: The part with its verdicts.
        outputs: The same part with maps and boxes.
        manifest: The bundle's, with the figures of this part.
        sweeper: Shows the images.
        folder: Is there.
    """
    locate = manifest.locate
    if locate is None:
        return
    boxed = locate.by == "boxes"
    found = _boxed(scored, outputs, sweeper) if boxed else _outlined(scored, outputs, sweeper, locate)
    prefix = "recall_by_size/" if boxed else "instance_recall_by_size/"
    if any(metric.name.startswith(prefix) for metric in manifest.metrics):
        found.figures["recall-by-size"] = localise_plots.recall_by_size(manifest.metrics, prefix)
    found.figures["misses"] = _misses(found, outputs, sweeper, beside=manifest.templates is not None)
    for name, figure in found.figures.items():
        plots.save(figure, folder / f"{name}.png")
    _write(found.singles, folder / "defects.csv")


def _misses(found: _Found, outputs: Outputs, sweeper: Sweeper, *, beside: bool) -> Figure:
    def template(row: int) -> NDArray[np.uint8] | None:
        return sweeper.template(outputs.samples[row], outputs.readings[row].place)

    def read(row: int) -> NDArray[np.uint8]:
        return sweeper.frame(outputs.samples[row]).image

    return misses.draw(found.wrong, read, found.marks, template if beside else None)


def _boxed(scored: Scored, outputs: Outputs, sweeper: Sweeper) -> _Found:
    classes, least = scored.classes, limits(scored.policy, scored.classes)
    rows = told.marked(outputs, sweeper.index)
    part = told.boxes(outputs, sweeper.index, scored.policy.minimum_area)
    of_row = dict(zip(rows, part, strict=True))
    found = _Found(lambda row: Marks(of_row[row].truth, sure_enough(of_row[row].found, least)))
    for row, one in of_row.items():
        found.singles += of_boxes(outputs.samples[row].path, one, classes, least)
        found.wrong += misses.of_boxes(row, one.found, one.truth, classes, least, LOOSE)
    found.figures["boxes-precision-recall"] = localise_plots.precision_recall(part, classes, least)
    found.figures["defect-types"] = localise_plots.types_said(part, classes, least, LOOSE)
    return found


def _outlined(scored: Scored, outputs: Outputs, sweeper: Sweeper, locate: Locate) -> _Found:
    classes, policy = scored.classes, scored.policy
    image_of = partial(told.regions_of, outputs, sweeper.index, classes, policy, locate)
    found = _Found(lambda row: _outlines(image_of(row)))
    counts = np.zeros((len(classes) + 1, len(classes) + 1), np.int64)
    for one in told.regions(outputs, sweeper.index, classes, policy, locate):
        found.singles += of_regions(outputs.samples[one.row].path, one, classes)
        found.wrong += misses.of_regions(one.row, one.told, one.truth, classes, [told.LEAST] * len(classes))
        counts += type_counts(one.said, one.truth)
    title = f"{int(counts[:-1].sum()):,} true regions; found is what a region said touches"
    found.figures["defect-types"] = localise_plots.counts_of_types(counts, classes, title)
    every = ranked(told.regions(outputs, sweeper.index, classes, policy, locate, ranked=True), len(classes))
    least = [policy.threshold(name).review for name in classes]
    found.figures["regions-precision-recall"] = localise_plots.regions_precision_recall(every, classes, least)
    return found


def _outlines(one: Regions | None) -> Marks:
    if one is None:
        return Marks(Boxes.empty(), Boxes.empty())
    return Marks.of_masks(np.asarray(one.truth.any(axis=0)), np.asarray(one.said.any(axis=0)))


def of_boxes(path: str, one: Compared, classes: Sequence[str], least: Sequence[float]) -> list[Single]:
    """Every box of an image that was said or that is true.

    Args:
        path: Of the image.
        one: What was found on it, and what is true.
        classes: Names of the C types.
        least: (C,) scores from which a box counts.
    """
    said = sure_enough(one.found, least)
    taken = match_any(said, one.truth, LOOSE)
    sizes, singles = areas(said.corners), list[Single]()
    for row, which in enumerate(taken.tolist()):
        name, true = classes[said.classes[row]], classes[one.truth.classes[which]] if which >= 0 else ""
        outcome: Outcome = "invented" if not true else "right" if true == name else "misnamed"
        box, score = said.corners[row].tolist(), float(said.scores[row])
        singles.append(Single(path, outcome, true, name, score, box, float(sizes[row])))
    for row in np.setdiff1d(np.arange(len(one.truth)), taken).tolist():
        box, area = one.truth.corners[row].tolist(), float(areas(one.truth.corners[row : row + 1])[0])
        singles.append(Single(path, "missed", classes[one.truth.classes[row]], "", None, box, area))
    return singles


def of_regions(path: str, one: Regions, classes: Sequence[str]) -> list[Single]:
    """Every region of an image that was said, and every true one that no region said touches.

    Args:
        path: Of the image.
        one: What was said and what is true.
        classes: Names of the C types.
    """
    singles = list[Single]()
    for number, name in enumerate(classes):
        found = Instances.of(one.said[number])
        scores = found.peaks(one.told[number])
        touched = np.array([found.touched(mask) for mask in one.truth]).reshape(len(classes), -1)
        for row in range(len(found.areas)):
            types = np.flatnonzero(touched[:, row]).tolist()
            true = name if number in types else classes[types[0]] if types else ""
            outcome: Outcome = "invented" if not true else "right" if true == name else "misnamed"
            box, score = found.corners[row].tolist(), float(scores[row])
            singles.append(Single(path, outcome, true, name, score, box, float(found.areas[row])))
    anywhere = np.asarray(one.said.any(axis=0))
    for mask, name in zip(one.truth, classes, strict=True):
        true_ones = Instances.of(mask)
        for row in np.flatnonzero(~true_ones.touched(anywhere)).tolist():
            box, area = true_ones.corners[row].tolist(), float(true_ones.areas[row])
            singles.append(Single(path, "missed", name, "", None, box, area))
    return singles


def _write(singles: Iterable[Single], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "outcome", "true", "said", "score", "x1", "y1", "x2", "y2", "area"])
        for one in singles:
            score = "" if one.score is None else f"{one.score:.6g}"
            box = [f"{value:.1f}" for value in one.box]
            table.writerow([one.path, one.outcome, one.true, one.said, score, *box, f"{one.area:.1f}"])
