"""The command ``sightline``: one module per command, and the only place where an error becomes an exit code.

Exit codes: 0 done, 1 the answer is no (a check that found something), 2 it could not be done, 130 interrupted,
141 whoever read the output has closed it (``sightline ... | head``).

A command module has ``add(commands)``, which adds its parsers and sets ``run``, a function from the parsed arguments to
the exit code. It imports what it needs inside that function, so that ``sightline --help`` answers at once and works in
the base installation.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import sightline
from sightline.errors import MissingExtra, SightlineError, did_you_mean

COMMANDS = (
    "doctor",
    "config",
    "data",
    "commission",
    "train",
    "evaluate",
    "calibrate",
    "compare",
    "promote",
    "report",
    "score",
    "why",
    "msa",
    "bundle",
    "demo",
)
"""The modules of this package that add a command, in the order of the help."""

# What an extra of the distribution installs: import name -> extra.
EXTRAS = dict.fromkeys(
    (
        "PIL",
        "albumentations",
        "lightning",
        "matplotlib",
        "mlflow",
        "onnx",
        "onnxscript",
        "pandas",
        "psutil",
        "pynvml",
        "requests",
        "scipy",
        "sklearn",
        "sqlalchemy",
        "torch",
        "torchvision",
    ),
    "train",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name; those of the process if None.

    Returns:
        The exit code.

    Raises:
        SystemExit: argparse printed a help text (0) or refused the arguments (2).
    """
    _stand_in_for_closed_stderr()
    _escape_what_cannot_be_printed()
    try:
        arguments = _parse(argv)
        code: int = arguments.run(arguments)
        _flush()  # here, where a closed pipe is still caught
    except SightlineError as error:
        return _report(error)
    except ModuleNotFoundError as error:
        return _report(missing_extra(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _abandon_output()  # the reader has seen enough: `sightline ... | head`
        return 141  # as a program that a closed pipe ends
    except OSError as error:
        code = _report(_system_error(error))
        try:
            _flush()
        except OSError:
            _abandon_output()
    return code


class Parser(argparse.ArgumentParser):
    """argparse's parser, which takes no abbreviations and names the nearest choice to a misspelt one."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - handed on to argparse
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with code 2."""
        refused = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        if refused:
            meant = did_you_mean(refused[1], re.findall(r"[\w.-]+", refused[2]))
            message += f". {meant}" if meant else ""
        super().error(message)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; overrides may stand anywhere, though argparse takes positional ones in one run only."""
    parser = _parser()
    arguments, left = parser.parse_known_args(argv)
    if not hasattr(arguments, "overrides") or any(word.startswith("-") or "=" not in word for word in left):
        parser.parse_args(argv)  # says what is wrong and exits
    elif left:
        arguments.overrides = [*arguments.overrides, *left]
    return arguments


def _parser() -> Parser:
    parser = Parser(
        prog="sightline",
        description=sightline.__doc__.partition("\n")[0],
        epilog="`sightline COMMAND --help` describes a command.",
    )
    parser.add_argument("--version", action="version", version=f"sightline {sightline.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"sightline.cli.{name}").add(commands)
    return parser


def _stand_in_for_closed_stderr() -> None:
    """Give what is told a place (`2>&-`): the next file opened would get the number, and the messages with it."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives


def _flush() -> None:
    if sys.stdout is not None:  # `>&-`
        sys.stdout.flush()


def _escape_what_cannot_be_printed() -> None:
    """Print a file's name even where the terminal's encoding has no such letter (Windows, LANG=C)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _abandon_output() -> None:
    """Send what is still to be written to nowhere, for Python would stumble over it once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: SightlineError) -> int:
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return 2


def missing_extra(error: ModuleNotFoundError) -> MissingExtra:
    """The extra that brings a module.

    Raises:
        ModuleNotFoundError: No extra does, so that the import is a mistake of ours.
    """
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS:
        raise error
    return MissingExtra(
        f"this command needs {module}, which is not installed", hint=f'pip install "sightline[{EXTRAS[module]}]"'
    )


def _system_error(error: OSError) -> SightlineError:
    """What the operating system refused, such as a file on a full disk.

    Raises:
        OSError: The operating system did not, but a library that uses the same class.
    """
    if error.errno is None:
        raise error
    where = "".join(f"{name}: " for name in (error.filename,) if name is not None)
    return SightlineError(f"{where}{error.strerror}")
