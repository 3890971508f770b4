"""The environment that the scripts share."""

import json
import os
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import _environment

SCRIPTS = Path(_environment.__file__).parent


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An environment's folder that is not there yet, and the list of what pip was asked to install into it."""
    folder = tmp_path / "environment with spaces"
    monkeypatch.setattr(_environment, "ENVIRONMENT", folder)
    monkeypatch.setattr(_environment, "STAMP", folder / "stamp.json")
    installed = []

    def make():
        _environment.python().parent.mkdir(parents=True, exist_ok=True)
        _environment.python().touch()

    monkeypatch.setattr(_environment, "_make", make)
    monkeypatch.setattr(_environment, "_pip_install", installed.append)
    return installed


def test_installs_once(environment):
    _environment.prepare("train")
    _environment.prepare("train")
    assert environment == [["train"]]
    _environment.require("train")


def test_an_extra_that_is_missing_is_added_to_those_there(environment):
    _environment.prepare("train")
    _environment.prepare("dev")
    _environment.prepare("train")
    assert environment == [["train"], ["dev", "train"]]


def test_changed_constraints_install_again(environment, tmp_path, monkeypatch):
    monkeypatch.setattr(_environment, "ROOT", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((SCRIPTS.parent / name).read_bytes())
    _environment.prepare("train")
    with (tmp_path / "constraints.txt").open("a") as constraints:
        constraints.write("torch==1.0\n")
    with pytest.raises(_environment.SetupError, match="scripts/test"):
        _environment.require("train")
    _environment.prepare("train")
    assert len(environment) == 2


def test_a_failed_installation_is_not_taken_for_done(environment, monkeypatch):
    def fail(extras):
        raise _environment.SetupError("no network")

    with monkeypatch.context() as patched:
        patched.setattr(_environment, "_pip_install", fail)
        with pytest.raises(_environment.SetupError):
            _environment.prepare("train")
    _environment.prepare("train")
    assert environment == [["train"]]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digest": 1}'])
def test_a_damaged_stamp_installs_again(environment, content):
    _environment.prepare("train")
    _environment.STAMP.write_text(content)
    _environment.prepare("train")
    assert len(environment) == 2


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("keep me")
    result = subprocess.run(
        [sys.executable, SCRIPTS / "demo"],
        env={**os.environ, "SIGHTLINE_VENV": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "no working virtual environment" in result.stderr
    assert (tmp_path / "letter.txt").read_text() == "keep me"


def test_python_that_is_too_old_is_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(_environment.SetupError, match=r"needs Python 3\.11 or newer, and .* is 3\.10"):
        _environment.prepare("train")


@pytest.mark.parametrize("script", ["demo", "test", "check"])
def test_help_needs_no_environment(script, tmp_path):
    result = subprocess.run(
        [sys.executable, SCRIPTS / script, "--help"],
        env={**os.environ, "SIGHTLINE_VENV": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert f"scripts/{script}" in result.stdout
    assert not (tmp_path / "none").exists()


BENCHES = ["bench_accuracy", "bench_resume", "bench_runtime", "bench_split", "train_models"]


@pytest.mark.parametrize("script", BENCHES)
def test_help_inside_the_environment(script, tmp_path):
    pytest.importorskip("torch", reason="they need the extra `train`")
    result = subprocess.run(
        [sys.executable, SCRIPTS / script, "--help"],
        cwd=tmp_path,
        env={**os.environ, "SIGHTLINE_VENV": sys.prefix},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert f"scripts/{script}" in result.stdout


def test_a_script_is_run_again_by_the_environment(environment, monkeypatch):
    calls = []
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / "bench_split"), "x-sdd", "--pairs", "my sheets"])
    monkeypatch.setattr(_environment, "run", lambda *command: calls.append(command) or 3)
    with pytest.raises(SystemExit, match=r"scripts/bench_split: .* Run scripts/test once"):
        _environment.reenter("train")
    _environment.prepare("train")
    with pytest.raises(SystemExit) as ended:
        _environment.reenter("train")
    assert ended.value.code == 3
    assert calls == [("python", str(SCRIPTS / "bench_split"), "x-sdd", "--pairs", "my sheets")]


def test_inside_the_environment_a_script_goes_on_in_the_root(tmp_path, monkeypatch):
    monkeypatch.setattr(_environment, "ENVIRONMENT", Path(sys.prefix))
    monkeypatch.chdir(tmp_path)
    _environment.reenter("train")
    assert Path.cwd() == SCRIPTS.parent


RETRY = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by "
    "'NewConnectionError('Failed to establish a new connection: [Errno -2] Name or service not known')': /simple/x/\n"
)
NO_VERSIONS = "ERROR: Could not find a version that satisfies the requirement tqdm (from versions: none)\n"


@pytest.mark.parametrize(
    ("pip_errors", "reason"),
    [
        (RETRY + NO_VERSIONS, "registry cannot be reached"),
        ("ERROR: Could not install packages due to an OSError: (Caused by NewConnectionError())", "registry"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "is full"),
        (RETRY + "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "pip's own words"),
        (NO_VERSIONS, "pip's own words"),
        ("ERROR: No matching distribution found for torch==99", "pip's own words"),
    ],
)
def test_says_why_pip_failed(pip_errors, reason):
    assert reason in _environment.failure_reason(pip_errors)


def test_stamp_says_what_is_installed(environment):
    _environment.prepare("train", "dev")
    assert json.loads(_environment.STAMP.read_text())["extras"] == ["dev", "train"]


def test_every_dependency_is_pinned_and_allowed():
    """A dependency without a pin would be installed in a version that no test has run with."""
    lines = (SCRIPTS.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}
    project = tomllib.loads((SCRIPTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = list(chain(project["dependencies"], *project["optional-dependencies"].values()))
    wrong = [
        line
        for line in asked
        if (name := canonicalize_name(Requirement(line).name)) not in versions
        or versions[name] not in Requirement(line).specifier
    ]
    assert wrong == []
