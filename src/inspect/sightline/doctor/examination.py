"""The whole examination, in the order in which it is reported."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import sightline
from sightline.doctor import machine, packages, server
from sightline.doctor.check import Check

_EDGE = "Edge runtime"
_TRAINING = "Training"
_EXTRA = "train"


def examine(*, deep: bool = False) -> list[Check]:
    """Look at the installation, the machine and the tracking server.

    Args:
        deep: Start torch to learn which GPUs it sees; takes some seconds.

    Returns:
        What was found. The edge runtime works if no check is ``broken``.
    """
    return [*_edge(), *_machine(), *_training(deep=deep), *_tracking()]


def _edge() -> Iterator[Check]:
    yield Check(_EDGE, "Python", "ok", platform.python_version())
    yield _sightline()
    for item in packages.requirements():
        yield packages.check_requirement(_EDGE, item, packages.installed(item.name))
    yield packages.check_pixel_limit(_EDGE)
    # Installed is not yet working: a library may lack another one, or be built for another processor.
    for module in ("cv2", "onnxruntime", "sightline.runtime"):
        yield _import(module)


def _sightline() -> Check:
    version = sightline.__version__
    if not packages.requirements():
        return Check(_EDGE, "sightline", "warn", "runs from a source tree", "pip install --editable .")
    return Check(_EDGE, "sightline", "ok", version)


def _import(name: str) -> Check:
    """Whether a module really loads; of onnxruntime also what it can run on."""
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        advice = "pip install --force-reinstall sightline"
        if "libGL" in str(error):
            advice = "pip uninstall -y opencv-python opencv-contrib-python, then pip install opencv-python-headless"
        return Check(_EDGE, f"import {name}", "broken", str(error).partition("\n")[0], advice)
    found = "works"
    if name == "onnxruntime":
        found += f", runs on {', '.join(module.get_available_providers())}"
    return Check(_EDGE, f"import {name}", "ok", found)


def _machine() -> Iterator[Check]:
    yield machine.check_processor()
    yield machine.check_threads()
    yield machine.check_disk(Path.cwd())


def _training(*, deep: bool) -> Iterator[Check]:
    for item in packages.requirements(_EXTRA):
        yield packages.check_requirement(_TRAINING, item, packages.installed(item.name), _EXTRA)
    versions = packages.installed("torch") | packages.installed("torchvision")
    if len(versions) == 2:
        wanted = metadata.requires("torchvision") or []
        yield packages.check_torch_pair(_TRAINING, versions["torch"], versions["torchvision"], wanted)
        yield machine.ask_torch(_TRAINING) if deep else Check(_TRAINING, "GPU", "ok", "not asked; --deep starts torch")


def _tracking() -> Iterator[Check]:
    yield server.check_server(os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db")
