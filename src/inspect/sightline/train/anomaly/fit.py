"""Learns good parts: features once, a look through the images, a judge, and all of it on disk in the run folder."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from sightline.config import Recipe
from sightline.config import anomaly as settings
from sightline.dataset.views import Views
from sightline.errors import TrainError
from sightline.index import Sample, Split
from sightline.runs import Progress, RunFolder
from sightline.train import checkpoint
from sightline.train.anomaly.corrected import CorrectedBank
from sightline.train.anomaly.detector import Detector, backbone, settle
from sightline.train.anomaly.discriminator import Discriminator
from sightline.train.anomaly.judge import Judge, Lesson, Shown, under
from sightline.train.anomaly.masks import covered
from sightline.train.anomaly.memory import MemoryBank
from sightline.train.anomaly.screen import Screening, exceptions, most_unlike, odd, screen
from sightline.train.anomaly.store import stored, sweep_up
from sightline.train.callbacks import BEST
from sightline.train.networks import load_weights
from sightline.train.networks.network import Seeing
from sightline.train.origin import check_same, origin

SUSPICIOUS = "suspicious.csv"
"""In the run's artifacts: the good images to look at first, the most unlike the others first."""

PRODUCTS = "products"
"""The run's tag that says why the images seem to show two products, if they do."""

METHODS: dict[type[settings.Judged], type[Judge]] = {
    settings.MemoryBank: MemoryBank,
    settings.CorrectedBank: CorrectedBank,
    settings.Discriminator: Discriminator,
}
"""What each method's settings make."""


def fit(run: RunFolder, *, progress: Progress) -> None:
    """Learns from the good images of the train part; nothing is done if that was done before.

    Args:
        run: The run folder.
        progress: Told the stage, images done and images in all.

    Raises:
        TrainError: Weights or settings do not fit; the disk is full.
        DataError: An image was changed since it was scanned.
    """
    if (run.checkpoints / BEST).exists():
        load(run)  # refuses another recipe or other data
        return
    sweep_up(run.path)
    recipe, start = run.recipe, time.monotonic()
    run.forget_after(run.events_before_training())
    torch.manual_seed(recipe.seed)
    seeing = backbone(recipe.model, recipe.input)
    tqdm.write(loaded(seeing, recipe))
    settle(seeing)
    seen, judge = _learned(run, seeing, progress)
    detector = Detector(seeing, judge)
    figures = {
        "train/images": len(_kept(seen, recipe)),
        "train/suspicious": len(seen.suspicious),
        "train/seconds": time.monotonic() - start,
        "train/memory_mb": psutil.Process().memory_info().rss / 2**20,
    }
    run.metrics(figures, step=0)
    # Last: a run with weights is taken for trained, and one without forgets its figures and is trained anew.
    checkpoint.save({"network": detector.state_dict(), "run": origin(run)}, run.checkpoints / BEST)


def _learned(run: RunFolder, seeing: Seeing, progress: Progress) -> tuple[Screening, Judge]:
    """Looks through the images of the train part, says what was seen, and learns the rest."""
    recipe, train = run.recipe, run.index.part(Split.TRAIN)
    views = Views.of_recipe(run.index, recipe.input, recipe.template)
    defects = [sample for sample in train if not sample.good and recipe.defects_teach]
    with (
        _shown(run, seeing, views, [sample for sample in train if sample.good], "features", progress) as good,
        _shown(run, seeing, views, defects, "features of defects", progress) as bad,
    ):
        seen = screen(good, recipe.anomaly)
        _tell(run, seen, good.samples)
        marks = covered(defects, run.index, views, good.scales[0].grid)
        kept = _kept(seen, recipe)
        lesson = Lesson(good.only(kept), seen.heat[kept], bad, *marks, recipe.seed)
        judge = METHODS[type(recipe.anomaly)].learned(lesson, recipe.anomaly)
    if judge.text():
        tqdm.write(judge.text())
    return seen, judge


