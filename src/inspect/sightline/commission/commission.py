"""Writes the recipe, runs the chain on it, and reports."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sightline import bundle, commission, config, workflow
from sightline.commission.report import write_report
from sightline.config import Recipe
from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.errors import DataError
from sightline.files import write_whole
from sightline.runs import Progress
from sightline.tracking.client import look
from sightline.workflow import Say

_MASK = ("_mask", "_GT", "_gt", "_label")
_SHARES = {"validate": 0.0, "calibrate": 0.2, "test": 0.2}


@dataclass(frozen=True)
class Asked:
    """What a person asks for.

    Attributes:
        images: Folder of images of good parts; where a folder in it is called good, the others are known defects.
        backbone: Name of a torchvision classification model.
        weights: torchvision's name of its weights, or a file.
        size: Height and width of the model's input, in pixels.
        overrides: ``key.sub=value``, each replacing a value of the recipe.
    """

    images: Path
    backbone: str = "resnet18"
    weights: str = "DEFAULT"
    size: int = 256
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Commissioned:
    """Where commissioning left what it made.

    Attributes:
        bundle: The bundle, as one zip.
        report: The HTML report.
        recipe: What was trained.
        experiment: How to look at the run in MLflow; empty if tracking is off.
        seconds: How long it took.
    """

    bundle: Path
    report: Path
    recipe: Path
    experiment: str
    seconds: float


def run(asked: Asked, folder: Path, *, progress: Progress, say: Say) -> Commissioned:
    """Makes a bundle from good parts alone.

    Args:
        asked: Images and what the model is made from.
        folder: Where everything goes; made if it is not there.
        progress: Told the stage, steps done and steps in all.
        say: Told what a person should read.

    Raises:
        ConfigError: An override cannot be used.
        DataError: The images do not suffice, or something in the folder cannot be written.
        TrainError: Backbone or weights cannot be had.
        ExportError: A gate refused the bundle.
    """
    start = time.monotonic()
    recipe = recipe_of(asked, folder, say)
    workflow.claim(folder, (commission.__doc__ or "").splitlines()[2:], option="-o")
    path = folder / "recipe.yaml"
    write_whole(path, config.dump(recipe).encode())
    run_folder = workflow.start(recipe, folder / "runs", progress=progress, say=say)
    made = workflow.finish(run_folder, progress=progress, say=say)
    zipped = bundle.pack(made, folder / f"{made.name}.zip", replace=True)
    report = write_report(run_folder, made, folder / "report.html", progress=progress)
    workflow.attach(run_folder, report)
    experiment = look(str(recipe.track.uri)) if recipe.track.enabled else ""
    return Commissioned(zipped, report, path, experiment, time.monotonic() - start)


def recipe_of(asked: Asked, folder: Path, say: Say) -> Recipe:
    """The recipe that commissioning trains; every value can be replaced by an override."""
    reader = _reader(asked, say)
    values: dict[str, Any] = {
        "name": _name(asked.images),
        "task": "anomaly",
        "data": {"root": str(asked.images), "reader": reader, "split": _SHARES},
        "input": {"height": asked.size, "width": asked.size, "light": "frame"},
        "model": {"backbone": asked.backbone, "weights": asked.weights, "int8": True},
        "track": {"uri": f"sqlite:///{(folder / 'mlflow.db').as_posix()}"},
    }
    return config.build(values, asked.overrides)


def _reader(asked: Asked, say: Say) -> dict[str, Any]:
    """The layout of the folder, if it has one that tells good from defective; else all images are of good parts."""
    images = asked.images
    try:
        found = readers.detect(images)
        values = {"name": "parts", "data": {"root": str(images), "reader": found.model_dump(mode="json")}}
        if readers.read(config.build(values, [o for o in asked.overrides if o.startswith("data.")]).data).has_good:
            return found.model_dump(mode="json")
    except DataError:
        if not images.is_dir():
            raise
    samples = readers.read(Data(root=images, reader={"kind": "good"})).samples  # type: ignore[arg-type]
    say(f"nothing in {images} is called good or ok: all {len(samples):,} images are taken for good parts")
    for doubt in _doubts([PurePosixPath(sample.path) for sample in samples]):
        say(f"warning: {doubt}")
    return {"kind": "good"}


def _doubts(images: Sequence[PurePosixPath]) -> Iterator[str]:
    """Why some of the images may not be pictures of good parts, by their names."""
    folders = Counter(path.parts[0] for path in images if len(path.parts) > 1)
    if len(folders) > 1 or 0 < folders.total() < len(images):
        listed = ", ".join(f"{name} ({count:,})" for name, count in folders.most_common(6))
        more = f" and {len(folders) - 6} more" if len(folders) > 6 else ""
        yield (
            f"if the folders {listed}{more} stand for kinds of parts, good and defective, say which holds good ones: "
            "data.good=[NAME]"
        )
    plain = {path.with_suffix("") for path in images}
    masks = len(images) - len(plain) + sum(1 for path in plain if path.name.endswith(_MASK) and _without(path) in plain)
    if masks:
        yield (
            f"{masks:,} images have the name of another one, with another ending or {_MASK[0]} behind it: if they are "
            "masks, move them out of the folder"
        )


def _without(path: PurePosixPath) -> PurePosixPath:
    return path.with_name(next(path.name.removesuffix(end) for end in _MASK if path.name.endswith(end)))


def _name(images: Path) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", images.absolute().name.lower()).strip("-")
    return plain[:64].strip("-") or "product"
