"""``sightline evaluate``: the evaluation protocol, over seeds, over runs, or of a bundle on labelled images."""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.config import Recipe
    from sightline.evaluation import Figure
    from sightline.runs import Progress

_SEEDS = 2**32

_DESCRIPTION = """\
Measure, with intervals: AUROC over all defects and per type, AUPRO and pixel AUROC where there are masks, F1, escape
and overkill at the threshold that was chosen beforehand.

  sightline evaluate RECIPE --seeds 0 1 2   train with each seed; mean and interval over them
  sightline evaluate RECIPE --folds 5       train on all folds but one, each in turn; likewise
  sightline evaluate RUN RUN ...            the same of runs that are there
  sightline evaluate BUNDLE FOLDER          one bundle on labelled images, all of which are measured on

The runs are in MLflow too, each with its worst misses."""


_CONTENTS = (
    "what-is-here.txt     this list",
    "figures.json         figures with intervals: of a recipe's seeds, of runs, or of a bundle",
    "the rest             of a bundle alone: its verdicts, and pictures of them",
)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``evaluate``."""
    parser = commands.add_parser(
        "evaluate", help="measure over several seeds, or a bundle on labelled images", description=_DESCRIPTION
    )
    text = "a recipe, runs, or a bundle and a folder of images; then KEY=VALUE, values of the recipe to replace"
    parser.add_argument("what", nargs="+", metavar="WHAT", help=text)
    parser.add_argument("--seeds", nargs="+", metavar="S", help="seeds (0 1 2)")
    parser.add_argument("--folds", type=int, metavar="N", help="train so often instead, each image being tested once")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where run folders go (runs)")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("evaluation"), metavar="DIR", help="figures and pictures (evaluation)"
    )
    parser.set_defaults(run=_run, overrides=[])


def _run(arguments: argparse.Namespace) -> int:
    from sightline import evaluation
    from sightline.cli.progress import Bars

    words = [
        *arguments.what,
        *(word for word in arguments.seeds or () if "=" in word),
    ]  # they may stand after the seeds
    replaced = [word for word in words if "=" in word and not Path(word).exists()]
    what = [Path(word) for word in words if word not in replaced]
    if not what:
        raise ConfigError(f"expected a recipe, runs or a bundle, got only {' '.join(replaced)}")
    overrides = [*replaced, *arguments.overrides]
    if not what[0].exists():
        raise ConfigError(f"expected a recipe, a run or a bundle, but there is no {what[0]}")
    with Bars() as progress:
        figures = _figures(what, overrides, arguments, progress)
    path = arguments.output / "figures.json"
    evaluation.save(figures, path)
    print(f"\n{evaluation.table(figures)}\n\n{path}")
    return 0


def _seeds(words: list[str]) -> list[int]:
    given = [word for word in words if "=" not in word]
    try:
        seeds = [int(word) for word in given]
    except ValueError:
        seeds = [-1]
    if not all(0 <= seed < _SEEDS for seed in seeds):
        raise ConfigError(f"--seeds: expected whole numbers from 0 to {_SEEDS - 1}, got {' '.join(given)}")
    return seeds


def _figures(what: list[Path], overrides: list[str], arguments: argparse.Namespace, progress: Progress) -> list[Figure]:
    from sightline import config, evaluation, workflow
    from sightline.runs import RunFolder

    first, *others = what
    if arguments.seeds and arguments.folds:
        raise ConfigError("--seeds and --folds: expected one of them; `seed=1` gives folds another seed")
    if (arguments.seeds or arguments.folds) and (first.is_dir() or zipfile.is_zipfile(first)):
        raise ConfigError("--seeds and --folds go with a recipe, which is trained with each: a run is what it is")
    if (first / "bundle.json").is_file() or zipfile.is_zipfile(first):
        if len(others) != 1:
            raise ConfigError(
                f"expected one folder of labelled images beside the bundle, got {len(others)}",
                hint="sightline evaluate BUNDLE FOLDER",
            )
        values = {"name": "evaluate", "data": {"root": str(others[0])}}
        data = config.build(values, overrides).data
        workflow.claim(arguments.output, _CONTENTS, option="-o")
        return evaluation.of_bundle(first, data, arguments.output, progress=progress, say=print)
    if first.is_dir():
        if overrides:
            raise ConfigError(f"runs are as they are, got {' '.join(overrides)}", hint="Give a recipe to train anew.")
        figures = evaluation.of_runs([RunFolder.open(path) for path in what])
        workflow.claim(arguments.output, _CONTENTS, option="-o")
        return figures
    if others:
        raise ConfigError(f"expected one recipe, got {' '.join(map(str, what))}")
    recipe = config.load(first, overrides)
    recipes = _every(recipe, arguments)
    workflow.claim(arguments.output, _CONTENTS, option="-o")
    return evaluation.of_runs(evaluation.over(recipes, arguments.runs, progress=progress, say=print))


def _every(recipe: Recipe, arguments: argparse.Namespace) -> dict[str, Recipe]:
    """What is trained, by what a person is told of it."""
    from sightline import evaluation

    if arguments.folds is None:
        return evaluation.seeds_of(recipe, _seeds(arguments.seeds or ["0", "1", "2"]))
    return evaluation.folds_of(recipe, arguments.folds)
