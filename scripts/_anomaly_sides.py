"""What `bench_anomaly` compares: each side fits a method, scores the test images and exports the model.

Needs the environment of scripts/test, and is imported once a script is inside it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

import _environment
from _anomaly_split import Split
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
_POLL = 0.1  # seconds
_CALIBRATE = 60  # good tiles that scores are calibrated on


class Side(BaseModel):
    """What one method reached on one split.

    Attributes:
        name: What the tables call it.
        labelled: How many defects it learned from, 0 for good images alone.
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
    """

    weights: Path
    size: int
    coreset: float
    limits: tuple[float, int]
    environment: Path


def sightline_side(split: Split, setup: Setup, folder: Path, *, labelled: bool) -> Side:
    """Fits, scores and exports our own method in a process of its own, as `anomalib_side` does with the other.

    Args:
        split: What to learn from and what to score.
        setup: Given alike to all.
        folder: An empty folder for all that is written.
        labelled: Whether to learn from `split.labelled`, with their masks, besides `split.train`.

    Raises:
        SightlineError: It failed.
    """
    index = _parts(split, labelled=labelled)
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
            "anomaly": {"method": "corrected_bank" if labelled else "memory_bank"},
            "track": {"enabled": False},
        },
        "order": [sample.path for sample in split.test],
        "out": str(folder.absolute()),
    }
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    worker = Path(__file__).with_name("_sightline_worker.py")
    seen = watch([sys.executable, str(worker), str(folder / "job.json")], folder, setup.limits)
    side = Side(
        name="Sightline corrected_bank" if labelled else "Sightline memory_bank",
        labelled=len(split.labelled) if labelled else 0,
        stopped=seen.stopped,
        peak_bytes=seen.peak_bytes,
        limits=setup.limits,
        measured=now(),
    )
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
            "note": f"calibrated on {len(index.part(Part.CALIBRATE))} other good tiles, which changes no ranking",
        }
    )


def _parts(split: Split, *, labelled: bool) -> Index:
    """An index of the split. Where no good tile is to spare, scores are calibrated on some of the test part's."""
    known = {sample.path for sample in split.labelled} if labelled else set()
    spare = split.spare or [sample for sample in split.test if sample.good]
    parts = dict.fromkeys((sample.path for sample in split.test), Part.TEST)
    parts |= dict.fromkeys(known, Part.TRAIN)
    parts |= dict.fromkeys((sample.path for sample in split.train), Part.TRAIN)
    parts |= dict.fromkeys((sample.path for sample in spare[:_CALIBRATE]), Part.CALIBRATE)
    rows = {sample.path: sample for sample in (*split.train, *spare, *split.test)}
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
    side = Side(
        name=f"anomalib {ANOMALIB} PatchCore",
        stopped=seen.stopped,
        peak_bytes=seen.peak_bytes,
        limits=setup.limits,
        measured=now(),
    )
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


@dataclass(frozen=True)
class Seen:
    """What became of a program that fits a model.

    Attributes:
        steps: Name of each step that was done -> what was said of it.
        peak_bytes: Largest resident memory of the program and its children until `fit` was done.
        stopped: Why it was ended before that, or empty.
    """

    steps: dict[str, dict[str, Any]]
    peak_bytes: int
    stopped: str = ""


def watch(command: Sequence[str], folder: Path, limits: tuple[float, int]) -> Seen:
    """Runs a program that fits a model, and ends it where the fit takes too long or too much.

    The program appends a line of JSON to `events.jsonl` for every step that is done, an object with its name as `step`:
    first `ready` (imported, about to fit), then `fit`, then what it likes. What it prints goes into `worker.log`. Its
    input is a pipe that closes when this process ends, however it does: it should end then too.

    Args:
        command: The program and its arguments.
        folder: Where it writes.
        limits: Seconds from `ready` to `fit`, and bytes of memory.

    Raises:
        SightlineError: It failed.
    """
    log, peak, ready = folder / "worker.log", 0, math.inf
    seconds, memory = limits
    with (
        log.open("wb") as output,
        psutil.Popen(list(command), stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            while process.poll() is None and "fit" not in (steps := _steps(folder)):
                peak = max(peak, _resident(process))
                if "ready" in steps:
                    ready = min(ready, time.monotonic())
                taken = time.monotonic() - ready  # below zero until it is ready
                if taken > seconds:
                    return Seen(steps, peak, f"did not end in {seconds:g} s")
                if peak > memory:
                    return Seen(steps, peak, f"took more than {memory / 1e9:g} GB after {max(0, taken):.0f} s")
                time.sleep(_POLL)
            if process.wait():
                raise SightlineError(f"{' '.join(command)} failed:\n{_tail(log)}", hint=f"All it said is in {log}.")
        finally:
            _end(process)
    return Seen(_steps(folder), peak)


def now() -> str:
    """The time, how many programs want to run, and how many threads a fit may have if somebody said so."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    threads = f", OMP_NUM_THREADS={os.environ[THREADS]}" if THREADS in os.environ else ""
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M}{load}{threads}"


def _steps(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "events.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]  # the last may be half written
    return {step["step"]: step for step in map(json.loads, whole)}


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it ended meanwhile
    return total


def _end(process: psutil.Popen) -> None:
    """Ends a program and all it has started, if it still runs."""
    try:
        running = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for one in running:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


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
