"""``sightline compare``: two bundles on the same labelled images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.assurance.comparison import Comparison

_DESCRIPTION = """\
Compare two bundles on the same labelled images: escapes, overkill, review and AUROC of both, the differences with
intervals, McNemar's exact test over parts, and which verdicts changed.

  sightline compare models/steel-strip-1.0.0 runs/NAME/bundle/steel-strip-1.1.0 --index runs/NAME/index.jsonl
  sightline compare OLD NEW --index photos -o comparison.html

Of an index the test part is compared on, of a folder all images: take such as taught neither of them anything. To
either bundle a defect is a defect, also one of a type that it does not know."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``compare``."""
    parser = commands.add_parser("compare", help="compare two bundles on the same images", description=_DESCRIPTION)
    parser.add_argument("a", type=Path, metavar="A", help="a bundle's folder, or a zip of it: the one in use, say")
    parser.add_argument("b", type=Path, metavar="B", help="the other's; differences are its figures less those of A")
    text = "labelled images: a run's index.jsonl, or a folder; then KEY=VALUE of data, such as data.good=[ok]"
    parser.add_argument("--index", type=Path, required=True, metavar="FILE", help=text)
    text = "a page with the changed verdicts and their images; the same goes beside it as JSON"
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help=text)
    parser.add_argument("--seed", type=_seed, default=0, metavar="S", help="of the bootstrap (0)")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values of data to replace")
    parser.set_defaults(run=_run)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text!r}")
    return int(text)


def _run(arguments: argparse.Namespace) -> int:
    from sightline.assurance.comparison import compare
    from sightline.assurance.comparison.report import write_report
    from sightline.cli import images
    from sightline.cli.progress import Bars
    from sightline.index import Split

    data = images.labelled(arguments.index, arguments.overrides)
    if arguments.output is not None:
        _check_place(arguments.output)
    part = Split.TEST if arguments.index.is_file() else None
    with Bars() as progress:
        found = compare(arguments.a, arguments.b, data, part=part, seed=arguments.seed, progress=progress, say=print)
    print("\n".join(told(found)))
    if arguments.output is not None:
        figures = write_report(found, arguments.output)
        print(f"\nreport   {arguments.output}\nfigures  {figures}")
    return 0


def _check_place(path: Path) -> None:
    from sightline.assurance.comparison.report import FORMAT
    from sightline.cli import places

    places.check("-o", path, places.Kind("a comparison", (".html", ".htm"), FORMAT.encode(), first=False))
    beside = places.Kind("the figures of a comparison", (".json",), b'{\n  "format": "' + FORMAT.encode())
    places.check("-o, beside it:", path.with_suffix(".json"), beside)


def told(found: Comparison) -> list[str]:
    """The comparison as lines: who, how many, the table, what it comes to, and what changed."""
    from sightline.assurance.comparison import words
    from sightline.risk import Kind

    defective, good = (found.photographs.parts(kind) for kind in (Kind.DEFECTIVE, Kind.GOOD))
    lines = [
        f"A  {found.a.bundle.label}",
        f"B  {found.b.bundle.label}",
        f"on {len(found.samples):,} photographs, of {defective:,} defective and {good:,} good parts",
        "",
        f"{'':10}{'A':>8}{'B':>8}   {'B less A (95 %)':32}{'A worse on':>11}{'B worse on':>11}{'p':>9}",
    ]
    for line in found.lines:
        of = line.of
        tested = "" if of.balance is None else f"{of.balance.a:11,}{of.balance.b:11,}"
        p = "" if of.balance is None else f"{words.probability(of.balance.p):>9}"
        row = f"{words.NAMES[line.name][0]:10}{of.a:8.4f}{of.b:8.4f}   {words.difference(of):32}{tested}{p}"
        lines.append(row.rstrip())
    lines += ["", words.headline(found), *(f"  {sentence}" for sentence in words.sentences(found))]
    return [*lines, "", *words.changed(found)]
