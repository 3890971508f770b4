"""The whole chain: images -> check -> split -> train -> export -> bundle, recorded as it goes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import sightline
from sightline import config
from sightline.bundle import Bundle
from sightline.config import Recipe
from sightline.dataset import preview
from sightline.dataset.prepare import Prepared, of_recipe
from sightline.errors import DataError
from sightline.export import export
from sightline.export.assured import Wish, refuse_few
from sightline.index import Index, Split
from sightline.runs import DatasetPart, Progress, RunFolder
from sightline.tracking import Tracker
from sightline.train import check, fit

_NOT_SETTINGS = {"name", "version", "sector", "product", "augment", "track", "card"}

_MARK = "what-is-here.txt"

Say = Callable[[str], None]
"""Told what a person should read, in whole lines."""


def claim(folder: Path, contents: Sequence[str], *, option: str) -> None:
    """Takes a folder that is new, empty, or of an earlier time: nothing of somebody else's is replaced.

    Args:
        folder: Made if it is not there.
        contents: Lines that say what lies in it; they become the file by which it is known again.
        option: With which another folder is named.

    Raises:
        DataError: It holds something else, or cannot be written.
    """
    mark, hint = folder / _MARK, f"Name another with {option}."
    try:
        if folder.exists() and not mark.exists() and any(folder.iterdir()):
            raise DataError(f"{folder}: expected a new or empty folder, or one that this command made", hint=hint)
        folder.mkdir(parents=True, exist_ok=True)
        mark.write_text("\n".join(contents) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}", hint=hint) from error


def start(recipe: Recipe, runs: Path, *, progress: Progress, say: Say) -> RunFolder:
    """Checks a recipe, checks and splits its images, and opens a run folder for them.

    Raises:
        ConfigError, TrainError: The recipe asks for what there is not, or the run folder cannot be written.
        DataError: The images cannot be trained on; every reason is said at once. Or the calibrate part cannot prove
            what the recipe wants.
    """
    check(recipe)
    RunFolder.check_room(runs)
    prepared = of_recipe(recipe, progress=progress)
    say(prepared.report.text())
    refuse_errors(prepared)
    if (wish := Wish.of(recipe.decide)) is not None:
        refuse_few(prepared.index.part(Split.CALIBRATE), wish)
    recipe = recipe.model_copy(update={"data": prepared.data})
    run = RunFolder.create(runs, recipe, prepared.index)
    run.params(_params(recipe))
    run.tags(_tags(recipe, prepared.index))
    for split in Split:
        run.dataset(_part(recipe, prepared.index, split))
    prepared.report.save(run.artifacts / "data")
    preview.contact_sheet(prepared.index, recipe, run.artifacts / "data" / "augmentation.png")
    (run.artifacts / "recipe.yaml").write_bytes((run.path / "recipe.yaml").read_bytes())
    run.artifact("data")
    run.artifact("recipe.yaml")
    return run


def finish(run: RunFolder, *, progress: Progress, say: Say) -> Path:
    """Trains a run, or goes on where it was killed, exports it, and uploads what was recorded.

    A tracking server that cannot be reached costs nothing but the upload: the run folder holds all of it, and
    ``sightline track`` sends it later.

    Returns:
        The bundle's folder.
    """
    with run.locked():
        tracker = Tracker(run, say=say)
        tracker.drain()
        try:
            fit(run, progress=progress, after_epoch=tracker.drain)
            bundle = export(run, progress=progress, mlflow_run=tracker.run_id)
        except KeyboardInterrupt:
            tracker.finish("KILLED")
            raise
        except BaseException:
            tracker.finish("FAILED")
            raise
        tracker.finish("FINISHED")
    return bundle


def attach(run: RunFolder, file: Path) -> None:
    """Adds a file to the artifacts of a finished run, and uploads it if the server can be reached.

    Raises:
        DataError: The run folder cannot be written.
    """
    with run.locked():
        try:
            (run.artifacts / file.name).write_bytes(file.read_bytes())
        except OSError as error:
            raise DataError(f"{run.artifacts / file.name} cannot be written: {error.strerror}") from error
        run.artifact(file.name)
        Tracker(run, say=lambda _: None).finish("FINISHED")


def export_again(run: RunFolder, *, progress: Progress) -> Path:
    """Makes the bundle of a trained run anew; ``sightline track`` sends it.

    Returns:
        The bundle's folder.
    """
    with run.locked():
        tracker = Tracker(run)
        bundle = export(run, progress=progress, mlflow_run=tracker.run_id)
        tracker.note("FINISHED")
    return bundle


def summary(run: RunFolder, bundle: Path) -> str:
    """What was made and how good it is, in a few lines."""
    manifest = Bundle.open(bundle).manifest
    lines = [
        f"{m.name:20} {m.value:7.4f}   95 %: {m.low:.4f} to {m.high:.4f}   ({m.count} groups)"
        for m in manifest.headline
    ]
    return "\n".join(["", "measured on the test part:", *lines, "", f"run     {run.path}", f"bundle  {bundle}"])


def refuse_errors(prepared: Prepared) -> None:
    """Raises a `DataError` that lists every error of the check, if there is one."""
    if prepared.report.errors:
        listed = "\n".join(f"  {error}" for error in prepared.report.errors)
        raise DataError(f"the images cannot be trained on:\n{listed}", hint="`sightline data check` shows the whole.")


def _part(recipe: Recipe, index: Index, split: Split) -> DatasetPart:
    part = index.with_samples(index.part(split))
    return DatasetPart(
        name=recipe.name,
        digest=part.digest,
        context=split.value,
        source=str(index.root),
        counts=dict(sorted(part.counts().items())),
    )


def _tags(recipe: Recipe, index: Index) -> dict[str, str]:
    tags = {
        "sector": recipe.sector,
        "product": recipe.product,
        "task": recipe.task,
        "data_digest": index.digest,
        "code_version": sightline.__version__,
        "code_commit": _commit(),
    }
    return {key: value for key, value in tags.items() if value}


def _commit() -> str:
    """Commit of the source tree that this package runs from, ``-changed`` if it was; nothing of an installed wheel."""
    file = Path(__file__)

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(file.parent), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    if git("ls-files", "--error-unmatch", file.name) is None:  # installed below somebody else's repository
        return ""
    commit, changes = git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no", ".")
    return f"{commit}-changed" if commit and changes else commit or ""


def _params(recipe: Recipe) -> dict[str, object]:
    """The settings that decide a run, flat; one for each augmentation."""
    values = recipe.model_dump(mode="json", by_alias=True, exclude=_NOT_SETTINGS)
    steps: dict[str, str] = {}
    for step in recipe.augment:
        said = ", ".join(f"{key}={value}" for key, value in step.parameters.items())
        steps[step.name] = f"{steps[step.name]}; {said}" if step.name in steps else said
    return config.flat(values | {"augment": steps})
