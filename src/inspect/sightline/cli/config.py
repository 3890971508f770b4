"""``sightline config``: check a recipe, show it in full, or write the schema with which an editor helps."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.config import Recipe

SCHEMA_FILE = Path("configs/schema/recipe.schema.json")

_OVERRIDES = """\
An override replaces one value, which is read as YAML:
  train.epochs=3    data.good=[ok, fine]    augment.0.p=0.5    track.uri=null
Relative paths in a recipe are taken from the working directory."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``config`` with its subcommands."""
    parser = commands.add_parser(
        "config",
        help="check or show a recipe",
        description="Check a recipe, show it in full, or write the JSON schema with which an editor helps.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, run, text in (
        ("check", _check, "say every mistake of a recipe"),
        ("show", _show, "print a recipe with every default written out"),
    ):
        action = actions.add_parser(name, help=text, description=f"{text.capitalize()}.", epilog=_OVERRIDES)
        action.add_argument("file", type=Path, metavar="FILE", help="the recipe, a YAML file")
        action.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values to replace")
        action.set_defaults(run=run)
    text = "print or write the JSON schema of recipes"
    action = actions.add_parser("schema", help=text, description=f"{text.capitalize()}.")
    action.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"write to a file, such as {SCHEMA_FILE}")
    action.add_argument("--check", action="store_true", help="only compare with the file; exit code 1 if it differs")
    action.set_defaults(run=_schema)


def _check(arguments: argparse.Namespace) -> int:
    from sightline import config

    recipe = config.load(arguments.file, arguments.overrides)
    unchecked = _check_parts(recipe)
    print(f"{arguments.file}: ok, {recipe.name} {recipe.version}, digest {config.digest(recipe)[:12]}")
    if unchecked:
        print(unchecked)
    return 0


def _check_parts(recipe: Recipe) -> str:
    """Refuses a backbone, weights or augmentations that there are not; returns what could not be checked.

    Weights of torchvision's are not downloaded for that: their name tells that they are there.
    """
    from sightline.cli import missing_extra

    try:
        from sightline import train
        from sightline.train.networks.weights import is_download
    except ModuleNotFoundError as error:
        command = missing_extra(error).hint
        return f"not checked: backbone, weights, augmentations and precision, which need {error.name}: {command}"
    if is_download(recipe.model):
        recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": None})})
    train.check(recipe)
    return ""


def _show(arguments: argparse.Namespace) -> int:
    from sightline import config

    print(config.dump(config.load(arguments.file, arguments.overrides)), end="")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    from sightline import config
    from sightline.files import write_whole

    text = json.dumps(config.schema(), indent=2, ensure_ascii=False) + "\n"
    if arguments.check:
        return _compare(text, arguments.output or SCHEMA_FILE)
    if arguments.output:
        write_whole(arguments.output, text.encode())
    else:
        print(text, end="")
    return 0


def _compare(text: str, file: Path) -> int:
    """0 if the file holds the text, otherwise 1 and the command that mends it."""
    try:
        current = file.read_text(encoding="utf-8") == text
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such file", hint=f"sightline config schema -o {file}") from error
    if not current:
        print(
            f"{file} is not the schema of this version; write it with: sightline config schema -o {file}",
            file=sys.stderr,
        )
    return 0 if current else 1
