"""``sightline score``: a verdict for every image."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.cli import images, places
from sightline.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from sightline.runtime import Inspection, Inspector, Shot
    from sightline.runtime.outputs import Outputs
    from sightline.runtime.results import Lines

_EPILOG = """\
Images are files, folders (searched with all folders in them), patterns in quotes ('parts/**/*.png'), or - for a list on
standard input, one path a line, each answered as it comes.

A damaged file, or a listed one that is missing, is answered NOT_INSPECTED, and the exit code is 0 unless --fail-on
names that outcome. A mistyped argument, a folder or pattern without an image, a listed folder that cannot be searched,
and an overlay that cannot be written are said on standard error; all else is scored, and then the exit code is 2,
whatever --fail-on says.

The file of -o keeps what it held until the first verdict is known; from then on each is there at once. A file that is
there is replaced only if it holds what this command writes there, and no other process is writing it. Overlays lie
outside of the folders that are searched for images.

A bundle that compares or aligns frames takes their defect-free templates from itself, where it holds them, or from
--template: a file for all frames, a folder that holds one of each frame's name, or a pattern in quotes, in which {stem}
is the frame's name without its ending, {stem-END} the same without END after it, {parent} its folder and {suffix} its
ending. A frame without a template is answered NOT_INSPECTED.

examples:
  sightline score models/steel-strip-1.0.0 photos/
  sightline score models/steel-strip-1.0.0 photos/ --format csv -o verdicts.csv --report report.html
  sightline score models/boards-1.0.0 'boards/*_test.png' --template '{parent}/{stem-_test}_temp.png'
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
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="write each image with its defects marked")
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write a page with counts, table and pictures")
    parser.add_argument("--coco", type=Path, metavar="FILE.json", help="write the verdicts as COCO annotations")
    parser.add_argument("--template", metavar="PATH", help="defect-free template: a file, a folder, or a pattern")
    parser.add_argument("--variant", default="", metavar="NAME", help="variant of the product that all images show")
    parser.add_argument("--threads", type=positive, metavar="N", help="processors to use; by default all it may use")
    parser.add_argument(
        "--precision", choices=("fp32", "int8"), default="fp32", help="which of the bundle's models; fp32 if not given"
    )
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
    """Score the images; the exit code is 1 if an outcome of ``--fail-on`` occurred.

    Raises:
        SightlineError: It could not be done; of what was not found or could not be written, once all else was scored.
    """
    from sightline.runtime import Inspector, score_images
    from sightline.runtime.threads import default_threads

    _check_outputs(arguments)
    missing: list[str] = []
    paths, total = images.collect(arguments.images, missing)
    if arguments.overlay is not None:
        _check_overlays(arguments.overlay, arguments.images, paths if total is not None else ())
    # Several images at once, each on one thread: no processor waits for another in the middle of an image.
    inspector = Inspector.open(
        arguments.bundle, threads=1, self_test=arguments.self_test, precision=arguments.precision
    )
    shots = shots_of(paths, inspector, arguments.template, arguments.variant)
    counts: Counter[str] = Counter()
    start = time.perf_counter()
    with _open_lines(arguments.output) as lines:
        outputs = _outputs(inspector, lines, arguments)
        answers = score_images(inspector, shots, at_once=arguments.threads or default_threads())
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
    if missing:
        raise DataError(f"found no image in {images.some(missing)}", hint=images.hint())
    return int(any(counts[outcome] for outcome in arguments.fail_on))


def shots_of(paths: Iterable[str], inspector: Inspector, template: str | None, variant: str) -> Iterable[Shot]:
    """Each image with what belongs to it.

    Args:
        paths: Of the images.
        inspector: Whose bundle says whether there are templates.
        template: The argument of ``--template``.
        variant: The argument of ``--variant``.

    Raises:
        DataError: The bundle needs no such template or variant, both are given, or the template cannot be found by any
            frame.
    """
    from sightline.runtime import Shot
    from sightline.runtime.pairing import Pairing

    known = inspector.manifest.templates
    if template and variant:
        raise DataError(
            "--template and --variant: expected one of the two, for a frame is compared with one template",
            hint="Leave out --variant to take the templates of --template, or --template to take the bundle's.",
        )
    if known is None and (template or variant):
        option = "--template" if template else "--variant"
        raise DataError(f"{option}: {inspector.bundle} compares frames with nothing", hint="Leave the option out.")
    if known is not None and variant and variant not in known.variants:
        held = ", ".join(known.variants)
        raise DataError(
            f"--variant {variant}: expected " + (f"one of {held}" if held else "none: the bundle holds no templates"),
            hint=did_you_mean(variant, known.variants) if held else "Give each frame its template with --template.",
        )
    if known is not None and not known.variants and not template:
        print("note: the bundle holds no templates, and no frame is inspected without: see --template", file=sys.stderr)
    pairing = Pairing(template, bits=inspector.manifest.input.bits) if template else None
    return (Shot(path, pairing, variant) for path in paths)


