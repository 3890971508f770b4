"""``sightline data``: index, check, preview and export a data set, or make a synthetic one."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.cli import places

if TYPE_CHECKING:
    from sightline.config import Recipe
    from sightline.dataset.prepare import Prepared
    from sightline.index import Index

_SOURCE = """\
SOURCE is a recipe, or a folder of images: its layout is then told by looking. An override replaces one value of the
recipe, and works for a folder too:
  data.good=[ok, fine]    data.reader.kind=csv    data.split.test=0.3"""

_FILE = f"""\
{_SOURCE}

A file that is there is replaced only if this command made it and does not read it."""

_EXPORT = f"""\
{_FILE}

Images are named from the root of the data set: open the file in CVAT, Label Studio or FiftyOne together with that
folder. A defect that nobody marked becomes a crowd region over its whole image."""

_CHECK = f"""\
{_SOURCE}

The exit code is 1 if the images cannot be trained on."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``data`` with its subcommands."""
    parser = commands.add_parser(
        "data",
        help="index, check, preview or export a data set, or make one",
        description="Index, check, preview or export a data set, or make a synthetic one.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    action = _add(actions, "index", _index, "write the table of images and labels", _FILE)
    _add_source(action)
    action.add_argument("-o", "--output", type=Path, default=Path("index.jsonl"), metavar="FILE", help=_by("the index"))
    text = "say what the images and labels are worth, and how they are divided"
    action = _add(actions, "check", _check, text, _CHECK)
    _add_source(action)
    action.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="write check.html and check.json there too")
    action = _add(actions, "preview", _preview, "draw images as the model will be shown them, augmented too", _FILE)
    _add_source(action)
    action.add_argument("-o", "--output", type=Path, default=Path("preview.png"), metavar="FILE", help=_by("the sheet"))
    action = _add(actions, "export", _export, "write the labels as COCO annotations, for other tools", _EXPORT)
    _add_source(action)
    text = _by("the annotations")
    action.add_argument("-o", "--output", type=Path, default=Path("annotations.json"), metavar="FILE", help=text)
    action = _add(actions, "synth", _synth, "make images of a synthetic product, with labels, masks and boxes")
    action.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    action.add_argument("--count", type=int, default=200, metavar="N", help=_by("how many images"))
    action.add_argument("--seed", type=int, default=0, metavar="S", help=_by("another seed, other images"))
    action.add_argument("--size", type=_size, default="256x256", metavar="HxW", help=_by("height and width in pixels"))
    action.add_argument("--defect-rate", type=float, default=0.5, metavar="R", help=_by("share of defective parts"))
    action.add_argument("--defects", type=_names, default="all", metavar="A,B", help=_by("types of defect, in turns"))
    text = "how visible the defects are, 0 barely to 1 obvious"
    action.add_argument("--severity", type=_range, default="0-1", metavar="LOW-HIGH", help=_by(text))


def _add(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=epilog)
    action.set_defaults(run=run)
    return action


def _add_source(action: argparse.ArgumentParser) -> None:
    action.add_argument("source", type=Path, metavar="SOURCE", help="a recipe, or a folder of images")
    action.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values of the recipe to replace")


def _by(text: str) -> str:
    return f"{text} (default: %(default)s)"


