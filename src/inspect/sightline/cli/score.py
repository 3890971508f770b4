"""``sightline score``: a verdict for every image."""

from __future__ import annotations

import argparse
import glob
import io
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import DataError, SightlineError

if TYPE_CHECKING:
    from sightline.runtime import Inspection, Inspector
    from sightline.runtime.results import Lines
    from sightline.verdict import Outcome

_EPILOG = """\
Images are files, folders (searched with all folders in them), patterns in quotes ('parts/**/*.png'), or - for a list on
standard input, one path a line, each answered as it comes.

examples:
  sightline score models/steel-strip photos/
  sightline score models/steel-strip photos/ --format csv -o verdicts.csv --report report.html
  find photos -name '*.png' | sightline score models/steel-strip - --fail-on NG,NOT_INSPECTED"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``score``."""
    parser = commands.add_parser(
        "score", help="score images with a bundle", description="A verdict for every image.", epilog=_EPILOG
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="files, folders, patterns, or - for a list")
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="one JSON object a line, or a table")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the verdicts here instead of printing")
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="write each image with the defect's heat map")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with counts, table and pictures")
    parser.add_argument("--threads", type=_positive, metavar="N", help="processors to use; by default all it may use")
    parser.add_argument("--self-test", action="store_true", help="score the bundle's golden samples first")
    parser.add_argument(
        "--fail-on", type=_outcomes, default=frozenset(), metavar="OUTCOMES", help="exit with 1 if one occurs: NG,REVIEW"
    )
    parser.add_argument("--progress", action="store_true", help="show a bar even where standard error is no terminal")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score the images; the exit code is 1 if an outcome of ``--fail-on`` occurred."""
    from sightline.runtime import Inspector, score_images
    from sightline.runtime.threads import default_threads

    at_once = arguments.threads or default_threads()
    # Images side by side, each on one thread, finish sooner than one after another on all threads.
    inspector = Inspector.open(arguments.bundle, threads=1, self_test=arguments.self_test)
    paths, total = _collect(arguments.images)
    counts: Counter[Outcome] = Counter()
    start = time.perf_counter()
    with ExitStack() as stack:
        sink = _Sink(arguments, inspector, stack)
        answers = score_images(inspector, paths, at_once=at_once)
        try:
            for inspection in _with_progress(answers, total, arguments):
                sink.take(inspection)
                counts[inspection.verdict.outcome] += 1
        finally:
            answers.close()
            _summarise(counts, time.perf_counter() - start)
        sink.finish()
    return int(any(counts[outcome] for outcome in arguments.fail_on))


class _Sink:
    """Where inspections go: lines, and overlays and a report if asked for."""

    def __init__(self, arguments: argparse.Namespace, inspector: Inspector, stack: ExitStack) -> None:
        from sightline.runtime import results

        self._manifest = inspector.manifest
        self._csv = arguments.format == "csv"
        self._overlay: Path | None = arguments.overlay
        self._report_file: Path | None = arguments.report
        self._report = _report(inspector) if arguments.report else None
        if self._overlay:
            self._overlay.mkdir(parents=True, exist_ok=True)
        self._lines = _lines(arguments.output, stack)
        if self._csv:
            self._lines.write(results.csv_header(self._manifest.classes))

    def take(self, inspection: Inspection) -> None:
        from sightline.runtime import results

        overlay = None
        if self._overlay:
            from sightline.runtime.overlay import save

            overlay = save(inspection, self._manifest, self._overlay)
        if self._csv:
            self._lines.write(results.csv_line(inspection.verdict, self._manifest.classes, overlay))
        else:
            self._lines.write(results.json_line(inspection.verdict, overlay))
        if self._report:
            self._report.add(inspection)

    def finish(self) -> None:
        if self._report and self._report_file:
            self._report.write(self._report_file)
