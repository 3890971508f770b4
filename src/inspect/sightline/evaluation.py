"""The evaluation protocol: figures with intervals, over several seeds of a recipe, or of one bundle on labelled images.

Image AUROC, over all defects and per type, AUPRO and pixel AUROC where there are masks, F1, escape and overkill at the
threshold that the calibrate part chose, and overkill where so many defects escape; of tasks that locate defects also
mAP, or IoU, and the share of single defects that are found. Nothing is chosen on what is measured.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from scipy.stats import t as student

from sightline import config, workflow
from sightline.bundle import Bundle
from sightline.bundle.manifest import Metric
from sightline.config import Recipe
from sightline.config.recipe import Data
from sightline.errors import ConfigError, DataError
from sightline.export import record, tasks
from sightline.files import write_whole
from sightline.labelled import answered
from sightline.runs import Progress, RunFolder
from sightline.workflow import Say

_ALIAS = "evaluated"
_MOST_FOLDS = 100


@dataclass(frozen=True)
class Figure:
    """One figure over several runs.

    Attributes:
        name: Such as ``auroc`` or ``auroc/scratch``.
        mean: Over the runs that have it.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        interval: How the interval was made.
        values: Of each run.
    """

    name: str
    mean: float
    low: float
    high: float
    interval: str
    values: tuple[float, ...]


def seeds_of(recipe: Recipe, seeds: Sequence[int]) -> dict[str, Recipe]:
    """The recipe with each seed, which decides the split too, where the images came with none.

    Raises:
        ConfigError: A seed comes twice.
    """
    if len(set(seeds)) != len(seeds):
        raise ConfigError(f"expected different seeds, got {' '.join(map(str, seeds))}")
    return {f"seed {seed}": _divided(recipe, seed=seed).model_copy(update={"seed": seed}) for seed in seeds}


def folds_of(recipe: Recipe, folds: int) -> dict[str, Recipe]:
    """The recipe with each fold as its test part.

    Raises:
        ConfigError: There are fewer than 2 folds, or more than 100.
    """
    if not 2 <= folds <= _MOST_FOLDS:
        raise ConfigError(f"--folds: expected 2 to {_MOST_FOLDS}, got {folds}")
    return {f"fold {fold}": _divided(recipe, folds=folds, fold=fold) for fold in range(folds)}


def _divided(recipe: Recipe, **plan: int | None) -> Recipe:
    data = recipe.data.model_copy(update={"split": recipe.data.split.model_copy(update=plan)})
    return recipe.model_copy(update={"data": data})


def over(recipes: Mapping[str, Recipe], runs: Path, *, progress: Progress, say: Say) -> list[RunFolder]:
    """Trains and exports recipes, one after the other.

    Args:
        recipes: By what a person is told of each.
        runs: Where run folders go.
        progress: Told the stage, images done and images in all.
        say: Told what is trained.

    Raises:
        SightlineError: As `workflow.start` and `workflow.finish` do; runs that were finished before stay.
    """
    done: list[RunFolder] = []
    for number, (name, recipe) in enumerate(recipes.items(), start=1):
        say(f"{name} ({number} of {len(recipes)})")
        track = recipe.track.model_copy(update={"alias": _ALIAS})  # to measure must not change what is the candidate
        run = workflow.start(recipe.model_copy(update={"track": track}), runs, progress=progress, say=say)
        run.tags({"evaluation": (done or [run])[0].path.name})
        workflow.finish(run, progress=progress, say=say)
        done.append(run)
    return done


def of_runs(runs: Sequence[RunFolder]) -> list[Figure]:
    """The figures of finished runs of one recipe: mean and interval over the runs.

    Raises:
        BundleError: A run was not exported, or its bundle is damaged.
        ConfigError: The runs are of different recipes.
    """
    if len({run.path.resolve() for run in runs}) != len(runs):
        raise ConfigError("expected different runs, got one twice")
    if len({config.digest(_without_seed(run.recipe)) for run in runs}) > 1:
        raise ConfigError(
            "expected runs of one recipe, but they differ in more than the seed: "
            + ", ".join(f"{run.path.name} ({run.recipe.name})" for run in runs),
            hint="Evaluate each recipe's runs by themselves.",
        )
    return summed_up([Bundle.open(run.bundle).manifest.headline_first for run in runs])


def _without_seed(recipe: Recipe) -> Recipe:
    return _divided(recipe, seed=0, fold=0).model_copy(update={"seed": 0})


def summed_up(measured: Sequence[Sequence[Metric]]) -> list[Figure]:
    """Mean and interval over runs of each figure; of one run the interval is its own.

    Over runs it is Student's, widened to the mean of the runs' own intervals: runs that agree are no surer than each,
    for they share test images.
    """
    figures = []
    for name in dict.fromkeys(metric.name for run in measured for metric in run):
        found = [metric for run in measured for metric in run if metric.name == name]
        values = tuple(metric.value for metric in found)
        mean = statistics.fmean(values)
        if len(found) == 1:
            low, high, how = found[0].low, found[0].high, found[0].interval
        else:
            half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
            low = max(0.0, min(mean - half, statistics.fmean(metric.low for metric in found)))
            high = max(mean + half, statistics.fmean(metric.high for metric in found))
            if all(metric.high <= 1 for metric in found):  # a share; counts an image may be more
                high = min(1.0, high)
            how = f"Student's over {len(values)} runs, or their own if wider"
        figures.append(Figure(name, mean, low, high, how, values))
    return figures


def of_bundle(bundle: Path, data: Data, folder: Path, *, progress: Progress, say: Say) -> list[Figure]:
    """Scores labelled images with a bundle and draws what a reviewer wants to see.

    Args:
        bundle: The bundle's folder, or a zip of it.
        data: The images; all of them are measured on, whatever part they came in.
        folder: Where pictures and tables go.
        progress: Told the stage, images done and images in all.
        say: Told what was found in the images, such as files that cannot be read: no figure counts those.

    Raises:
        BundleError: The bundle is damaged.
        DataError: The images or their labels cannot be used, show no type that the bundle knows, or none of the two
            kinds that it is to tell apart.
    """
    found = answered(bundle, data, progress=progress, say=say)
    manifest = found.manifest
    figures = tasks.figures(found.scored, found.outputs, found.index, manifest.locate)
    measured = manifest.model_copy(update={"metrics": figures})
    record.draw(found.scored, found.outputs, measured, found.sweeper, folder)
    return summed_up([measured.headline_first])


def table(figures: Sequence[Figure]) -> str:
    """A line for each figure: mean, interval, and the value of each run where there are several."""
    lines = []
    width = max((len(figure.name) for figure in figures), default=0)
    for figure in figures:
        each = "   " + " ".join(f"{value:.4f}" for value in figure.values) if len(figure.values) > 1 else ""
        lines.append(f"{figure.name:{width}}  {figure.mean:.4f}   95 %: {figure.low:.4f} to {figure.high:.4f}{each}")
    return "\n".join(lines)


def save(figures: Sequence[Figure], path: Path) -> None:
    """Writes the figures as JSON.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        write_whole(path, json.dumps([asdict(figure) for figure in figures], indent=2).encode())
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from error
