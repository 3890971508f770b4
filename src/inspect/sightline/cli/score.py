"""``sightline score``: a verdict for every image."""

from __future__ import annotations

import argparse
import glob
import io
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import DataError

if TYPE_CHECKING:
    from sightline.runtime import Inspection
    from sightline.runtime.results import Lines

_EPILOG = """\
Images are files, folders (searched with all folders in them), patterns in quotes ('parts/**/*.png'), or - for a list on
standard input, one path a line, each answered as it comes.

examples:
  sightline score models/steel-strip-1.0.0 photos/
  sightline score models/steel-strip-1.0.0 photos/ --format csv -o verdicts.csv --report report.html
  find photos -name '*.png' | sightline score models/steel-strip-1.0.0 - --fail-on NG,NOT_INSPECTED"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``score``."""
    parser = commands.add_parser(
        "score", help="score images with a bundle", description="A verdict for every image.", epilog=_EPILOG
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="files, folders, patterns, or - for a list")
    parser.add_argument(
        "--format", choices=("jsonl", "csv"), default="jsonl", help="one JSON object a line, or a table"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the verdicts here instead of printing")
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="write each image with the defect's heat map")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with counts, table and pictures")
    parser.add_argument("--threads", type=positive, metavar="N", help="processors to use; by default all it may use")
    parser.add_argument("--self-test", action="store_true", help="score the bundle's golden samples first")
    parser.add_argument(
        "--fail-on",
        type=_outcomes,
        default=frozenset(),
        metavar="OUTCOMES",
        help="exit with 1 if one occurs: NG,REVIEW",
    )
    parser.add_argument("--progress", action="store_true", help="show a bar even where standard error is no terminal")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score the images; the exit code is 1 if an outcome of ``--fail-on`` occurred."""
    from sightline.runtime import Inspector, score_images
    from sightline.runtime.outputs import Outputs
    from sightline.runtime.threads import default_threads

    paths, total = _collect(arguments.images)
    # Several images at once, each on one thread: no processor waits for another in the middle of an image.
    inspector = Inspector.open(arguments.bundle, threads=1, self_test=arguments.self_test)
    counts: Counter[str] = Counter()
    start = time.perf_counter()
    with _open_lines(arguments.output) as lines:
        outputs = Outputs(inspector, lines, form=arguments.format, overlays=arguments.overlay, report=arguments.report)
        answers = score_images(inspector, paths, at_once=arguments.threads or default_threads())
        try:
            with closing(answers):
                for inspection in _with_progress(answers, total, arguments):
                    outputs.take(inspection)
                    counts[inspection.verdict.outcome] += 1
        finally:
            _summarise(counts, time.perf_counter() - start)
    if not counts:
        raise DataError("expected paths of images on standard input, got none")
    outputs.finish()
    return int(any(counts[outcome] for outcome in arguments.fail_on))


def positive(text: str) -> int:
    """Read a number of threads from the command line."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def _outcomes(text: str) -> frozenset[str]:
    from sightline.verdict import Outcome

    names = frozenset(name.strip() for name in text.upper().split(","))
    if unknown := sorted(names - set(Outcome)):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(Outcome)}, got {','.join(map(repr, unknown))}")
    return names


def _collect(arguments: Sequence[str]) -> tuple[Iterable[str], int | None]:
    """The images' paths and how many they are, which is not known where a list comes on standard input."""
    if "-" in arguments:
        return (path for argument in arguments for path in (_listed() if argument == "-" else _expand(argument))), None
    paths = [path for argument in arguments for path in _expand(argument)]
    if not paths:
        raise DataError(f"found no image in {', '.join(arguments)}", hint=_hint())
    return paths, len(paths)


def _expand(argument: str) -> list[str]:
    """The files that one argument stands for; what is not there stands for itself, and is answered as such."""
    from sightline.runtime.score import find_images

    path = Path(argument)
    if path.is_dir():
        found = [str(file) for file in find_images(path)]
    elif glob.has_magic(argument) and not path.exists():
        names = glob.glob(argument, recursive=True)  # noqa: PTH207 - pathlib takes no absolute patterns
        found = [name for name in sorted(names) if not Path(name).is_dir()]
    else:
        return [argument]
    if not found:
        print(f"note: no image in {argument}", file=sys.stderr)
    return found


def _hint() -> str:
    from sightline.image import SUFFIXES

    return f"Folders are searched for files that end in {', '.join(sorted(SUFFIXES))}."


def _listed() -> Iterator[str]:
    """The paths on standard input, as they come."""
    # Read without a buffer: a thread that waits in a buffered read would hold a lock that Python needs to end.
    with io.FileIO(sys.stdin.fileno(), closefd=False) as stream:
        for line in stream:
            if name := os.fsdecode(line.rstrip(b"\r\n")):
                yield from [name] if not Path(name).is_dir() else _expand(name)


def _open_lines(output: Path | None) -> AbstractContextManager[Lines]:
    from sightline.runtime.results import Lines

    return Lines.create(output) if output else nullcontext(Lines(sys.stdout.buffer, "standard output"))


def _with_progress(
    answers: Iterable[Inspection], total: int | None, arguments: argparse.Namespace
) -> Iterable[Inspection]:
    """Shows a bar on standard error, unless it would be torn apart by lines printed on the same terminal."""
    from tqdm import tqdm

    free = sys.stderr.isatty() and (arguments.output is not None or not sys.stdout.isatty())
    return tqdm(answers, total=total, unit=" images", file=sys.stderr, disable=not (arguments.progress or free))


def _summarise(counts: Counter[str], seconds: float) -> None:
    total = counts.total()
    each = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    rate = f"; {total / seconds:,.1f} images/s" if total else ""
    print(f"{total:,} images: {each or 'none scored'}{rate}", file=sys.stderr)
