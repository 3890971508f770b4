"""``sightline promote``: a run's bundle takes the place of the one in use, if it passes the gate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.assurance.promotion import Decision

_DESCRIPTION = """\
Move the alias of the registered model that is in use (champion) to a run's bundle, if it passes the gate in the run's
recipe (track.promote): limits on escapes and overkill on the test part, a guarantee, and not to be worse than the
bundle that has the alias. The comparison goes to the run's artifacts, and the decision to the version's tags.

Exit code 1: it does not pass, and nothing moves."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``promote``."""
    parser = commands.add_parser("promote", help="let a run's bundle take the place in use", description=_DESCRIPTION)
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder, whose bundle is registered")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sightline.assurance.promotion import promote
    from sightline.cli.progress import Bars
    from sightline.runs import RunFolder

    run = RunFolder.open(arguments.run_folder)
    with Bars() as progress:
        decision = promote(run, progress=progress)
    print("\n".join(told(decision)))
    return 0 if decision.passed else 1


def told(decision: Decision) -> list[str]:
    """Each condition with its figures, and what became of the alias."""
    mine, before = f"version {decision.version} of {decision.model}", decision.before
    if before == decision.version:
        return [f"{mine} is {decision.alias} already"]
    lines = [mine + (f", beside version {before}" if before is not None else f"; none is {decision.alias} yet")]
    width = max((len(one.name) for one in decision.conditions), default=0)
    lines += [
        f"  {'passed' if one.holds else 'FAILED'}  {one.name:{width}}  {one.words}" for one in decision.conditions
    ]
    if not decision.conditions:
        lines.append("  nothing is asked (track.promote)")
    if decision.passed:
        return [*lines, f"{decision.alias} is now version {decision.version}"]
    stays = f"stays version {before}" if before is not None else "stays unassigned"
    return [*lines, f"not promoted: {decision.alias} {stays}"]
