"""The arrows between the rooms: what runs at the edge never needs the training stack."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EDGE_ROOMS = (
    "boxes",
    "bundle",
    "config",
    "damage",
    "doctor",
    "errors",
    "files",
    "image",
    "index",
    "runtime",
    "synth",
    "verdict",
)
TRAINING_PACKAGES = (
    "PIL",
    "albumentations",
    "lightning",
    "matplotlib",
    "mlflow",
    "onnx",
    "onnxscript",
    "pandas",
    "psutil",
    "scipy",
    "sklearn",
    "torch",
    "torchvision",
)

# Runs in an interpreter of its own: what other tests imported must not hide an import here.
WITHOUT_TRAINING = """
import importlib, json, pkgutil, sys

blocked, argument = json.loads(sys.argv[1])

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"{name} belongs to the training stack, which no edge PC has", name=name)

sys.meta_path.insert(0, Refuse())
"""

IMPORT_ROOM = """
module = importlib.import_module(f"sightline.{argument}")
for found in pkgutil.walk_packages(getattr(module, "__path__", []), module.__name__ + "."):
    importlib.import_module(found.name)
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in blocked)))
"""

ASK_FOR_HELP = """
from sightline.cli import main

main(argument)
"""


def _run_without_training(code, argument):
    command = [sys.executable, "-c", WITHOUT_TRAINING + code, json.dumps([TRAINING_PACKAGES, argument])]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("room", EDGE_ROOMS)
def test_edge_room_imports_without_the_training_stack(room):
    result = _run_without_training(IMPORT_ROOM, room)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == []


@pytest.mark.parametrize("command", [[], ["score"], ["train"], ["data"], ["doctor"]])
def test_every_command_explains_itself_without_the_training_stack(command):
    result = _run_without_training(ASK_FOR_HELP, [*command, "--help"])
    assert result.returncode == 0, result.stderr
    assert "usage: sightline" in result.stdout


def test_edge_contract_names_the_same_rooms_and_packages():
    contracts = {contract["id"]: contract for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
    edge = contracts["edge"]
    assert sorted(edge["source_modules"]) == [f"sightline.{room}" for room in EDGE_ROOMS]
    assert set(TRAINING_PACKAGES) <= set(edge["forbidden_modules"])


def test_import_contracts_hold():
    pytest.importorskip("importlinter", reason="import-linter comes with the extra `dev`")
    program = Path(sys.executable).with_name("lint-imports" + Path(sys.executable).suffix)
    result = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_source_root_is_not_a_package():
    """An __init__.py there would make a package `inspect` that shadows the standard library's."""
    assert not (ROOT / "src" / "inspect" / "__init__.py").exists()


def test_version_is_the_one_of_the_project():
    import sightline

    assert sightline.__version__ == PYPROJECT["project"]["version"]
