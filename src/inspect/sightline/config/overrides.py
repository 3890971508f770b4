"""``key.sub=value`` on the command line: single values of a recipe replaced without editing its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sightline.config.document import MOST_LEVELS, KeyPath, parse
from sightline.config.explain import shown
from sightline.errors import ConfigError

_SHOWN = 120  # characters of an override in a message


class Override(NamedTuple):
    """One value from the command line.

    Attributes:
        text: As it was written.
        path: The value that it replaces.
    """

    text: str
    path: KeyPath


def apply(
    values: dict[str, Any], overrides: Sequence[str], environment: Mapping[str, str]
) -> tuple[list[Override], list[str]]:
    """Put values from the command line into those of a document, in place.

    The value is read as YAML: ``train.epochs=3``, ``data.good=[ok, fine]``, ``track.uri=null``. A number in the key
    counts entries of a list from 0: ``augment.0.p=0.5``. A section that the document lacks is added.

    Args:
        values: The document's values.
        overrides: ``key.sub=value``, later ones winning.
        environment: What variables in the values stand for.

    Returns:
        The overrides that were put in, and a line for each mistake in the others.
    """
    applied: list[Override] = []
    mistakes: list[str] = []
    for text in overrides:
        key, equals, written = text.partition("=")
        path = tuple(key.split("."))
        try:
            if not equals or not all(path):
                raise ConfigError("expected key.sub=value, such as train.epochs=3")
            if len(path) > MOST_LEVELS:
                raise ConfigError(f"expected a key of at most {MOST_LEVELS} parts, got {len(path):,}")
            document = parse(written, environment)
            _put(values, path, document.value)
        except ConfigError as error:
            mistakes.append(f"{named(text)}: {' '.join((error.message.removeprefix('1: '), error.hint)).strip()}")
            continue
        applied.append(Override(text, path))
        mistakes += [f"{named(text)}: {'.'.join((*path, *inner))}: {told}" for inner, told, _ in document.mistakes]
    return applied, mistakes


def named(text: str) -> str:
    """How an override is called in a message."""
    return f"override `{text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}`"


def _put(values: dict[str, Any], path: KeyPath, value: object) -> None:
    """Set one value, adding the sections on the way to it that are not there."""
    place: dict[str, Any] | list[Any] = values
    for depth, part in enumerate(path[:-1], start=1):
        key = _key(place, part, path[: depth - 1])
        if isinstance(place, dict) and place.get(part) is None:
            place[part] = {}
        inner = place[key]  # type: ignore[index]
        if not isinstance(inner, dict | list):
            raise ConfigError(f"expected {'.'.join(path[:depth])} to be a section or a list, it is {inner!r}")
        place = inner
    place[_key(place, path[-1], path[:-1])] = value  # type: ignore[index]


def _key(place: dict[str, Any] | list[Any], part: str, above: KeyPath) -> str | int:
    """The key of a section, or the checked position in a list."""
    if isinstance(place, dict):
        return part
    if not (part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(place)):
        wanted = f"a position from 0 to {len(place) - 1}" if place else "no position, for it is empty"
        raise ConfigError(f"{'.'.join(above)} is a list: expected {wanted}, got {shown(part)}")
    return int(part)
