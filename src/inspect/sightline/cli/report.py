"""``sightline report``: the quality engineer's page on a bundle, for screen, print and auditors."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sightline.assurance.report.facts import Approval
    from sightline.assurance.report.measure import Measured
    from sightline.assurance.report.page import Report
    from sightline.bundle import Manifest
    from sightline.runs import Progress

_DESCRIPTION = """\
Write one HTML page that a quality engineer can defend: what is inspected, how well, what is guaranteed and what is
not, how honest the data are, the worst misses, how to make it all again, and what auditors ask for. It holds
everything inside, and prints as PDF from any browser.

  sightline report models/steel-strip-1.0.0 -o report.html
  sightline report BUNDLE --index runs/NAME/index.jsonl --msa study.json -o report.html

Without --index the figures are those that the bundle states. With it, the test part of the index (or all images of a
folder) is scored again, and the page says whether the bundle states what came out."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``report``."""
    parser = commands.add_parser(
        "report", help="write the quality engineer's page on a bundle", description=_DESCRIPTION
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    text = "labelled images: a run's index.jsonl, or a folder; then KEY=VALUE of data, such as data.good=[ok]"
    parser.add_argument("--index", type=Path, metavar="FILE", help=text)
    text = "figures of an agreement study, which `sightline msa report` writes"
    parser.add_argument("--msa", type=Path, nargs="+", default=(), metavar="STUDY.json", help=text)
    parser.add_argument("--approved-by", metavar="NAME", help="who approved the bundle; lines to sign if not given")
    parser.add_argument("--approved-on", type=_day, metavar="DATE", help="and when, as 2026-01-31")
    parser.add_argument("--title", default="", metavar="TEXT", help="of the page")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html", help="the page")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values of data to replace")
    parser.set_defaults(run=_run)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a date such as 2026-01-31, got {text}") from None


def _run(arguments: argparse.Namespace) -> int:
    from sightline.assurance.report.facts import about
    from sightline.assurance.report.page import Report, write_report
    from sightline.cli.progress import Bars

    approval = _approval(arguments)
    _check_place(arguments.output, arguments.bundle)
    if arguments.overrides and arguments.index is None:
        told = " ".join(arguments.overrides)
        raise ConfigError(
            f"expected --index with values of data ({told}), got none", hint="They say how images are read."
        )
    facts = about(arguments.bundle)
    if arguments.msa:
        from sightline.assurance.report.study import read_study

    studies = tuple(read_study(path, facts.bundle) for path in arguments.msa)
    with Bars() as progress:
        measured = _measured(arguments, facts.manifest, progress)
    report = Report(facts, _words(arguments), measured, studies, approval, arguments.title)
    write_report(report, arguments.output)
    print("\n".join(_told(report)))
    print(f"\nreport  {arguments.output}  {arguments.output.stat().st_size:,} bytes")
    return 0


def _approval(arguments: argparse.Namespace) -> Approval | None:
    from sightline.assurance.report.facts import Approval

    name, on = arguments.approved_by, arguments.approved_on
    if name is None and on is None:
        return None
    if not (name or "").strip() or on is None:
        raise ConfigError(
            "expected both --approved-by NAME and --approved-on DATE, got one of them",
            hint="Leave both out for lines to sign on paper.",
        )
    return Approval(name, on)


def _check_place(path: Path, bundle: Path) -> None:
    """Refuses a place for the page where something else would be lost.

    Raises:
        DataError: It is not for a page, or inside the bundle, which would be damaged by it.
    """
    from sightline.assurance.report.page import FORMAT
    from sightline.cli import places

    places.check("-o", path, places.Kind("a report on a bundle", (".html", ".htm"), FORMAT.encode(), first=False))
    if bundle.is_dir() and path.resolve().is_relative_to(bundle.resolve()):
        raise DataError(
            f"-o {path}: a bundle holds nothing but the files that it lists, and is damaged by another",
            hint="Name a file outside of it.",
        )


def _measured(arguments: argparse.Namespace, manifest: Manifest, progress: Progress) -> Measured | None:
    if arguments.index is None:
        return None
    from sightline.assurance.report.measure import measure
    from sightline.cli.images import labelled

    data = labelled(arguments.index, arguments.overrides)
    return measure(arguments.bundle, manifest, arguments.index, data, progress=progress)


def _words(arguments: argparse.Namespace) -> list[str]:
    """The command that makes the page again; overrides come first, for --msa takes all that follows it."""
    words = ["sightline", "report", str(arguments.bundle), *arguments.overrides]
    given = {
        "--index": arguments.index,
        "--title": arguments.title,
        "--approved-by": arguments.approved_by,
        "--approved-on": arguments.approved_on,
    }
    for option, value in given.items():
        words += [option, str(value)] if value else []
    words += ["--msa", *map(str, arguments.msa)] if arguments.msa else []
    return [*words, "-o", str(arguments.output)]


def _told(report: Report) -> list[str]:
    """The short of the page, in lines."""
    return [report.headline.words, *(f"  {one.words}" for one in report.sentences)]
