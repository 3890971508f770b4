"""The command starts at once, and whatever goes wrong ends in one clear line and the right exit code."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sightline
from sightline import cli
from sightline.cli import main
from sightline.errors import DataError

HEAVY = ("cv2", "lightning", "mlflow", "numpy", "onnxruntime", "pydantic", "torch", "yaml")


def run(*arguments, **options):
    command = [sys.executable, "-W", "error", "-m", "sightline.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def failing(monkeypatch):
    """Makes `sightline doctor` raise."""

    def fail(error):
        def raise_it(**_):
            raise error

        monkeypatch.setattr("sightline.doctor.examine", raise_it)
        return main(["doctor"])

    return fail


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"sightline {sightline.__version__}\n"


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(re.search(rf"\n    {name}\s", said) for name in cli.COMMANDS)


def test_every_module_that_adds_a_command_is_registered():
    modules = Path(cli.__file__).parent.glob("*.py")
    assert set(cli.COMMANDS) == {path.stem for path in modules if "\ndef add(" in path.read_text(encoding="utf-8")}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "Did you mean `config`?"),
        (["config", "chekc"], "Did you mean `check`?"),
        (["zzz"], "invalid choice: 'zzz'"),
        ([], "required: COMMAND"),
        (["config"], "required: ACTION"),
        (["doctor", "--js"], "unrecognized arguments: --js"),
    ],
)
def test_arguments_that_are_not_understood(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: sightline")
    assert said in error


def test_the_command_imports_nothing_heavy():
    code = f"""
import sys, json, sightline.cli as cli
try:
    cli.main(["--help"])
except SystemExit:
    pass
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), file=sys.stderr)
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stderr) == []


def test_an_error_of_ours_is_told_with_its_hint(failing, capsys):
    assert failing(DataError("expected images, got none", hint="Look into the folder.")) == 2
    assert capsys.readouterr().err == "error: expected images, got none\nhint: Look into the folder.\n"


def test_an_interrupt_is_one_line(failing, capsys):
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_missing_extra_is_named_with_its_command(failing, capsys):
    assert failing(ModuleNotFoundError("No module named 'torch'", name="torch.nn")) == 2
    said = capsys.readouterr().err
    assert "needs torch, which is not installed" in said
    assert 'pip install "sightline[train]"' in said


def test_a_missing_module_of_no_extra_is_a_bug(failing):
    with pytest.raises(ModuleNotFoundError):
        failing(ModuleNotFoundError("No module named 'sightline.nothing'", name="sightline.nothing"))


def test_a_bug_keeps_its_traceback(failing):
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "out/model.onnx"), "out/model.onnx: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), "/root/x: Permission denied"),
    ],
)
def test_what_the_system_refuses_is_one_line(failing, capsys, error, said):
    assert failing(error) == 2
    assert capsys.readouterr().err == f"error: {said}\n"


def test_an_os_error_that_a_library_made_up_is_a_bug(failing):
    with pytest.raises(OSError, match="no errno"):
        failing(OSError("no errno"))


def test_a_real_file_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    answer = run("config", "schema", "-o", str(blocked / "schema.json"))
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_behind_the_output_is_one_line():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "sightline.cli", "config", "schema"]
        answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert answer.stderr == "error: No space left on device\n"
    assert answer.returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="pipes close differently there")
def test_a_reader_that_has_seen_enough_is_no_error():
    command = [sys.executable, "-m", "sightline.cli", "config", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        program.stdout.close()
        assert program.stderr.read() == ""
    assert program.returncode == 141


def test_names_that_the_terminal_cannot_print_are_escaped(tmp_path):
    path = tmp_path / "Gehäuse.yaml"
    path.write_text("name: part\ndata: {root: x}\n")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    answer = run("config", "check", str(path), env=environment)
    assert answer.returncode == 0
    assert "Geh\\xe4use.yaml: ok" in answer.stdout