def _outputs(inspector: Inspector, lines: Lines, arguments: argparse.Namespace) -> Outputs:
    from sightline.runtime.outputs import Outputs

    only = arguments.images[0] if len(arguments.images) == 1 else ""
    return Outputs(
        inspector,
        lines,
        form=arguments.format,
        overlays=arguments.overlay,
        report=arguments.report,
        coco=arguments.coco,
        root=Path(only) if images.is_folder(only) else None,
    )


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


def _check_outputs(arguments: argparse.Namespace) -> None:
    """Refuses places where what is written would spoil the bundle, the images or itself.

    Raises:
        DataError: There is such a place.
    """
    named = {
        "-o": arguments.output,
        "--report": arguments.report,
        "--coco": arguments.coco,
        "--overlay": arguments.overlay,
    }
    real = {option: _real(path) for option, path in named.items() if path is not None}
    if arguments.output is None and sys.stdout is None:
        raise DataError("standard output is closed", hint="Write the verdicts to a file, with -o.")
    bundle = _real(arguments.bundle)
    for option, place in real.items():
        if bundle in (place, *place.parents):
            raise DataError(
                f"{option} {named[option]}: expected a place outside the bundle, whose files must not change"
            )
    for one, other in itertools.combinations(real, 2):
        if real[one] == real[other]:
            raise DataError(f"{one} and {other} are the same place: {named[one]}")
    kinds = {"-o": places.VERDICTS[arguments.format], "--report": places.REPORT, "--coco": places.PREDICTIONS}
    for option, kind in kinds.items():
        if (path := named[option]) is not None:
            places.check(option, path, kind, device=option == "-o")


def _check_overlays(folder: Path, named: Sequence[str], found: Iterable[str]) -> None:
    """Refuses a folder for overlays where the same command would take them for images the next time.

    Args:
        folder: For the overlays.
        named: Arguments that stand for images.
        found: The images that they stand for, as far as they are known.

    Raises:
        DataError: It lies in a folder that is searched, or holds images that a pattern stands for.
    """
    real = _real(folder)
    searched = {_real(Path(name)) for name in named if images.is_folder(name)}
    holding = {_real(parent) for parent in {Path(path).parent for path in set(found).difference(named)}}
    if real in holding or not searched.isdisjoint((real, *real.parents)):
        raise DataError(
            f"--overlay {folder}: the overlays would be scored as images the next time",
            hint="Name a folder outside of those that hold the images.",
        )


def _real(path: Path) -> Path:
    """The place that a path means, with links followed and, on Windows, in small letters."""
    return Path(os.path.normcase(os.path.realpath(path)))


@contextmanager
def _open_lines(output: Path | None) -> Iterator[Lines]:
    from sightline.runtime.results import Lines

    if output is None:
        yield Lines(sys.stdout.buffer, "standard output")
        return
    with _locked(output), Lines.create(output) as lines:
        yield lines


@contextmanager
def _locked(output: Path) -> Iterator[None]:
    """Keeps other processes from writing verdicts to the same file at the same time; a pipe or device is anybody's.

    The lock is a file of its own beside it: on Windows nobody could read the verdicts while they are locked themselves.

    Raises:
        DataError: Another one is at it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    if output.exists() and not output.is_file():
        yield
        return
    real = _real(output)
    beside = real.with_name(f".{real.name}.lock")
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(beside)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DataError(
            f"-o {output}: another process is writing its verdicts there", hint="Wait for it, or name another file."
        ) from error
    except OSError as error:
        raise DataError(f"{output}: the results cannot be written ({error.strerror})") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows takes no open file away; there the lock does it itself
            beside.unlink()
        lock.release()


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
