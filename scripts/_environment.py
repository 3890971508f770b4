"""The virtual environment that the scripts beside this file run in.

It is the folder `.venv` of this checkout, or the one that the environment variable SIGHTLINE_VENV names. An environment
that happens to be active is left alone, so a script does the same in every shell. Needs nothing but Python's standard
library.
"""

# Without this a Python that is too old would stumble over the signatures below before it can be told so.
from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

OLDEST_PYTHON = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = Path(os.environ.get("SIGHTLINE_VENV") or ROOT / ".venv").absolute()
STAMP = ENVIRONMENT / "sightline-installed.json"

# pip says why it failed only in words; these are the words of its HTTP library and of the operating system.
_UNREACHABLE = ("NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "NameResolutionError", "ProxyError")
_DISK_FULL = ("No space left on device", "not enough space on the disk", "Disk quota exceeded")


class SetupError(Exception):
    """The environment cannot be made or used; the message says what to do."""


def python() -> Path:
    """Where the environment keeps its interpreter, whether or not it is there yet."""
    return ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def prepare(*extras: str) -> None:
    """Make the environment if there is none, and install Sightline with the named extras if that has not been done.

    Args:
        extras: Names from `[project.optional-dependencies]` in pyproject.toml.

    Raises:
        SetupError: This Python is too old, the folder is no virtual environment, or pip failed.
    """
    if _holds(extras):
        return
    # What an earlier call installed is brought up to date along with it.
    names = sorted({*extras, *_stamp().get("extras", [])})
    try:
        _make()
        wanted = ", ".join(names)
        print(f"Installing sightline[{wanted}] into {ENVIRONMENT}; the first time takes minutes", flush=True)
        STAMP.unlink(missing_ok=True)
        _pip_install(names)
    except KeyboardInterrupt:
        raise SetupError("interrupted while installing. The next call goes on from here.") from None
    STAMP.write_text(json.dumps({"digest": _digest(), "extras": names}) + "\n", encoding="utf-8")


def require(*extras: str) -> None:
    """Check that the environment holds Sightline with the named extras, without a network.

    Args:
        extras: Names from `[project.optional-dependencies]` in pyproject.toml.

    Raises:
        SetupError: It does not, or it was installed before pyproject.toml or constraints.txt asked for something else.
    """
    if not _holds(extras):
        wanted = "pyproject.toml and constraints.txt now ask for"
        raise SetupError(f"{ENVIRONMENT} does not hold what {wanted}. Run scripts/test once; it installs it.")


def reenter(*extras: str) -> None:
    """Go on inside the environment and in the root of the checkout, with what the environment holds importable.

    The script that calls this is run again by the environment's Python, unless that is what runs it already. Relative
    paths on its command line are thus taken from the root of the checkout, in every script.

    Args:
        extras: Names from `[project.optional-dependencies]` in pyproject.toml that the environment must hold.

    Raises:
        SystemExit: The script has run in the environment (its exit status), or the environment cannot be used.
    """
    if Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        os.chdir(ROOT)
        return
    script = Path(sys.argv[0]).absolute()
    try:
        require(*extras)
        sys.exit(run("python", str(script), *sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"scripts/{script.name}: {error}")


def run(program: str, *arguments: str) -> int:
    """Run a program of the environment in the root of the checkout and hand back its exit status.

    Args:
        program: Its name beside the environment's interpreter, such as `pytest`.
        arguments: What follows the name on the command line.
    """
    path = python().with_name(program + python().suffix)
    try:
        return subprocess.run([path, *arguments], cwd=ROOT, check=False).returncode
    except KeyboardInterrupt:
        return 130
    except FileNotFoundError:
        raise SetupError(f"{path} is missing. Remove {STAMP} and run scripts/test: it installs it.") from None


def is_unreachable(pip_errors: str) -> bool:
    """Whether a pip that failed did so because no package registry answered.

    Args:
        pip_errors: Everything that pip wrote to its error stream.
    """
    # Warnings tell of attempts that pip may have made good later; having had no answer at all, it finds no versions.
    lines = [line for line in pip_errors.splitlines() if "from versions: none" in pip_errors or "WARNING" not in line]
    return any(words in line for line in lines for words in _UNREACHABLE)


def failure_reason(pip_errors: str) -> str:
    """What to tell a person about a pip that failed.

    Args:
        pip_errors: Everything that pip wrote to its error stream.
    """
    if any(words in pip_errors for words in _DISK_FULL):
        where = "the disk of the environment or of the temporary folder is full"
        return f"{where}. Training takes 7 GB, and installing it 3 GB of temporary files; see SIGHTLINE_VENV, TMPDIR."
    if is_unreachable(pip_errors):
        return "the package registry cannot be reached. Check the network, or name a proxy or mirror with `pip config`."
    return "pip's own words above say why."


def _check_version(version: tuple[int, ...], executable: str) -> None:
    if version < OLDEST_PYTHON:
        found = ".".join(map(str, version))
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise SetupError(f"Sightline needs Python {oldest} or newer, and {executable} is {found}.")


def _digest() -> str:
    """Changes with all that decides what is installed: the project's metadata, the constraints, and where this lies."""
    import tomllib  # not at the top: a Python that lacks it must live to be told that it is too old

    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    decisive = [str(ROOT), pyproject["build-system"], pyproject["project"], constraints]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def _holds(extras: tuple[str, ...]) -> bool:
    """Whether the environment holds Sightline as it is now with these extras, by what the last installation noted."""
    _check_version(sys.version_info[:2], sys.executable)
    stamp = _stamp()
    return python().exists() and stamp.get("digest") == _digest() and set(extras) <= set(stamp["extras"])


def _stamp() -> dict[str, Any]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _make() -> None:
    """Make the environment, or check the one that is there."""
    if python().exists():
        asked = "import pip, sys; print(*sys.version_info[:2])"
        answer = subprocess.run([python(), "-c", asked], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            _check_version(tuple(map(int, answer.stdout.split())), str(python()))
            return
    if ENVIRONMENT.exists():
        raise SetupError(f"{ENVIRONMENT} is no working virtual environment with pip. Move it away and start again.")
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError("this Python cannot make a virtual environment. On Debian: apt-get install python3-venv")
    print(f"Making a virtual environment in {ENVIRONMENT}", flush=True)
    made = False
    try:
        made = subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=False).returncode == 0
    finally:
        if not made:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    if not made:
        raise SetupError(f"{ENVIRONMENT} could not be made; the words above say why.")


def _pip_install(extras: list[str]) -> None:
    """Install this checkout in place, showing pip's progress and keeping its errors to explain a failure."""
    command = [str(python()), "-m", "pip", "install", "--disable-pip-version-check", "--constraint", "constraints.txt"]
    command += ["--editable", f".[{','.join(extras)}]"]
    errors = []
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace") as pip:
        for line in pip.stderr or ():
            sys.stderr.write(line)
            errors.append(line)
    if pip.returncode:
        raise SetupError(f"Sightline could not be installed: {failure_reason(''.join(errors))}")
