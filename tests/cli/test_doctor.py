"""`sightline doctor` says what works, and needs nothing of the training stack to say it."""

import json
import subprocess
import sys

import pytest

from sightline.cli import main
from sightline.doctor import Check

NOT_NEEDED = ("albumentations", "lightning", "mlflow", "onnx", "pandas", "sklearn", "torch", "torchvision")


@pytest.fixture
def finding(monkeypatch):
    """Makes the examination find what the test says."""

    def find(*checks):
        monkeypatch.setattr("sightline.doctor.examine", lambda **_: list(checks))

    return find


def test_it_looks_at_everything_here(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (0 if report["works"] else 1)
    found = {check["name"]: check for check in report["checks"]}
    assert found["import cv2"]["state"] == "ok"
    assert "CPUExecutionProvider" in found["import onnxruntime"]["found"]
    assert {"processor", "threads", "free disk", "image size limit", "MLflow"} <= found.keys()


def test_it_works_in_the_base_installation(tmp_path):
    code = f"""
import json, sys
from importlib import metadata

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_NEEDED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
version = metadata.version
def hidden(name):
    if name in {NOT_NEEDED!r}:
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = hidden

from sightline.cli import main
code = main(["doctor"])
sys.exit(code)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "The edge runtime works." in answer.stdout
    if "source tree" not in answer.stdout:
        assert 'torch, torchvision: pip install "sightline[train]"' in answer.stdout


def test_what_is_broken_makes_the_exit_code(finding, capsys):
    finding(Check("Edge runtime", "cv2", "broken", "libGL.so.1 is missing", "pip install x"))
    assert main(["doctor"]) == 1
    assert "Something needed is broken." in capsys.readouterr().out


def test_what_is_only_missing_or_odd_does_not(finding):
    finding(
        Check("Training", "torch", "missing", "not installed", "pip install x"),
        Check("Machine", "disk", "warn", "1 GB"),
    )
    assert main(["doctor"]) == 0


def test_the_table_is_aligned_and_gives_each_advice_once(finding, capsys):
    finding(
        Check("Edge runtime", "numpy", "ok", "2.4"),
        Check("Training", "torch", "missing", "not installed", 'pip install "sightline[train]"'),
        Check("Training", "torchvision", "missing", "not installed", 'pip install "sightline[train]"'),
    )
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Edge runtime",
        "  ok       numpy        2.4",
        "Training",
        "  missing  torch        not installed",
        "  missing  torchvision  not installed",
        "",
        "What to do",
        '  torch, torchvision: pip install "sightline[train]"',
        "",
        "The edge runtime works.",
    ]
