"""What pydantic found wrong, said in the words of the document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sightline.config.document import KeyPath, Mistake
from sightline.errors import did_you_mean

_SECTION = "a section of `key: value` lines"

# pydantic's kind of error -> what was expected, where its own words are a programmer's.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": _SECTION,
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list, such as [a, b]",
    "model_attributes_type": _SECTION,
    "model_type": _SECTION,
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list, such as [a, b]",
}


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[Mistake]:
    """Translate each error of a validation.

    Args:
        error: What pydantic raised.
        model: The model that was validated; its JSON schema tells the names that would have been right.

    Yields:
        The mistakes, without lines.
    """
    schema = _Schema(model)
    for detail in error.errors(include_url=False):
        path, parent, node = schema.locate(detail["loc"])
        match detail["type"]:
            case "extra_forbidden":
                yield Mistake(path, _unknown_key(path[-1], parent.get("properties", {})))
            case "missing":
                description = node.get("description", "")
                yield Mistake(path, f"expected a value, got nothing{f': {description}' if description else ''}")
            case "union_tag_invalid" | "union_tag_not_found":
                key = node["discriminator"]["propertyName"]
                tag = detail["input"].get(key) if isinstance(detail["input"], dict) else None
                yield Mistake((*path, key), _no_choice(tag, node["discriminator"]["mapping"]))
            case "literal_error":
                expected = detail.get("ctx", {})["expected"]
                choices = re.findall(r"'([^']*)'", expected) or re.split(", | or ", expected)
                yield Mistake(path, _no_choice(detail["input"], choices))
            case _:
                yield Mistake(path, _other(detail))


def shown(value: object) -> str:
    """How a value that came is shown in a message."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case dict():
            return "a section"
        case list():
            return f"a list of {len(value)}"
        case _:
            text = repr(value)
            return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown_key(key: str, known: Iterable[str]) -> str:
    return f"unknown key. {did_you_mean(key, known) or 'Expected one of ' + ', '.join(sorted(known)) + '.'}"


def _no_choice(value: object, choices: Iterable[str]) -> str:
    meant = did_you_mean(value, choices)
    return f"expected {' or '.join(choices)}, got {shown(value)}{f'. {meant}' if meant else ''}"


def _other(detail: ErrorDetails) -> str:
    """A mistake whose own words tell what was expected."""
    got = shown(detail["input"])
    if detail["type"] in _EXPECTED:
        unquoted = detail["type"] == "string_type" and isinstance(detail["input"], int | float)
        return f"expected {_EXPECTED[detail['type']]}, got {got}{'; put it in quotes' if unquoted else ''}"
    message = detail["msg"].removeprefix("Value error, ")
    message = re.sub(r"^Input should be (?=greater|less)", "expected a number ", message)
    message = re.sub(r"^Input should be ", "expected ", message)
    # A rule about a whole section says itself what came.
    return (
        message if isinstance(detail["input"], dict) or not message.startswith("expected") else f"{message}, got {got}"
    )


class _Schema:
    """The JSON schema of a model, walked along the places that pydantic reports."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._root = model.model_json_schema()

    def locate(self, places: tuple[int | str, ...]) -> tuple[KeyPath, dict[str, Any], dict[str, Any]]:
        """The path in the document, the schema of the section that holds its end, and the schema of the end."""
        path: list[str] = []
        parent, node = self._root, self._plain(self._root)
        for place in places:
            if "discriminator" in node:
                # pydantic names the chosen variant in between; the document does not.
                node = self._plain({"$ref": node["discriminator"]["mapping"][str(place)]})
            elif place != "[key]":
                path.append(str(place))
                parent, node = node, self._plain(_child(node, place))
        return tuple(path), parent, node

    def _plain(self, node: dict[str, Any]) -> dict[str, Any]:
        """The node with references followed, and of `x or null` the x."""
        while "$ref" in node or "anyOf" in node:
            if "$ref" in node:
                name = node["$ref"].rpartition("/")[2]
                node = {**self._root["$defs"][name], **{key: value for key, value in node.items() if key != "$ref"}}
            else:
                option = next(option for option in node["anyOf"] if option.get("type") != "null")
                node = {**option, **{key: value for key, value in node.items() if key != "anyOf"}}
        return node


def _child(node: dict[str, Any], place: int | str) -> dict[str, Any]:
    """The schema of an entry or key; empty where the schema says nothing of it."""
    if isinstance(place, str):
        inner = node.get("properties", {}).get(place, node.get("additionalProperties"))
    else:
        fixed = node.get("prefixItems", [])
        inner = fixed[place] if place < len(fixed) else node.get("items")
    return inner if isinstance(inner, dict) else {}
