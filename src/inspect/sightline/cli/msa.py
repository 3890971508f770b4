"""``sightline msa``: an attribute agreement study, planned, answered by people and the model, and judged."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.cli.score import positive
from sightline.errors import DataError

if TYPE_CHECKING:
    from sightline.msa.findings import Findings

_DESCRIPTION = """\
How well do people and the model inspect? An attribute agreement study after AIAG (Measurement Systems Analysis,
4th edition): the same parts, good and defective, are shown to everybody several times.

  sightline msa plan photos --appraisers anna ben -o study    draw numbers and orders, write the sheets
  sightline msa run models/steel-strip-1.0.0 study            the model fills in its own
  sightline msa report study -o study.html                    judge, once people have filled in theirs"""

_PLAN = """\
Plan a study: STUDY gets the images under numbers, so that no name tells the answer, a sheet for each person and trial
to be filled in, and the key.

Without --reference the folder that an image lies in says what it shows: good and ok (or those of --good) hold good
parts, all others defective ones, and each image is a part. FILE.csv has a row an image: the columns image (its path
below IMAGES) and reference (OK or NG), and a column part where several images show one: they have the same name there.

Take pictures that the model has not learned from, and parts near the limit among them. 50 parts, 3 people and 3 trials
are usual."""

_RUN = """\
Let a bundle take part: it answers each part in each trial, and is shown each part again and again, as the camera would
see it, under each kind of change alone. At magnitude 0 nothing of that kind changes; all at 0 makes all trials equal.
STUDY/models gets the answers, all of them or none."""

_REPORT = """\
Judge a study whose sheets are filled in: one HTML page for screen and print, and the same figures as JSON beside it."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``msa`` with its subcommands."""
    parser = commands.add_parser("msa", help="measure how well people and the model inspect", description=_DESCRIPTION)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_plan(actions)
    _add_run(actions)
    report = actions.add_parser("report", help="judge a study", description=_REPORT)
    report.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    report.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.html", help="the page")
    report.set_defaults(run=_report)


def _add_plan(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plan = actions.add_parser("plan", help="plan a study and write its sheets", description=_PLAN)
    plan.add_argument("images", type=Path, metavar="IMAGES", help="the folder of images")
    kinds = plan.add_mutually_exclusive_group()
    kinds.add_argument("--reference", type=Path, metavar="FILE.csv", help="what each image shows")
    kinds.add_argument("--good", nargs="+", default=(), metavar="FOLDER", help="folders of good parts (good ok)")
    plan.add_argument("--appraisers", nargs="+", required=True, metavar="NAME", help="the people who take part")
    plan.add_argument("--trials", type=positive, default=3, metavar="N", help="times that each looks at each part (3)")
    plan.add_argument("--seed", type=_seed, default=0, metavar="S", help="of numbers and orders (0)")
    plan.add_argument("-o", "--output", type=Path, required=True, metavar="STUDY", help="the study's new folder")
    plan.set_defaults(run=_plan)


def _add_run(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = actions.add_parser("run", help="let a bundle take part in a study", description=_RUN)
    run.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle's folder, or a zip of it")
    run.add_argument("study", type=Path, metavar="STUDY", help="the study's folder")
    run.add_argument("--presentations", type=_several, default=10, metavar="N", help="of each part and kind (10)")
    run.add_argument("--shift", type=float, default=2.0, metavar="PX", help="at most, along each axis (2)")
    run.add_argument("--turn", type=float, default=1.0, metavar="DEGREES", help="at most, to either side (1)")
    run.add_argument("--light", type=float, default=0.1, metavar="SHARE", help="brighter or darker at most (0.1)")
    run.add_argument("--noise", type=float, default=2.0, metavar="SIGMA", help="in grey levels of 8 bits (2)")
    run.add_argument("--seed", type=_seed, default=0, metavar="S", help="of the changes (0)")
    run.add_argument("--threads", type=positive, metavar="N", help="processors to use; by default all it may use")
    run.set_defaults(run=_run)


def _plan(arguments: argparse.Namespace) -> int:
    from sightline.msa.folder import IMAGES, KEY, SHEETS, make_study
    from sightline.msa.parts import from_folders, from_table

    left: list[str] = []
    if arguments.reference is not None:
        parts, left = from_table(arguments.images, arguments.reference)
    else:
        parts = from_folders(arguments.images, arguments.good)
    folder: Path = arguments.output
    if folder.resolve().is_relative_to(arguments.images.resolve()):
        raise DataError(
            f"-o {folder}: the copies there would be taken for parts the next time", hint="Name one outside."
        )
    plan, warnings = make_study(parts, arguments.appraisers, arguments.trials, seed=arguments.seed, folder=folder)
    if left:
        print(f"note: {len(left):,} images of {arguments.images} are not in {arguments.reference}, and left out")
    for warning in warnings:
        print(f"warning: {warning}")
    people, trials, total = len(plan.sheets), arguments.trials, len(plan.reference)
    print(f"{total} parts, {people} people, {trials} trials: {total * people * trials:,} answers")
    for one in plan.reach():
        print(f"  {one}")
    print(f"\nimages  {folder / IMAGES}: for the people\nsheets  {folder / SHEETS}: to be filled in, OK or NG")
    print(f"key     {folder / KEY}: not for the people")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from sightline.cli.progress import Bars
    from sightline.msa.folder import StudyFolder
    from sightline.msa.model import PRESENTATIONS, take_part
    from sightline.msa.present import Changes
    from sightline.runtime.threads import default_threads

    changes = Changes(arguments.shift, arguments.turn, arguments.light, arguments.noise)
    study = StudyFolder.open(arguments.study)
    with Bars() as progress:
        made = take_part(
            arguments.bundle,
            study,
            changes=changes,
            presentations=arguments.presentations,
            seed=arguments.seed,
            threads=arguments.threads or default_threads(),
            progress=progress,
        )
    parts, kinds = len(study.reference), len(changes.kinds)
    looks = parts * (study.record.trials + kinds * made.run.presentations)
    print(f"{made.run.appraiser} {made.run.digest[:12]}: {looks:,} presentations of {parts} parts")
    print(f"sheets         {made.path}\npresentations  {made.path / PRESENTATIONS}")
    return 0


def _report(arguments: argparse.Namespace) -> int:
    from sightline.cli import places
    from sightline.msa.findings import FORMAT, judge
    from sightline.msa.report import write_report

    path: Path = arguments.output
    places.check("-o", path, places.Kind("a report of a study", (".html", ".htm"), FORMAT.encode(), first=False))
    beside = places.Kind("the figures of a study", (".json",), b'{\n  "format": "' + FORMAT.encode())
    places.check("-o, beside it:", path.with_suffix(".json"), beside)
    findings = judge(arguments.study)
    figures = write_report(findings, path)
    print(f"{_told(findings)}\n\nreport   {path}\nfigures  {figures}")
    return 0


def _told(findings: Findings) -> str:
    """The verdict, and a line for each appraiser."""
    from sightline.msa import words

    width = max(map(len, findings.study.appraisers))
    lines = [words.headline(findings), "", f"{'':{width}}  effective   missed  false alarms"]
    for one in findings.agreement.appraisers:
        rates = [words.percent(rate.value) for rate in one.rates.values()]
        lines.append(f"{one.name:{width}}  {rates[0]:>9}{rates[1]:>9}{rates[2]:>14}  {one.grade}")
    return "\n".join([*lines, *(f"\n{words.steadiness(model)}" for model in findings.models)])


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text!r}")
    return int(text)


def _several(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number from 2, got {text!r}")
    return int(text)
