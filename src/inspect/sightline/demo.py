"""The demo: the whole chain on the synthetic product, from no image at all to a report.

    FOLDER/what-is-here.txt     this list
    FOLDER/product-N-S/         synthetic parts to learn from, with masks and truth
    FOLDER/unseen-N-S/          others, which training never sees
    FOLDER/recipe.yaml          what was trained, to be changed and trained again
    FOLDER/runs/                a run folder for each time that the demo ran
    FOLDER/mlflow.db            the experiment, with its pictures and bundles in mlartifacts/ beside it
    FOLDER/verdicts.jsonl       what the bundle said of the unseen parts
    FOLDER/report.html          the same to look at

Nothing is written elsewhere.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sightline import config, synth, workflow
from sightline.config import Recipe
from sightline.files import write_whole
from sightline.index import GOOD
from sightline.runs import Progress
from sightline.runtime import Inspector, score_images
from sightline.runtime.outputs import Outputs
from sightline.runtime.results import Lines
from sightline.runtime.threads import default_threads
from sightline.synth.write import TRUTH
from sightline.tracking.client import look
from sightline.verdict import Outcome
from sightline.workflow import Say

RECIPE = Path(__file__).with_name("demo.yaml")
"""The demo's recipe; its folder of images and its tracking server are filled in."""

COUNT = 600
DEFECTS = ("missing_hole",)
"""The synthetic product has more. A network that starts from random weights learns this one in the time of a demo."""

_GRADES = (("obvious", 0.5), ("clear", 0.1), ("barely visible", 0.0))
"""What a severity from this value upwards is called."""


@dataclass(frozen=True)
class Tally:
    """What became of the unseen parts.

    Attributes:
        counts: (``good``, or how visible the defect is; outcome) -> parts.
    """

    counts: Counter[tuple[str, Outcome]]

    def text(self) -> str:
        """A table: a line for each kind of part, a column for each outcome that occurred."""
        kinds = [GOOD, *(f"{name} defect" for name, _ in _GRADES)]
        outcomes = [outcome for outcome in Outcome if any(self.counts[kind, outcome] for kind in kinds)]
        rows = [["", "parts", *outcomes]]
        for kind in kinds:
            found = [self.counts[kind, outcome] for outcome in outcomes]
            rows.append([kind, str(sum(found)), *map(str, found)])
        return "\n".join(f"  {row[0]:<22}" + "".join(f"{cell:>8}" for cell in row[1:]) for row in rows)


@dataclass(frozen=True)
class Result:
    """Where the demo left what it made.

    Attributes:
        folder: All of it lies in here.
        bundle: The bundle's folder.
        report: The HTML report on the unseen parts.
        experiment: How to look at the run in MLflow; empty if tracking is off.
        tally: What the bundle said of the unseen parts.
    """

    folder: Path
    bundle: Path
    report: Path
    experiment: str
    tally: Tally


def run(
    folder: Path,
    *,
    count: int = COUNT,
    seed: int = 0,
    overrides: Sequence[str] = (),
    progress: Progress,
    say: Say,
) -> Result:
    """Makes parts, trains on them, and lets the bundle inspect parts that it has never seen.

    Run again in the same folder, it uses the images there, adds a run, and replaces recipe, verdicts and report.

    Args:
        folder: Where everything goes; made if it is not there.
        count: Parts to learn from; a fifth as many are inspected.
        seed: Decides the parts and the training.
        overrides: ``key.sub=value``, each replacing a value of the recipe.
        progress: Told the stage, steps done and steps in all.
        say: Told what a person should read.

    Raises:
        ConfigError: An override cannot be used.
        DataError: Something in the folder cannot be written, or there are too few parts to learn from.
    """
    recipe = config.load(RECIPE, [f"seed={seed}", *overrides])
    workflow.claim(folder, (__doc__ or "").splitlines()[2:-2], option="--dir")
    unseen = max(1, count // 5)
    say(f"1 of 5  a product: {count} photographs of a bearing cap; in half of them a hole is too shallow or missing")
    images = _parts(folder / f"product-{count}-{seed}", count, seed, progress, say)
    say(f"        others, which training never sees: {unseen}")
    others = _parts(folder / f"unseen-{unseen}-{seed + 1}", unseen, seed + 1, progress, say)

    say("2 of 5  check and split the images")
    recipe = _placed(recipe, folder, images)
    write_whole(folder / "recipe.yaml", config.dump(recipe).encode())
    run_folder = workflow.start(recipe, folder / "runs", progress=progress, say=say)

    say("3 of 5  train from random weights, track in MLflow, export the bundle")
    bundle = workflow.finish(run_folder, progress=progress, say=say)
    say("4 of 5  measure on the test part, which decided nothing")
    say(workflow.summary(run_folder, bundle))

    say("5 of 5  inspect the unseen parts with the bundle alone, as a PC on the line would")
    report = folder / "report.html"
    tally = _inspect(bundle, others, folder / "verdicts.jsonl", report, progress)
    say(tally.text())
    return Result(folder, bundle, report, look(str(recipe.track.uri)) if recipe.track.enabled else "", tally)


def _parts(folder: Path, count: int, seed: int, progress: Progress, say: Say) -> Path:
    """The folder of a synthetic data set, which is made if it is not there whole."""
    if (folder / TRUTH).exists():
        say(f"        used again: {folder}")
        return folder
    if folder.exists():
        say(f"        made anew, for it is not whole: {folder}")
        shutil.rmtree(folder)
    synth.write(
        folder,
        count=count,
        seed=seed,
        defects=DEFECTS,
        progress=lambda done, total: progress("make parts", done, total),
    )
    return folder


def _placed(recipe: Recipe, folder: Path, images: Path) -> Recipe:
    """The recipe with its images and, unless an override named a server, a tracking database in the demo's folder."""
    data = recipe.data.model_copy(update={"root": images / "images"})
    uri = recipe.track.uri or f"sqlite:///{(folder / 'mlflow.db').as_posix()}"
    track = recipe.track.model_copy(update={"uri": uri})
    return recipe.model_copy(update={"data": data, "track": track})


def _inspect(bundle: Path, parts: Path, lines: Path, report: Path, progress: Progress) -> Tally:
    """Scores synthetic parts as `sightline score` does, and counts the outcomes beside the truth."""
    truth = [json.loads(line) for line in (parts / TRUTH).read_text(encoding="utf-8").splitlines()]
    inspector = Inspector.open(bundle, threads=1, self_test=True)
    counts: Counter[tuple[str, Outcome]] = Counter()
    answers = score_images(inspector, [parts / row["path"] for row in truth], at_once=default_threads())
    with Lines.create(lines) as out, closing(answers):
        outputs = Outputs(inspector, out, report=report)
        for done, (row, inspection) in enumerate(zip(truth, answers, strict=True), start=1):
            outputs.take(inspection)
            counts[_kind(row["labels"], row["severity"]), inspection.verdict.outcome] += 1
            progress("inspect", done, len(truth))
        outputs.finish()
    return Tally(counts)


def _kind(labels: Sequence[str], severity: float) -> str:
    """What the truth calls a part."""
    return f"{next(name for name, floor in _GRADES if severity >= floor)} defect" if labels else GOOD