@contextmanager
def _shown(
    run: RunFolder, seeing: Seeing, views: Views, samples: Sequence[Sample], stage: str, progress: Progress
) -> Iterator[Shown]:
    def told(done: int, total: int) -> None:
        progress(stage, done, total)

    with stored(seeing.scales, samples, views, folder=run.path, progress=told) as scales:
        yield Shown(samples, scales)


def check(recipe: Recipe) -> None:
    """Refuses a recipe that could not be trained, before any image is read.

    Raises:
        TrainError: Backbone, layer or weights cannot be had, or there are none.
    """
    loaded(backbone(recipe.model, recipe.input), recipe)


def loaded(seeing: Seeing, recipe: Recipe) -> str:
    """Loads the weights, all of them since nothing in the backbone will learn, and says so.

    Raises:
        TrainError: There are none, or not all.
    """
    if recipe.model.weights is None:
        raise TrainError(
            f"model.weights: task {recipe.task} needs pretrained weights, got null: random features tell nothing apart",
            hint="Name torchvision's (DEFAULT) or a file.",
        )
    report = load_weights(seeing, recipe.model)
    if report is None or not report.whole:
        raise TrainError(
            f"model.weights: task {recipe.task} learns nothing in the backbone, so it needs all its weights; "
            f"{report.text() if report else 'there are none'}",
            hint=f"Set model.layer={report.layer}." if report and report.layer else "Name other weights.",
        )
    return report.text()


def load(run: RunFolder) -> Detector:
    """The trained detector, in evaluation mode.

    Raises:
        TrainError: The run was not trained to its end, its checkpoint is damaged, or what it was trained from changed.
    """
    content = checkpoint.load(run.checkpoints / BEST)
    check_same(run, content["run"])
    recipe = run.recipe
    try:
        state = content["network"]
        judge = METHODS[type(recipe.anomaly)].like(under(state, "judge"), recipe.anomaly)
        detector = Detector(settle(backbone(recipe.model, recipe.input)), judge)
        detector.load_state_dict(state)
    except (KeyError, RuntimeError, TypeError) as error:
        raise TrainError(f"{run.checkpoints / BEST} holds other weights than the recipe's network has") from error
    return detector.eval()


def _kept(seen: Screening, recipe: Recipe) -> list[int]:
    out = set(seen.suspicious) if _left_out(seen, recipe) else set()
    return [row for row in range(len(seen.scores)) if row not in out]


def _left_out(seen: Screening, recipe: Recipe) -> bool:
    return recipe.anomaly.suspicious == "leave_out" and exceptions(seen.suspicious, len(seen.scores))


def _tell(run: RunFolder, seen: Screening, samples: Sequence[Sample]) -> None:
    """Says what was seen, and lists suspicious images in the run's artifacts."""
    if seen.products:
        sizes = " and ".join(f"{len(rows):,} like {samples[rows[0]].path}" for rows in seen.products)
        told = f"the images look like two products: {sizes}. Train one model each if they are."
        run.tags({PRODUCTS: told})
        tqdm.write(f"warning: {told}")
    list_suspicious(run, SUSPICIOUS, samples, seen.scores)
    if seen.suspicious:
        listed = ", ".join(samples[row].path for row in seen.suspicious[:5])
        done = "left out" if _left_out(seen, run.recipe) else "kept"
        tqdm.write(
            f"warning: {len(seen.suspicious)} images called good are quite unlike the others and were {done}; look at "
            f"them: {listed}{' …' if len(seen.suspicious) > 5 else ''} (all in {run.artifacts / SUSPICIOUS})"
        )


def list_suspicious(run: RunFolder, name: str, samples: Sequence[Sample], scores: NDArray[np.floating]) -> None:
    """Lists in the run's artifacts the images to look at first, how unlike the others, and whether quite unlike."""
    exceptional = set(odd(scores))
    with (run.artifacts / name).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "unlike_the_others", "quite_unlike"])
        for row in most_unlike(scores):
            table.writerow([samples[row].path, f"{scores[row]:.4f}", "yes" if row in exceptional else "no"])
    run.artifact(name)
