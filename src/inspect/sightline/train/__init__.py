"""Training: from an index with splits to weights that are all on disk in a run folder.

What is trained is the recipe's task. `fit` and `check` are the same for all; what is loaded afterwards is the task's
own: a network with its label space, or a detector.
"""

from __future__ import annotations

from collections.abc import Callable

from sightline.config import Recipe
from sightline.runs import Progress, RunFolder, silent
from sightline.train import anomaly, compare, epochs
from sightline.train.networks import Network
from sightline.train.networks.dense import Dense
from sightline.train.tasks.classify import Classification, LabelSpace

__all__ = ["Classification", "Dense", "LabelSpace", "Network", "anomaly", "check", "compare", "epochs", "fit"]


def fit(run: RunFolder, *, progress: Progress = silent, after_epoch: Callable[[], None] = lambda: None) -> None:
    """Trains a run to its end; goes on where it was if it was killed.

    Args:
        run: The run folder.
        progress: Told the stage, images done and images in all, where a task has stages and no epochs.
        after_epoch: Called when an epoch is safe on disk.

    Raises:
        TrainError: Data, weights or settings do not fit; training failed; the disk is full.
        KeyboardInterrupt: The user stopped it; what is on disk can be resumed.
    """
    if run.recipe.task == "anomaly":
        anomaly.fit(run, progress=progress)
    elif run.recipe.task == "compare":
        compare.fit(run, progress=progress)
    else:
        epochs.fit(run, after_epoch=after_epoch)


def check(recipe: Recipe) -> None:
    """Refuses a recipe that could not be trained, before any image is read.

    Raises:
        ConfigError: albumentations does not know a transform or a parameter.
        TrainError: Backbone, layer, weights or precision cannot be had.
    """
    {"anomaly": anomaly.check, "compare": compare.check}.get(recipe.task, epochs.check)(recipe)
