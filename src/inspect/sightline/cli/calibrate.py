"""``sightline calibrate``: thresholds for a bundle, chosen by what must not happen, with proof."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.cli import images
from sightline.errors import ConfigError

if TYPE_CHECKING:
    from sightline.export.assured import Assured, Wish
    from sightline.risk import Costs, Figure, Outlook

_DESCRIPTION = """\
Choose a bundle's thresholds by what must not happen, on labelled images that taught it nothing, and write it as a new
version. What is guaranteed holds for parts like these, whatever their scores look like; where they do not suffice,
nothing is written, and it is said how many more are needed.

  sightline calibrate BUNDLE --index runs/NAME/index.jsonl --max-escape 0.5%
  sightline calibrate BUNDLE --index photos --max-escape 1% --review-budget 3% --defect-rate 2%
  sightline calibrate BUNDLE --index photos --costs escape=50,scrap=2,parts=8000 --defect-rate 2%

Of an index the calibrate part decides, and the test part measures; of a folder all images decide. With costs alone the
thresholds are those of least expected cost, and nothing is guaranteed. OK is the answer
below the first threshold, NG from the second, and REVIEW between them, where a person looks."""

_COSTS = ("escape", "scrap", "review", "parts")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``calibrate``."""
    parser = commands.add_parser(
        "calibrate", help="choose a bundle's thresholds, with a guarantee", description=_DESCRIPTION
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    text = "labelled images: a run's index.jsonl, or a folder; then KEY=VALUE of data, such as data.good=[ok]"
    parser.add_argument("--index", type=Path, required=True, metavar="FILE", help=text)
    text = "largest share of photographs of defective parts that may pass, such as 0.5%%"
    parser.add_argument("--max-escape", type=share, metavar="SHARE", help=text)
    parser.add_argument("--confidence", type=share, default=0.95, metavar="SHARE", help="of what is guaranteed (95%%)")
    text = "largest share of good parts that may be rejected"
    parser.add_argument("--max-overkill", type=share, metavar="SHARE", help=text)
    text = "largest share of all parts that may go to a person; needs --defect-rate"
    parser.add_argument("--review-budget", type=share, metavar="SHARE", help=text)
    parser.add_argument("--defect-rate", type=share, metavar="SHARE", help="share of defective parts on the line")
    parser.add_argument("--per-type", action="store_true", help="keep the escape rate for each type of defect alone")
    text = "what errors cost, as escape=50,scrap=2,parts=8000 and, where people look, review=0.5; needs --defect-rate"
    parser.add_argument("--costs", metavar="LIST", help=text)
    parser.add_argument("--version", metavar="X.Y.Z", help="of the new bundle; the next patch if not given")
    text = "where the new bundle's folder goes; beside the bundle if not given"
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help=text)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="values of data to replace")
    parser.set_defaults(run=_run)


def share(text: str) -> float:
    """A share between 0 and 1, written as 0.005 or 0.5%."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if number != text.strip() else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, such as 0.005 or 0.5%, got {text}")
    return value


def _run(arguments: argparse.Namespace) -> int:
    from sightline.assurance.rewrite import measured, next_version, rewritten, thresholds_for
    from sightline.cli.progress import Bars
    from sightline.index import Split
    from sightline.labelled import answered

    wish, data = _wish(arguments), images.labelled(arguments.index, arguments.overrides)
    saved = arguments.index.is_file()
    part = Split.CALIBRATE if saved else None
    with Bars() as progress:
        found = answered(arguments.bundle, data, part=part, progress=progress, say=lambda _: None)
        made, agreement = thresholds_for(found, wish)
        test = measured(found, made, data, progress=progress) if saved else None
    folder = arguments.output or arguments.bundle.absolute().parent
    version = arguments.version or next_version(found.manifest.version)
    written = rewritten(found, made, agreement, test, folder, version=version)
    print("\n".join([*told(made), "", f"bundle  {written}"]))
    return 0


def _wish(arguments: argparse.Namespace) -> Wish:
    from sightline.export.assured import Wish
    from sightline.risk import Aims

    costs, rate = _costs(arguments), arguments.defect_rate
    if arguments.max_escape is None:
        only = {"--max-overkill": arguments.max_overkill, "--review-budget": arguments.review_budget}
        if idle := [option for option, value in only.items() if value is not None]:
            raise ConfigError(f"{' and '.join(idle)}: expected --max-escape beside, which is what is kept first")
        if costs is None:
            raise ConfigError("expected --max-escape or --costs to choose thresholds by, got neither")
        return Wish(costs=costs)
    aims = Aims(arguments.max_escape, arguments.confidence, arguments.max_overkill, arguments.review_budget, rate)
    return Wish(aims, costs, arguments.per_type)


def _costs(arguments: argparse.Namespace) -> Costs | None:
    from sightline.risk import Costs

    if arguments.costs is None:
        return None
    hint = "Write them as escape=50,scrap=2,parts=8000, and review=0.5 where people look."
    try:
        pairs = (one.split("=") for one in arguments.costs.split(","))
        given = {name.strip(): float(value) for name, value in pairs}
    except ValueError:
        told = f"--costs: expected NAME=NUMBER, divided by commas, got {arguments.costs}"
        raise ConfigError(told, hint=hint) from None
    if unknown := sorted(given.keys() - set(_COSTS)):
        raise ConfigError(f"--costs: expected {', '.join(_COSTS)}, got {', '.join(unknown)}", hint=hint)
    if lacking := [name for name in ("escape", "scrap", "parts") if name not in given]:
        raise ConfigError(f"--costs: lacks {' and '.join(lacking)}", hint=hint)
    if arguments.defect_rate is None:
        raise ConfigError("--costs: what is expected hangs on --defect-rate, which is not given")
    return Costs(given["escape"], given["scrap"], given["parts"], arguments.defect_rate, given.get("review"))


def told(made: Assured) -> list[str]:
    """What was chosen and what comes of it, in lines."""
    from sightline.verdict import ANY_DEFECT

    lines = [f"{'score of':24} REVIEW from   NG from"]
    for key, limit in made.policy.thresholds.items():
        lines.append(f"{'any defect' if key == ANY_DEFECT else key:24} {limit.review:11.6f} {limit.ng:9.6f}")
    lines += ["", *(f"guaranteed: {one.words}" for one in made.policy.guarantees)]
    if made.choice is None:
        lines.append("guaranteed: nothing; --max-escape asks for a proof")
    else:
        lines += [f"note: {remark}" for remark in made.choice.remarks]
    if made.outlook is not None and made.outlook_today is not None:
        lines += ["", "to be expected (95 %), beside the thresholds of before:"]
        lines += _expected(made.outlook, made.outlook_today)
    if made.saving is not None:
        saved = made.saving
        beyond = f"REVIEW from {saved.limits.review:.6g} and NG from {saved.limits.ng:.6g}"
        lines.append(f"\nleast cost: {saved.cost:,.2f} a day with {beyond}; {saved.cost_today:,.2f} as it was before")
        lines.append(f"  saved a day {_figure(saved.money, ',.2f')}")
        lines.append(f"  good parts less scrapped a day {_figure(saved.scrap, ',.1f')}")
    return lines


def _expected(after: Outlook, before: Outlook) -> list[str]:
    return [
        f"  {name:9} {_figure(getattr(after, name), '.4f'):28} before {_figure(getattr(before, name), '.4f')}"
        for name in ("escape", "overkill", "review")
    ]


def _figure(figure: Figure, how: str) -> str:
    return f"{figure.value:{how}} ({figure.low:{how}} to {figure.high:{how}})"
