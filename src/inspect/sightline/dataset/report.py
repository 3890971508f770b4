"""The outcome of a data check: for the terminal, for machines, and as a page that needs no other file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2

from sightline.errors import DataError
from sightline.files import write_whole
from sightline.index import Split

_SIDES = ("side, px of the image", "px of the input")


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


Quantiles = tuple[float, float, float]
"""What 5 %, half and 95 % of values lie below."""


@dataclass(frozen=True)
class Sizes:
    """How many defects of a type are marked, and how large they are: the side of a square of a box's area.

    Attributes:
        images: Images on which some are marked.
        marks: Boxes, outlines, or regions of masks.
        frame: Their sides in pixels of the image; None if there is none.
        shown: The same in pixels of the model's input; None if there is none, or the input is not known.
    """

    images: int
    marks: int
    frame: Quantiles | None
    shown: Quantiles | None

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Everything as text."""
        return f"{self.marks:,}", f"{self.images:,}", _told(self.frame), _told(self.shown)


def _told(quantiles: Quantiles | None) -> str:
    return " / ".join(f"{value:.3g}" for value in quantiles) if quantiles else "-"


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
        marked: Type -> what is marked of it; empty where it is not learned where defects are.
        twins: Some of the images that are kept together.
    """

    facts: dict[str, str]
    counts: dict[str, dict[str, int]]
    groups: dict[str, int]
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)
    marked: dict[str, Sizes] = field(default_factory=dict)
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
        if self.marked:
            lines += ["", f"{'marked':<{width}}{'marks':>10}{'images':>10}{_SIDES[0]:>26}{_SIDES[1]:>26}"]
        for name, sizes in self.marked.items():
            marks, images, frame, shown = sizes.cells
            lines.append(f"{name:<{width}}{marks:>10}{images:>10}{frame:>26}{shown:>26}")
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
            "marked": {name: asdict(sizes) for name, sizes in self.marked.items()},
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
