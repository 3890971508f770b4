"""The report on a study: one HTML page with everything inside, made for screen and print, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sightline
from sightline import image
from sightline.msa import chart, words
from sightline.msa.findings import FORMAT, Findings
from sightline.msa.kappa import Kappa
from sightline.msa.rates import LIMITS
from sightline.runtime.overlay import fit
from sightline.runtime.report import data_uri, page, write_page
from sightline.verdict import Outcome

PICTURED = 60
"""Parts that get pictures: about 20 KB each, so that the page stays one that can be mailed."""

_SIDE = 288
_WORDS = {True: Outcome.NG.value, False: Outcome.OK.value}


@dataclass(frozen=True)
class Given:
    """What one appraiser answered on a part: in each trial, and whether it was wrong."""

    name: str
    answers: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Card:
    """A part that was not answered right by everybody.

    Attributes:
        part: Its number.
        source: What its images were called.
        reference: What it is.
        pictures: Small JPEGs in data URIs; none beyond `PICTURED`.
        given: Answers of everybody.
    """

    part: str
    source: str
    reference: Outcome
    pictures: tuple[str, ...]
    given: tuple[Given, ...]


@dataclass(frozen=True)
class Line:
    """One kappa: of whom, what it compares, and its value."""

    who: str
    what: str
    kappa: Kappa


def write_report(findings: Findings, path: Path) -> Path:
    """Writes the page, and the figures as JSON beside it.

    Args:
        findings: The judged study.
        path: The HTML file.

    Returns:
        The JSON file.

    Raises:
        DataError: An image cannot be decoded any more, or a file cannot be written.
    """
    figures = path.with_suffix(".json")
    write_page(figures, json.dumps(findings.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    write_page(path, render(findings))
    return figures


def render(findings: Findings) -> str:
    """The whole page. Every value is escaped."""
    contested = set(findings.contested)
    cards = list(_cards(findings, contested))
    return page(
        "sightline.msa",
        format=FORMAT,
        findings=findings,
        agreement=findings.agreement,
        grade=words.worst(findings),
        headline=words.headline(findings),
        sentences=list(words.sentences(findings)),
        limits=list(words.limits(findings)),
        reach=[words.reach_row(one) for one in findings.reach],
        accepted=LIMITS,
        figures=words.FIGURES,
        percent=words.percent,
        change_words=words.change_words,
        lines=list(_lines(findings)),
        contested=[card for card in cards if card.part in contested],
        wrong=[card for card in cards if card.part not in contested],
        pictured=PICTURED,
        charts=[chart.draw(model) for model in findings.models],
        counts=_counts(findings),
        version=sightline.__version__,
    )


def _counts(findings: Findings) -> dict[str, int]:
    defective = int(findings.study.defective.sum())
    total, record = len(findings.study.parts), findings.folder.record
    images = sum(len(record.parts[part].images) for part in findings.study.parts)
    return {"parts": total, "good": total - defective, "defective": defective, "images": images}


def _lines(findings: Findings) -> Iterator[Line]:
    """The kappas, in the order of the page."""
    found = findings.kappas
    for name, kappa in found.reference.items():
        yield Line(name, "with the reference (Cohen)", kappa)
    for name, kappa in found.within.items():
        yield Line(name, "with itself over the trials (Fleiss)", kappa)
    for (one, other), kappa in found.pairs.items():
        yield Line(f"{one} and {other}", "with each other (Cohen)", kappa)
    if found.between:
        yield Line("all appraisers", "with each other, trial by trial (Fleiss)", found.between)
    if found.everybody:
        yield Line("all answers", "to the same part (Fleiss)", found.everybody)


def _cards(findings: Findings, contested: set[str]) -> Iterator[Card]:
    """Parts that somebody answered wrong: those on which people and the model differ first."""
    study = findings.study
    disputed = sorted(findings.agreement.disputed, key=lambda one: one.part not in contested)
    for number, one in enumerate(disputed):
        column = study.parts.index(one.part)
        defective = bool(study.defective[column])
        given = tuple(
            Given(name, tuple((_WORDS[bool(ng)], bool(ng) != defective) for ng in answers[:, column]))
            for name, answers in zip(study.appraisers, study.rejected, strict=True)
        )
        shown = findings.folder.record.parts[one.part].images
        files = findings.folder.images(one.part) if number < PICTURED else ()
        yield Card(one.part, ", ".join(own.source for own in shown), one.reference, _pictures(files), given)


def _pictures(files: Sequence[Path]) -> tuple[str, ...]:
    return tuple(data_uri(fit(image.read(file), shortest=_SIDE, longest=_SIDE)) for file in files)
