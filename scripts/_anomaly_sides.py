"""What `bench_anomaly` compares: each side fits a method, scores the test images and exports the model.

Needs the environment of scripts/test, and is imported once a script is inside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

import _environment
from _anomaly_split import Split
from _watched import Seen, watch
from sightline.errors import SightlineError
from sightline.index import Index
from sightline.index import Split as Part

ANOMALIB = "2.7.0"
SEED = 0
THREADS = "OMP_NUM_THREADS"
"""The variable of the environment that tells torch its threads."""

_REQUIREMENTS = (
    f"anomalib=={ANOMALIB}",
    "torch",
    "torchvision",
    "lightning!=2.6.2,!=2.6.3",  # malicious uploads: GHSA-w37p-236h-pfx3
    "onnx",
    "onnxscript",
)
_CALIBRATE = 60  # good tiles that scores are calibrated on


class Side(BaseModel):
    """What one method reached on one split.

    Attributes:
        name: What the tables call it.
        labelled: How many defects it learned from, 0 for good images alone.
        labelled_as: As what.
        fit_seconds: From the first image read to a model that can score, without imports; None if it did not end.
        stopped: Why it did not.
        peak_bytes: Largest resident memory of its process and its children up to then.
        answers: An .npz of what the exported or fitted model says of `Split.test`, in its order: `scores`, float (N,),
            and `maps`, float (N, h, w) of any h and w, stretched over the image. Both are higher where it is worse and
            on any scale; maps are not negative. Values of a map that differ by less than a 2^-15 of themselves count as
            tied, so give L rather than L / (1 + L). None if there are none.
        answers_int8: The same of its int8 model, if it has one.
        models: In words what each is, and the ONNX file, to be timed.
        files: What has to be shipped: the model and all it needs.
        note: What a reader of the table has to know.
        limits: The seconds and the bytes that a fit could take.
        measured: When, and under which load of the machine.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    labelled: int = 0
    labelled_as: str = ""
    fit_seconds: float | None = None
    stopped: str = ""
    peak_bytes: int
    answers: Path | None = None
    answers_int8: Path | None = None
    models: dict[str, Path] = {}
    files: tuple[Path, ...] = ()
    note: str = ""
    limits: tuple[float, int]
    measured: str


@dataclass(frozen=True)
class Setup:
    """What all sides are given alike.

    Attributes:
        weights: State dictionary of torchvision's ResNet-18, complete as far as layer 3.
        size: Height and width of the input, in pixels.
        coreset: Share of the patches that are kept.
        limits: Seconds that a fit may take, and bytes of memory.
        environment: Folder of anomalib's virtual environment.
        overrides: ``key.sub=value``, each replacing a value of our recipe.
    """

    weights: Path
    size: int
    coreset: float
    limits: tuple[float, int]
    environment: Path
    overrides: tuple[str, ...] = ()


class Labelled(StrEnum):
    """What becomes of labelled defects."""

    SCORED = "scored"
    TAUGHT = "defective"
    HIDDEN = "defective called good"


