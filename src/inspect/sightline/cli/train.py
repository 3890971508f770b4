"""``sightline train``: from a recipe to a bundle; ``export`` and ``track`` do a part of it again."""

from __future__ import annotations

import argparse
from pathlib import Path

from sightline.errors import ConfigError

_TRAIN = """\
Read the images, check and split them, train, calibrate, export, measure, and record all of it in a run folder and in
MLflow. A run that was killed goes on with: sightline train --resume RUN"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``train``, ``export`` and ``track``."""
    train = commands.add_parser("train", help="train a recipe and export its bundle", description=_TRAIN)
    train.add_argument("recipe", nargs="?", type=Path, metavar="RECIPE", help="the recipe, a YAML file")
    train.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values to replace, such as train.epochs=3")
    train.add_argument("--resume", type=Path, metavar="RUN", help="go on with this run folder")
    train.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where run folders go (runs)")
    train.set_defaults(run=_train)

    text = "make the bundle of a trained run again"
    export = commands.add_parser("export", help=text, description=f"{text.capitalize()}.")
    export.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder")
    export.set_defaults(run=_export)

    text = "send a run that MLflow has not, or not wholly, got"
    track = commands.add_parser("track", help=text, description=f"{text.capitalize()}.")
    track.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder")
    track.add_argument("--uri", help="tracking server; by default the recipe's, else MLFLOW_TRACKING_URI")
    track.set_defaults(run=_track)


def _train(arguments: argparse.Namespace) -> int:
    if (arguments.recipe is None) == (arguments.resume is None):
        raise ConfigError(
            "expected either a recipe to train or a run to resume",
            hint="sightline train configs/NAME.yaml, or sightline train --resume runs/NAME",
        )
    from sightline import config, workflow
    from sightline.cli.progress import Bars
    from sightline.runs import RunFolder

    with Bars() as progress:
        if arguments.resume is not None:
            run = RunFolder.open(arguments.resume)
        else:
            recipe = config.load(arguments.recipe, arguments.overrides)
            run = workflow.start(recipe, arguments.runs, progress=progress, say=print)
        bundle = workflow.finish(run, progress=progress, say=print)
    print(workflow.summary(run, bundle))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from sightline import workflow
    from sightline.cli.progress import Bars
    from sightline.runs import RunFolder

    run = RunFolder.open(arguments.run_folder)
    with Bars() as progress:
        bundle = workflow.export_again(run, progress=progress)
    print(workflow.summary(run, bundle))
    return 0


def _track(arguments: argparse.Namespace) -> int:
    from sightline.runs import RunFolder
    from sightline.tracking import Tracker

    tracker = Tracker(RunFolder.open(arguments.run_folder), uri=arguments.uri)
    tracker.upload()
    print(tracker.where())
    return 0
