"""``sightline why``: why a frame gets its verdict."""

from __future__ import annotations

import argparse
from pathlib import Path

from sightline.cli import images
from sightline.errors import DataError

_DESCRIPTION = """\
Tell in words why each image gets its verdict: its scores beside the thresholds, the defects that count, what was looked
at, by what the thresholds were chosen, and what is guaranteed of them.

  sightline why models/steel-strip-1.0.0 photos/strip-17.png"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``why``."""
    parser = commands.add_parser("why", help="tell why an image gets its verdict", description=_DESCRIPTION)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="files, folders, patterns, or - for a list")
    parser.add_argument("--template", metavar="PATH", help="defect-free template, as for score")
    parser.add_argument("--variant", default="", metavar="NAME", help="variant of the product that all images show")
    parser.add_argument(
        "--precision", choices=("fp32", "int8"), default="fp32", help="which of the bundle's models; fp32 if not given"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sightline.cli.score import shots_of
    from sightline.runtime import Inspector
    from sightline.runtime.why import why

    missing: list[str] = []
    paths, _ = images.collect(arguments.images, missing)
    inspector = Inspector.open(arguments.bundle, precision=arguments.precision)
    for shot in shots_of(paths, inspector, arguments.template, arguments.variant):
        print(why(inspector.examine(shot), inspector.manifest))
    if missing:
        raise DataError(f"found no image in {images.some(missing)}", hint=images.hint())
    return 0
