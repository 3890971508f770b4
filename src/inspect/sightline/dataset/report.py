"""The outcome of a data check: for the terminal, for machines, and as a page that needs no other file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from sightline.errors import DataError
from sightline.files import write_whole
from sightline.index import Split


@dataclass(frozen=True)
class Pair:
    """Two images that are kept together.

    Attributes:
        left: Path of one.
        right: Path of the other.
        note: What is between them, such as ``exact copies, labels differ``.
        pictures: Both thumbnails, PNG in base64.
    """

    left: str
    right: str
    note: str
    pictures: tuple[str, str] = field(repr=False)


@dataclass(frozen=True)
class CheckReport:
    """The outcome of a check.

    Attributes:
        facts: Name -> what was found, in words.
        counts: Class -> part -> images.
        groups: Class -> groups of images that are kept together; a single image counts as one.
        errors: What makes training pointless; each says what to do.
        warnings: What makes figures weaker than they look.
        notes: What is good to know.
        unreadable: Path -> why, for files that were left out.
        twins: Some of the images that are kept together.
    """

    facts: dict[str, str]
    counts: dict[str, dict[str, int]]
    groups: dict[str, int]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    twins: tuple[Pair, ...] = ()

    def text(self) -> str:
        """For the terminal."""
        width = max(map(len, (*self.facts, *self.counts, "class")))
        lines = [f"{name:<{width}}  {value}" for name, value in self.facts.items()]
        lines += [
            "",
            f"{'class':<{width}}{'images':>10}{'groups':>10}" + "".join(f"{part.value:>11}" for part in Split),
        ]
        for name, parts in self.counts.items():
            cells = "".join(f"{parts[part.value]:>11,}" for part in Split)
            lines.append(f"{name:<{width}}{sum(parts.values()):>10,}{self.groups[name]:>10,}{cells}")
        messages = [
            f"{level}: {message}"
            for level, found in (("error", self.errors), ("warning", self.warnings), ("note", self.notes))
            for message in found
        ]
        return "\n".join([*lines, *([""] if messages else []), *messages])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without pictures."""
        return {
            "facts": self.facts,
            "counts": self.counts,
            "groups": self.groups,
            "errors": list(self.errors),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "unreadable": self.unreadable,
            "twins": [{"left": pair.left, "right": pair.right, "note": pair.note} for pair in self.twins],
        }

    def html(self) -> str:
        """A page that needs no other file."""
        source = resources.files("sightline.dataset").joinpath("check.html.jinja").read_text(encoding="utf-8")
        page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
        most = max((count for parts in self.counts.values() for count in parts.values()), default=0)
        return page.render(report=self, parts=[part.value for part in Split], most=max(1, most))

    def save(self, folder: Path) -> None:
        """Writes ``check.json`` and ``check.html``.

        Raises:
            DataError: The folder cannot be written.
        """
        files = {"check.json": json.dumps(self.to_dict(), indent=2, ensure_ascii=False), "check.html": self.html()}
        try:
            for name, text in files.items():
                write_whole(folder / name, text.encode())
        except OSError as error:
            raise DataError(f"the data check cannot be written to {folder}: {error.strerror}") from error
