"""From a YAML file to a frozen model and back."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sightline.config.document import SCALARS, Document, Mistake, parse
from sightline.config.explain import explain, shown
from sightline.config.overrides import Override, apply, named
from sightline.config.recipe import Recipe
from sightline.errors import ConfigError, did_you_mean


def load(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Relative paths in it are taken from the working directory, as the paths on the command line are.

    Args:
        path: A YAML file.
        overrides: ``key.sub=value``, each replacing one value of the file; the value is read as YAML.

    Returns:
        The recipe, complete with defaults.

    Raises:
        ConfigError: It cannot be used. The message names every mistake with its line or override.
    """
    return _recipe(_document(path), overrides, path)


def build(values: dict[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """A recipe of values that come from no file; see :func:`load`.

    Raises:
        ConfigError: It cannot be used. The message names every mistake with its key or override.
    """
    return _recipe(Document(values, {}, []), overrides, None)


def dump(model: BaseModel) -> str:
    """The YAML text of a recipe, with every default written out; :func:`load` reads it back as the same recipe."""
    values = _escaped(model.model_dump(mode="json", by_alias=True))
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return text


def digest(model: BaseModel) -> str:
    """SHA-256, in hex, of every value of a recipe: equal for equal recipes, however they were written.

    The paths ``data.root`` and ``model.weights`` are values too, as text: the same recipe for images in another folder
    has another digest, and other images in the same folder have the same.
    """
    text = json.dumps(model.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def flat(values: Mapping[str, object]) -> dict[str, object]:
    """Nested settings in one level, ``{"a": {"b": 1}}`` as ``{"a.b": 1}``; lists stay whole, empty sections vanish."""
    leaves: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            leaves |= {f"{key}.{inner}": leaf for inner, leaf in flat(value).items()}
        else:
            leaves[key] = value
    return leaves


def schema() -> dict[str, Any]:
    """The JSON schema of a recipe, with which an editor completes and checks."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}


def _recipe(document: Document, overrides: Sequence[str], file: Path | None) -> Recipe:
    """The recipe of a document with its overrides, or a refusal that names every mistake."""
    applied, wrong_overrides = apply(document.value, overrides, os.environ)
    mistakes = list(document.mistakes)
    try:
        recipe = Recipe.model_validate(document.value)
    except ValidationError as error:
        mistakes += explain(error, Recipe)
    placed = sorted(_placed(mistake, file, document, applied) for mistake in mistakes)
    lines = [told for _, _, told in placed] + wrong_overrides
    if not lines:
        return recipe
    raise ConfigError("\n".join([f"{file} has {len(lines)} mistakes:", *lines] if file and len(lines) > 1 else lines))


def _document(path: Path) -> Document:
    """The file as sections and values.

    Raises:
        ConfigError: It cannot be read, is no YAML, or holds no section.
    """
    text = _read(path)
    try:
        document = parse(text, os.environ)
    except ConfigError as error:
        raise ConfigError(f"{path}:{error.message}", hint=error.hint) from error
    if document.value is None:
        raise ConfigError(f"{path}: expected `key: value` lines, the file is empty")
    if not isinstance(document.value, dict):
        raise ConfigError(f"{path}:1: expected `key: value` lines at the top, got {shown(document.value)}")
    return document


def _read(path: Path) -> str:
    """The text of a file, with clear words where there is none."""
    if path.is_dir():
        raise ConfigError(f"{path}: expected a YAML file, got a folder")
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        hint = did_you_mean(path.name, [other.name for other in path.parent.glob("*.y*ml")])
        raise ConfigError(f"{path}: there is no such file", hint=hint) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: expected UTF-8 text, got the byte 0x{data[error.start]:02x}",
            hint="Save the file as UTF-8.",
        ) from error


def _placed(
    mistake: Mistake, file: Path | None, document: Document, applied: Sequence[Override]
) -> tuple[bool, int, str]:
    """Where a mistake lies, for sorting, and how it is told: with its line, or with the override that brought it."""
    told = f"{'.'.join(mistake.path)}: {mistake.text}" if mistake.path else mistake.text
    if mistake.line:  # of the text itself, whatever was put over it
        return False, mistake.line, f"{file}:{mistake.line}: {told}"
    above = [number for number, item in enumerate(applied) if mistake.path[: len(item.path)] == item.path]
    if above:
        return True, above[-1], f"{named(applied[above[-1]].text)}: {told}"
    line = document.line_of(mistake.path)
    below = [named(item.text) for item in applied if item.path[: len(mistake.path)] == mistake.path]
    where = f"{file}:{line}: " if file else ""
    return False, line, where + told + (f" (with {', '.join(below)})" if below else "")


def _escaped(value: Any) -> Any:  # noqa: ANN401 - YAML holds any value
    """The values with every ``${`` in them protected from being filled in again."""
    match value:
        case str():
            return value.replace("${", "$${")
        case dict():
            return {key: _escaped(item) for key, item in value.items()}
        case list():
            return [_escaped(item) for item in value]
        case _:
            return value


class _Dumper(yaml.SafeDumper):
    """Writes YAML that readers of version 1.1 and of 1.2 understand alike."""

    def text(self, value: str) -> yaml.ScalarNode:
        """Text; with escapes where it holds line breaks and the like, which PyYAML does not always read as it wrote."""
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=None if value.isprintable() else '"')


_Dumper.add_representer(str, _Dumper.text)

# A text that either version would take for something else is put in quotes.
for _tag, _pattern, _first in SCALARS:
    _Dumper.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), _first)
