"""The report on a comparison: one HTML page with everything inside, for screen and print, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sightline
from sightline.assurance.comparison import words
from sightline.assurance.comparison.changes import Change
from sightline.assurance.comparison.compare import Comparison, Side
from sightline.risk import Kind
from sightline.runtime.inspector import Inspection
from sightline.runtime.overlay import draw_seen, fit
from sightline.runtime.report import data_uri, page, write_page
from sightline.verdict import Frame, Outcome

FORMAT = "sightline-comparison"

PICTURED = 24
"""Changes for the worse that get pictures, and as many for the better: about 30 KB each."""

_SIDE = 256


@dataclass(frozen=True)
class View:
    """What one of the bundles answered on a pictured image.

    Attributes:
        who: ``A`` or ``B``.
        outcome: Its verdict.
        reasons: Why.
        score: Its defect score.
        seen: The frame with what it saw as a small JPEG in a data URI; empty if it named nothing.
    """

    who: str
    outcome: Outcome
    reasons: tuple[str, ...]
    score: float
    seen: str


@dataclass(frozen=True)
class Card:
    """An image whose verdict changed, with its picture."""

    change: Change
    picture: str
    views: tuple[View, View]


def write_report(found: Comparison, path: Path) -> Path:
    """Writes the page, and the same as JSON beside it.

    Args:
        found: The comparison.
        path: The HTML file.

    Returns:
        The JSON file.

    Raises:
        DataError: An image cannot be read any more, or a file cannot be written.
    """
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    text = render(found, made)
    figures = path.with_suffix(".json")
    write_page(figures, json.dumps(to_dict(found, made), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    write_page(path, text)
    return figures


def render(found: Comparison, made: str) -> str:
    """The whole page; every value is escaped.

    Args:
        found: The comparison.
        made: When, in words.
    """
    worse, better = ([change for change in found.changes if (change.harm < 0) == side] for side in (False, True))
    return page(
        "sightline.assurance.comparison",
        format=FORMAT,
        found=found,
        made=made,
        grade=words.grade(found),
        headline=words.headline(found),
        sentences=list(words.sentences(found)),
        changed=next(words.changed(found)),
        names=words.NAMES,
        difference=words.difference,
        probability=words.probability,
        significant=words.significant,
        sides={"A": found.a, "B": found.b},
        crossed={kind.value: found.crossed(kind) for kind in Kind if found.photographs.parts(kind)},
        outcomes=[outcome for outcome in Outcome if _occurs(found, outcome)],
        decks=[
            ("For the worse", _cards(found, worse), len(worse)),
            ("For the better", _cards(found, better), len(better)),
        ],
        parts={kind.value: found.photographs.parts(kind) for kind in Kind},
        version=sightline.__version__,
    )


def to_dict(found: Comparison, made: str) -> dict[str, Any]:
    """Plain values for JSON."""
    return {
        "format": FORMAT,
        "made": made,
        "sightline": sightline.__version__,
        "seed": found.photographs.seed,
        "a": _told(found.a),
        "b": _told(found.b),
        "photographs": len(found.samples),
        "parts": {kind.value: found.photographs.parts(kind) for kind in Kind},
        "headline": words.headline(found),
        "figures": {line.name: _figure(line) for line in found.lines},
        "remarks": list(found.remarks),
        "left_out": list(found.left_out),
        "changes": [
            {
                "image": change.sample.path,
                "shows": list(change.sample.names),
                "defective": change.defective,
                "a": change.before.value,
                "b": change.after.value,
            }
            for change in found.changes
        ],
    }
