"""YAML text to plain values, with the line of every key and every mistake of the text itself.

The scalars are YAML 1.2's: ``1e-3`` is a number, and ``on``, ``off``, ``yes``, ``no`` and dates stay text. Keys are
always text, so that a class may be called ``1``. Aliases and tags are refused: without them a document is a plain tree
whose size is that of its text, and each value has one place that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from sightline.errors import ConfigError

MOST_LEVELS = 64
"""Sections and lists inside one another, at most: more is a mistake, and what walks the values ends."""

_MOST_DIGITS = 400
"""Characters of a number; Python's own limit is about ten times as many."""

KeyPath = tuple[str, ...]
"""Where a value stands: its keys from the top, list positions counted from 0."""

_TAG = "tag:yaml.org,2002:"

# The core schema of YAML 1.2 (section 10.3.2): type, what its text looks like, the characters it can begin with.
SCALARS: tuple[tuple[str, re.Pattern[str], list[str]], ...] = (
    (_TAG + "null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    (_TAG + "bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    (_TAG + "int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), list("-+0123456789")),
    (
        _TAG + "float",
        re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
        list("-+0123456789."),
    ),
)

# Words of the parser -> what people most often meant.
_HINTS = {
    "'\\t'": "YAML is indented with spaces, never with tabs.",
    "alias": "Put a value that begins with * in quotes.",
    "tag": "Put a value that begins with ! in quotes.",
    "mapping values are not allowed": "Put a value that holds a colon and a space in quotes.",
}

_VARIABLE = re.compile(
    r"(?P<literal>\$\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:-(?P<default>[^}]*))?\}|(?P<odd>\$\{)"
)


class Mistake(NamedTuple):
    """One thing that is wrong with a document.

    Attributes:
        path: The value it is about.
        text: What was expected and what came.
        line: Line of the document, from 1; 0 where none is meant.
    """

    path: KeyPath
    text: str
    line: int = 0


class Document(NamedTuple):
    """What a YAML text says.

    Attributes:
        value: Mappings, lists, text, numbers, booleans and None.
        lines: The line, from 1, of each key and list entry.
        mistakes: Duplicate keys and variables that cannot be filled in; of two equal keys the last one counts.
    """

    value: Any
    lines: dict[KeyPath, int]
    mistakes: list[Mistake]

    def line_of(self, path: KeyPath) -> int:
        """The line of a value, or of the nearest part above it that the text holds."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Composer(yaml.SafeLoader):
    """PyYAML's parser with the scalars of YAML 1.2, and neither aliases nor tags, nor nesting without end."""

    _level = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - PyYAML's signature
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            problem = f"`*{event.anchor}` is an alias, and aliases are not used here"
        elif getattr(event, "tag", None) is not None:
            problem = f"`{event.tag}` is a tag, and tags are not used here"
        elif self._level > MOST_LEVELS:
            problem = f"more than {MOST_LEVELS} levels of sections and lists"
        else:
            self._level += 1
            node = super().compose_node(parent, index)
            self._level -= 1
            return node
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


_Composer.yaml_implicit_resolvers = {}  # those inherited are the scalars of YAML 1.1
for _tag, _pattern, _first in SCALARS:
    _Composer.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern.pattern})\Z"), _first)


def parse(text: str, environment: Mapping[str, str]) -> Document:
    """Read a YAML text and fill in its variables.

    Args:
        text: One YAML document.
        environment: What ``${NAME}`` and ``${NAME:-default}`` in text values stand for; ``$${`` gives a plain ``${``.

    Returns:
        Its values and where they stand.

    Raises:
        ConfigError: The text is not YAML; the message begins with the line.
    """
    try:
        composer = _Composer(text)
        node = composer.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        hint = next((hint for words, hint in _HINTS.items() if words in problem), "")
        if error.problem_mark and text[: error.problem_mark.index].endswith("$"):
            hint = "Inside { } and [ ], put a value with ${...} in quotes."
        raise ConfigError(f"{line}: cannot be read as YAML: {problem}", hint=hint) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"the character {chr(error.character)!r} is not allowed"
        raise ConfigError(f"{line}: cannot be read as YAML: {problem}") from error
    builder = _Builder(environment)
    value = None if node is None else builder.build(node, ())
    return Document(value, builder.lines, builder.mistakes)


class _Builder:
    """Turns the nodes of one document into values, noting lines and mistakes on the way."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.lines: dict[KeyPath, int] = {}
        self.mistakes: list[Mistake] = []

    def build(self, node: yaml.Node, path: KeyPath) -> Any:  # noqa: ANN401 - YAML holds any value
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._entry(item, (*path, str(position))) for position, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _entry(self, node: yaml.Node, path: KeyPath) -> Any:  # noqa: ANN401
        self.lines[path] = node.start_mark.line + 1
        return self.build(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, item in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.mistakes.append(Mistake(path, "expected text as a key, got a list or a section", line))
                continue
            inner = (*path, str(key.value))
            if key.value in values:
                self.mistakes.append(
                    Mistake(inner, f"the same key stands on lines {self.lines[inner]} and {line}; keep one", line)
                )
            self.lines[inner] = line
            values[key.value] = self.build(item, inner)
        return values

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:  # noqa: ANN401
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" if len(text) > _MOST_DIGITS:
                line = node.start_mark.line + 1
                raise ConfigError(
                    f"{line}: cannot be read as YAML: expected a number of at most {_MOST_DIGITS} digits, "
                    f"got {len(text):,}"
                )
            case "int":
                return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
            case "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
            case _:
                return self._filled(text, path, node.start_mark.line + 1)

    def _filled(self, text: str, path: KeyPath, line: int) -> str:
        """The text with its variables replaced."""

        def fill(match: re.Match[str]) -> str:
            if match["literal"]:
                return "${"
            if match["odd"]:
                problem = f"expected ${{NAME}} or ${{NAME:-default}}, got {text!r}; write $${{ for a plain ${{"
                self.mistakes.append(Mistake(path, problem, line))
                return match[0]
            # As in a shell, `:-` also replaces a variable that is set to nothing.
            value = self._environment.get(match["name"])
            if match["default"] is not None:
                return value or match["default"]
            if value is None:
                problem = f"the environment variable {match['name']} is not set; set it, or give a default:"
                self.mistakes.append(Mistake(path, f"{problem} ${{{match['name']}:-default}}", line))
                return match[0]
            return value

        return _VARIABLE.sub(fill, text)
