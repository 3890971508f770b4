"""The whole chain in one call: images -> check -> split -> train -> export -> bundle, recorded as it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sightline.config import Recipe
from sightline.dataset import preview
from sightline.dataset.prepare import Prepared, prepare
from sightline.errors import DataError
from sightline.export import export
from sightline.tracking import Tracker
from sightline.train import RunFolder, fit

Progress = Callable[[str, int, int], None]
"""Told the stage, steps done and steps in all."""

Say = Callable[[str], None]
"""Told what a person should read, in whole lines."""


def start(recipe: Recipe, runs: Path, *, progress: Progress, say: Say) -> RunFolder:
    """Checks and splits the images of a recipe and opens a run folder for them.

    Raises:
        DataError: The images cannot be trained on; every reason is said at once.
    """
    prepared = prepare(recipe.data, preprocess=recipe.input, progress=lambda done, total: progress("read images", done, total))
    say(prepared.report.text())
    refuse_errors(prepared)
    run = RunFolder.create(runs, recipe, prepared.index)
    prepared.report.save(run.artifacts / "data")
    preview.contact_sheet(prepared.index, recipe, run.artifacts / "data" / "augmentation.png")
    run.artifact("data")
    return run


def finish(run: RunFolder, *, resume: bool, progress: Progress, say: Say) -> Path:
    """Trains (or goes on training) a run, exports it, and uploads what was recorded.

    A tracking server that cannot be reached costs nothing but the upload: the run folder holds all, and
    ``sightline track`` sends it later.

    Returns:
        The bundle's folder.
    """
    tracker = Tracker(run, say=say)
    tracker.drain()
    fit(run, resume=resume, after_epoch=tracker.drain)
    bundle = export(run, progress=progress)
    tracker.drain()
    tracker.publish(bundle)
    return bundle


def refuse_errors(prepared: Prepared) -> None:
    """Raises a `DataError` that lists every error of the check, if there is one."""
    if prepared.report.errors:
        listed = "\n".join(f"  {error}" for error in prepared.report.errors)
        raise DataError(f"the images cannot be trained on:\n{listed}", hint="`sightline data check` shows the whole picture.")