def sightline_side(
    split: Split, setup: Setup, folder: Path, *, anomaly: dict[str, Any], labelled: Labelled = Labelled.SCORED
) -> Side:
    """Fits, scores and exports our own method in a process of its own, as `anomalib_side` does with the other.

    Args:
        split: What to learn from and what to score.
        setup: Given alike to all.
        folder: An empty folder for all that is written.
        anomaly: As in a recipe.
        labelled: Whether to learn from `split.labelled` besides `split.train`: with their masks, or as good ones.

    Raises:
        SightlineError: It failed.
    """
    index = _parts(split, labelled)
    index.save(folder / "index.jsonl")
    job = {
        "index": str((folder / "index.jsonl").absolute()),
        "recipe": {
            "name": "tiles",
            "task": "anomaly",
            "seed": SEED,
            "data": {"root": str(split.root.absolute())},
            "input": {"height": setup.size, "width": setup.size, "light": "frame"},
            "model": {
                "backbone": "resnet18",
                "layer": "layer3",
                "weights": str(setup.weights.absolute()),
                "int8": True,
            },
            "anomaly": anomaly,
            "track": {"enabled": False},
        },
        "overrides": setup.overrides,
        "order": [sample.path for sample in split.test],
        "out": str(folder.absolute()),
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    worker = Path(__file__).with_name("_sightline_worker.py")
    seen = watch([sys.executable, str(worker), str(folder / "job.json")], folder, setup.limits)
    name = f"Sightline {anomaly['method']}" + (
        "" if "doubt" in anomaly or "bank" not in anomaly["method"] else ", doubting"
    )
    side = _begun(name, seen, setup)
    if labelled is not Labelled.SCORED:
        side = side.model_copy(update={"labelled": len(split.labelled), "labelled_as": labelled.value})
    if seen.stopped:
        return side
    bundle, precisions = Path(seen.steps["exported"]["folder"]), seen.steps["scored"]["precisions"]
    return side.model_copy(
        update={
            "fit_seconds": seen.steps["fit"]["seconds"],
            "answers": folder / "answers.npz",
            "answers_int8": folder / "answers-int8.npz" if "int8" in precisions else None,
            "models": {one: bundle / ("model.onnx" if one == "fp32" else "model-int8.onnx") for one in precisions},
            "files": tuple(map(Path, seen.steps["exported"]["files"])),
            "note": f"calibrated on {len(index.part(Part.CALIBRATE))} good tiles "
            f"{'beside these' if split.spare else 'of those scored'}, which changes no ranking",
        }
    )


def _parts(split: Split, labelled: Labelled) -> Index:
    """An index of the split. Where no good tile is to spare, scores are calibrated on some of the test part's."""
    known = {sample.path for sample in split.labelled} if labelled is not Labelled.SCORED else set()
    spare = split.spare or [sample for sample in split.test if sample.good]
    parts = dict.fromkeys((sample.path for sample in split.test), Part.TEST)
    parts |= dict.fromkeys(known, Part.TRAIN)
    parts |= dict.fromkeys((sample.path for sample in split.train), Part.TRAIN)
    parts |= dict.fromkeys((sample.path for sample in spare[:_CALIBRATE]), Part.CALIBRATE)
    rows = {sample.path: sample for sample in (*split.train, *spare, *split.test)}
    if labelled is Labelled.HIDDEN:
        rows |= {sample.path: sample.model_copy(update={"labels": (), "mask": None}) for sample in split.labelled}
    return Index.build(
        split.root.absolute(), (rows[path].model_copy(update={"split": part}) for path, part in parts.items())
    )


def anomalib_side(split: Split, setup: Setup, folder: Path) -> Side:
    """Fits, scores and exports anomalib's PatchCore, in an environment of its own.

    Args:
        split: What to learn from and what to score.
        setup: Given alike to all.
        folder: An empty folder for all that is written.

    Raises:
        SightlineError: It failed, or its environment could not be made.
    """
    job = {
        "train": [str((split.root / sample.path).absolute()) for sample in split.train],
        "test": [str((split.root / sample.path).absolute()) for sample in split.test],
        "weights": str(setup.weights.absolute()),
        "size": setup.size,
        "coreset": setup.coreset,
        "seed": SEED,
        "out": str(folder.absolute()),
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    worker = Path(__file__).with_name("_anomalib_worker.py")
    python = _anomalib_python(setup.environment)
    seen = watch([str(python), str(worker), str(folder / "job.json")], folder, setup.limits)
    side = _begun(f"anomalib {ANOMALIB} PatchCore", seen, setup)
    if seen.stopped:
        return side
    steps = seen.steps
    models = {"batch of 2": steps["exported"]["default"], "one frame": steps["exported"]["single"]}
    files = sorted(path for path in Path(steps["exported"]["default"]).parent.iterdir() if path.is_file())
    return side.model_copy(
        update={
            "fit_seconds": steps["fit"]["seconds"],
            "answers": folder / "answers.npz",
            "models": {words: Path(path) for words, path in models.items()},
            "files": tuple(files),
            "note": f"{steps['fit']['patches']:,} patches kept; its default export takes batches of 2 and no others, "
            "the other was exported with dynamic_axes=None",
        }
    )


def _begun(name: str, seen: Seen, setup: Setup) -> Side:
    """What is known of a side whether its fit ended or not."""
    return Side(
        name=name,
        stopped=seen.stopped,
        peak_bytes=seen.peak_bytes,
        limits=setup.limits,
        measured=now(),
    )


def now() -> str:
    """The time, how many programs want to run, and how many threads a fit may have if somebody said so."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    threads = f", OMP_NUM_THREADS={os.environ[THREADS]}" if THREADS in os.environ else ""
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M}{load}{threads}"


def _anomalib_python(environment: Path) -> Path:
    """The interpreter of an environment that holds anomalib, which is made if it is not there."""
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    constraints = _environment.ROOT / "constraints.txt"
    stamp = environment / "bench-anomaly-installed.txt"
    wanted = hashlib.sha256("\n".join([*_REQUIREMENTS, constraints.read_text(encoding="utf-8")]).encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"Installing anomalib {ANOMALIB} into {environment}: 6 GB, minutes", file=sys.stderr, flush=True)
    if not python.exists():
        if environment.exists() and any(environment.iterdir()):
            raise SightlineError(f"{environment} is no virtual environment. Move it away, or name another folder.")
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--constraint", str(constraints), *_REQUIREMENTS]
    pip = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace", check=False)
    if pip.returncode:
        sys.stderr.write(pip.stderr)
        raise SightlineError(f"anomalib could not be installed: {_environment.failure_reason(pip.stderr)}")
    stamp.write_text(wanted, encoding="utf-8")
    return python
