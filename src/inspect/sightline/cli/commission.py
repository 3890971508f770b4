"""``sightline commission``: from a folder of good parts to a bundle and a report."""

from __future__ import annotations

import argparse
from pathlib import Path

_DESCRIPTION = """\
Learn a new product from images of good parts alone: check them, learn, calibrate, export the bundle, and report what
the model looks at, how many good parts it would reject, and how fast it is here. No recipe is needed: the one that was
used is written, to be changed and trained again.

FOLDER holds good parts, in whatever folders. Where one of its folders is called good (or ok), the others are taken for
known defects: nothing is learned from them, and they tell how many would escape."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``commission``."""
    parser = commands.add_parser(
        "commission", help="learn a new product from good parts alone", description=_DESCRIPTION
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="images of good parts")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values of the recipe to replace")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where everything goes")
    parser.add_argument("--backbone", default="resnet18", metavar="NAME", help="torchvision's name (resnet18)")
    text = "its weights: torchvision's name of them (DEFAULT), or a file"
    parser.add_argument("--weights", default="DEFAULT", metavar="FILE", help=text)
    parser.add_argument("--size", type=int, default=256, metavar="PX", help="side of the model's input (256)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sightline import commission
    from sightline.cli.progress import Bars

    asked = commission.Asked(
        arguments.folder, arguments.backbone, arguments.weights, arguments.size, arguments.overrides
    )
    with Bars() as progress:
        made = commission.run(asked, arguments.output, progress=progress, say=print)
    print(f"\ncommissioned in {made.seconds:.0f} s")
    print(f"report  {made.report}\nbundle  {made.bundle}\nrecipe  {made.recipe}")
    if made.experiment:
        print(f"MLflow  {made.experiment}")
    return 0
