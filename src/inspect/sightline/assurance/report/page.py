"""The page: all that was gathered, filled into one HTML file that is made for screen and print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sightline
from sightline.assurance.report import audit, words
from sightline.assurance.report.facts import Approval, Facts
from sightline.assurance.report.meanings import MEANINGS, by_type, rows
from sightline.runtime.report import page, write_page

if TYPE_CHECKING:
    from sightline.assurance.report.measure import Measured
    from sightline.assurance.report.study import Study

FORMAT = "sightline-bundle-report"
"""What tells such a page from all others: the generator that it names."""


@dataclass(frozen=True)
class Report:
    """All that the page shows.

    Attributes:
        facts: About the bundle.
        command: The words of the command that makes the page.
        measured: What the bundle says of labelled images now; None if none were given.
        studies: Agreement studies.
        approval: Who approved the bundle; None leaves lines to sign.
        title: Of the page; that of the product if empty.
    """

    facts: Facts
    command: Sequence[str]
    measured: Measured | None = None
    studies: tuple[Study, ...] = ()
    approval: Approval | None = None
    title: str = ""

    @property
    def sentences(self) -> list[words.Sentence]:
        """The short of it, what is wrong first."""
        told = words.short(self.facts, self.measured, self.studies)
        return sorted(told, key=lambda one: one.weight is not words.Weight.FAULT)

    @property
    def headline(self) -> words.Sentence:
        """All of it in one sentence."""
        return words.headline(self.facts.manifest, self.sentences)


def write_report(report: Report, path: Path) -> None:
    """Writes the page; half a page never replaces a whole one.

    Raises:
        DataError: It cannot be written.
    """
    write_page(path, render(report))


def render(report: Report) -> str:
    """The whole page. Every value is escaped."""
    facts, manifest, measured = report.facts, report.facts.manifest, report.measured
    same = measured is not None and measured.same_images
    here = None if measured is None else measured.figures
    shown = manifest.metrics if here is None else here
    return page(
        "sightline.assurance.report",
        format=FORMAT,
        title=report.title or f"Inspection report: {manifest.product or manifest.name}",
        report=report,
        facts=facts,
        manifest=manifest,
        measured=measured,
        method=words.METHODS.get(manifest.method, manifest.method),
        figures=rows(manifest.metrics, here, same_images=same),
        tiles=[(MEANINGS[name], metric) for name in words.VERDICTS for metric in shown if metric.name == name],
        types=by_type(shown),
        value=words.value,
        interval=words.interval,
        percent=words.percent,
        between=words.between,
        thresholds=words.threshold_rows(manifest),
        unsaid=list(words.unsaid(manifest.policy.guarantees)) if manifest.policy.guarantees else [],
        scores=words.meaning_of_scores(manifest),
        parts=[] if measured is None else list(next(iter(measured.counts.values()), {})),
        names=sorted({name for part in manifest.data.counts.values() for name in part}),
        origin="" if measured is None else audit.data_origin(measured),
        limits=words.limits(facts),
        identity=audit.identity(facts),
        files=audit.files(facts),
        commands=list(audit.commands(facts, report.command)),
        proving=audit.proving(facts),
        version=sightline.__version__,
    )
