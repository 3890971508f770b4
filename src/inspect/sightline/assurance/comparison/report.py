"""The report on a comparison: one HTML page with everything inside, for screen and print, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sightline
from sightline.assurance.comparison import words
from sightline.assurance.comparison.changes import Change
from sightline.assurance.comparison.compare import Comparison, Side
from sightline.risk import Kind, Paired
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
        "figures": {line.name: _figure(line.of) for line in found.lines},
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


def _told(side: Side) -> dict[str, str]:
    manifest = side.bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "digest": side.bundle.digest,
        "method": manifest.method,
        "created": manifest.provenance.created,
    }


def _figure(of: Paired) -> dict[str, Any]:
    told = {"a": of.a, "b": of.b, "difference": of.difference._asdict()}
    told |= {"parts": of.parts, "photographs": of.photographs}
    if of.balance is not None:
        told |= {"worse_on": {"a": of.balance.a, "b": of.balance.b}, "p": of.balance.p}
    return told


def _occurs(found: Comparison, outcome: Outcome) -> bool:
    """Whether a column is worth its place: NOT_INSPECTED seldom is."""
    return outcome is not Outcome.NOT_INSPECTED or any(outcome.value in side.outcomes for side in (found.a, found.b))


def _cards(found: Comparison, changes: Sequence[Change]) -> list[Card]:
    """The first of them, with pictures."""
    return [_card(found, change) for change in changes[:PICTURED]]


def _card(found: Comparison, change: Change) -> Card:
    frame = found.a.found.sweeper.frame(found.a.found.outputs.samples[found.a.rows[change.row]])
    small = fit(frame.image, shortest=_SIDE, longest=_SIDE)
    one, other = (_view(name, side, change.row, frame, small) for name, side in (("A", found.a), ("B", found.b)))
    return Card(change, data_uri(small), (one, other))


def _view(name: str, side: Side, number: int, frame: Frame, small: NDArray[np.uint8]) -> View:
    row, found = side.rows[number], side.found
    verdict = found.scored.verdicts[row]
    seen = draw_seen(small, Inspection(verdict, frame, found.outputs.readings[row]), found.manifest)
    score, picture = float(side.scores[number]), "" if seen is small else data_uri(seen)
    return View(name, verdict.outcome, verdict.reasons, score, picture)