def _size(text: str) -> tuple[int, int]:
    """Height and width from ``HxW``."""
    match = re.fullmatch(r"([0-9]{1,9})x([0-9]{1,9})", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected HEIGHTxWIDTH in pixels, such as 256x256, got {text!r}")
    return int(match[1]), int(match[2])


def _names(text: str) -> tuple[str, ...]:
    """Types of defect from ``a,b``, or all of them."""
    from sightline.synth import CLASSES

    return CLASSES if text == "all" else tuple(name.strip() for name in text.split(","))


def _range(text: str) -> tuple[float, float]:
    """Lowest and highest value from ``LOW-HIGH``."""
    low, _, high = text.partition("-")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected LOW-HIGH, such as 0.3-1, got {text!r}") from error


def _index(arguments: argparse.Namespace) -> int:
    from sightline.dataset import read
    from sightline.dataset.prepare import settled

    places.check("-o", arguments.output, places.INDEX)
    data = settled(_recipe(arguments.source, arguments.overrides).data)
    index = read(data)
    places.check_apart(arguments.output, index, data)
    _portable(index, arguments.output).save(arguments.output)
    counts = ", ".join(f"{label} {count:,}" for label, count in sorted(index.counts().items()))
    print(f"{arguments.output}: {len(index.samples):,} images ({counts})")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    report = _prepared(_recipe(arguments.source, arguments.overrides)).report
    print(report.text())
    if arguments.output is not None:
        report.save(arguments.output)
    return 1 if report.errors else 0


def _preview(arguments: argparse.Namespace) -> int:
    from sightline.dataset.preview import contact_sheet

    places.check("-o", arguments.output, places.SHEET)
    recipe = _recipe(arguments.source, arguments.overrides)
    prepared = _prepared(recipe)
    places.check_apart(arguments.output, prepared.index, prepared.data, recipe.template)
    print(contact_sheet(prepared.index, recipe, arguments.output))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from sightline.cli.progress import Bars
    from sightline.dataset import read
    from sightline.dataset.prepare import settled
    from sightline.dataset.writers import coco

    places.check("-o", arguments.output, places.ANNOTATIONS)
    data = settled(_recipe(arguments.source, arguments.overrides).data)
    index = read(data)
    places.check_apart(arguments.output, index, data)
    with Bars() as progress:
        count = coco.write(index, arguments.output, progress=lambda done, total: progress("export", done, total))
    print(f"{arguments.output}: {len(index.samples):,} images, {count:,} annotations; paths are seen from {index.root}")
    return 0


def _prepared(recipe: Recipe) -> Prepared:
    from sightline.cli.progress import Bars
    from sightline.dataset.prepare import of_recipe

    with Bars() as progress:
        return of_recipe(recipe, progress=progress)


def _synth(arguments: argparse.Namespace) -> int:
    from sightline.cli.progress import Bars
    from sightline.dataset.truth import true_index
    from sightline.index import GOOD
    from sightline.synth import write

    with Bars() as progress:
        write(
            arguments.folder,
            count=arguments.count,
            seed=arguments.seed,
            defect_rate=arguments.defect_rate,
            defects=arguments.defects,
            severity=arguments.severity,
            size=arguments.size,
            progress=lambda done, total: progress("make images", done, total),
        )
    index = true_index(arguments.folder)
    index.save(arguments.folder / "index.jsonl")
    print(f"{arguments.folder}: {len(index.samples):,} images, {index.counts()[GOOD]:,} of them good")
    print(f'look into them with: sightline data check "{arguments.folder}"')
    return 0


def _recipe(source: Path, overrides: list[str]) -> Recipe:
    """The recipe, or for a folder one with its layout and every default.

    Raises:
        ConfigError: A recipe or an override cannot be used.
        DataError: The folder's layout cannot be told.
    """
    from sightline import config
    from sightline.dataset.prepare import settled

    if not source.is_dir():
        return config.load(source, overrides)
    name = re.sub("[^a-z0-9]+", "-", source.resolve().name.lower()).strip("-")[:64]
    recipe = config.build({"name": name or "data", "data": {"root": source}}, overrides)
    data = settled(recipe.data)
    if data is not recipe.data:
        settings = ", ".join(f"{name}={value}" for name, value in data.reader if name != "kind")
        print(f"{source}: read as {data.reader.kind}{f' ({settings})' if settings else ''}", file=sys.stderr)
    return recipe.model_copy(update={"data": data})


def _portable(index: Index, file: Path) -> Index:
    """The index with a root relative to its file if the file lies above the images, so that both can be moved."""
    root, folder = index.root.resolve(), file.parent.resolve()
    return index.model_copy(update={"root": root.relative_to(folder) if root.is_relative_to(folder) else root})
