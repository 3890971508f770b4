"""Tasks: what the network's outputs mean, and the loss and figures that follow from it."""

from sightline.runs import RunFolder
from sightline.train.tasks.classify import Classification
from sightline.train.tasks.detect import Detection
from sightline.train.tasks.segment import Segmentation
from sightline.train.tasks.task import Task

__all__ = ["Task", "of_run"]

_TASKS: dict[str, type[Classification | Segmentation | Detection]] = {
    "classify": Classification,
    "segment": Segmentation,
    "detect": Detection,
}


def of_run(run: RunFolder) -> Task:
    """The task that a run's recipe names."""
    return _TASKS[run.recipe.task](run)
