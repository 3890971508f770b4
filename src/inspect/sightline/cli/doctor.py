"""``sightline doctor``: what works here, what is missing, and the command that mends it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.doctor import Check

_DESCRIPTION = """\
Look at the installation, the machine and the tracking server.

  ok       works
  warn     works, but deserves a look
  missing  an optional part that is absent
  broken   keeps the edge runtime from working, or is unsafe; the exit code is then 1"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``doctor``."""
    parser = commands.add_parser(
        "doctor", help="say what works here and how to mend the rest", description=_DESCRIPTION
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--deep", action="store_true", help="start torch to see its GPUs (some seconds)")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from sightline.doctor import examine

    checks = examine(deep=arguments.deep)
    works = all(check.state != "broken" for check in checks)
    if arguments.json:
        print(json.dumps({"works": works, "checks": [asdict(check) for check in checks]}, indent=2, ensure_ascii=False))
    else:
        print(_table(checks))
        print("\nThe edge runtime works." if works else "\nSomething needed is broken.")
    return 0 if works else 1


def _table(checks: Sequence[Check]) -> str:
    """The findings in columns under their sections, then each piece of advice once."""
    width = max(len(check.name) for check in checks)
    lines = []
    for section, group in groupby(checks, key=lambda check: check.section):
        lines.append(section)
        lines += [f"  {check.state:<9}{check.name:<{width}}  {check.found}" for check in group]
    advice: dict[str, list[str]] = {}
    for check in checks:
        if check.advice:
            advice.setdefault(check.advice, []).append(check.name)
    if advice:
        lines += ["", "What to do"]
        lines += [f"  {', '.join(names)}: {command}" for command, names in advice.items()]
    return "\n".join(lines)
