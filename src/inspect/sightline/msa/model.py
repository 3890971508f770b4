"""The model as an appraiser: its sheets, and what it answers when each part is presented again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import sightline
from sightline.bundle import Bundle, Manifest
from sightline.errors import BundleError, DataError
from sightline.msa.answers import Answers, ask_about, deciding, thresholds_of
from sightline.msa.folder import MODELS, Document, StudyFolder, new_folder, now, read_document, sha256_of
from sightline.msa.plan import Look, make_plan, write_sheet
from sightline.msa.present import Changes
from sightline.msa.represented import Presentation
from sightline.msa.sheet import PART, VERDICT, fold, outcome_of, read_table, write_table
from sightline.runtime import Inspector
from sightline.runtime.score import map_ahead

RUN, PRESENTATIONS = "run.json", "presentations.csv"
_CHANGE, _NUMBER, _DECIDES, _SCORE = "change", "number", "decides", "score"

Progress = Callable[[str, int, int], None]
"""Told the stage, steps done and steps in all."""


class Run(Document):
    """How a bundle took part.

    Attributes:
        made: When, in ISO 8601 with the zone.
        sightline: The version that ran it.
        onnxruntime: The version that ran the model.
        appraiser: What the model is called in the study: name and version of the bundle.
        digest: Of the bundle, SHA-256 in hex.
        product: That the bundle is for.
        seed: Of the changes.
        presentations: Of each part under each kind of change.
        changes: How much each presentation may change the frame (`Changes`).
        thresholds: Defect type, or ``*`` for the defect score, -> scores at which the verdict changes.
        parts: That were presented.
        files: Name -> SHA-256 in hex of every other file in the folder.
    """

    format: Literal["sightline-msa-run"] = "sightline-msa-run"
    version: Literal[1] = 1
    made: str
    sightline: str
    onnxruntime: str
    appraiser: str
    digest: str
    product: str
    seed: int
    presentations: int
    changes: dict[str, float]
    thresholds: dict[str, tuple[float, ...]]
    parts: tuple[str, ...]
    files: dict[str, str]


@dataclass(frozen=True)
class ModelRun:
    """A bundle that took part.

    Attributes:
        path: Its folder in the study.
        run: How it did.
    """

    path: Path
    run: Run

    @property
    def sheets(self) -> list[Path]:
        """Its sheets."""
        return sorted(self.path / name for name in self.run.files if name != PRESENTATIONS)


def take_part(
    bundle: Path,
    study: StudyFolder,
    *,
    changes: Changes,
    presentations: int,
    seed: int,
    threads: int,
    progress: Progress,
) -> ModelRun:
    """Presents every part to a bundle and writes what it answered into the study's folder, all of it or nothing.

    In each trial a part is presented with all changes together, drawn anew: the model would else repeat itself to the
    bit. A part of several images is answered with the gravest verdict of any.

    Args:
        bundle: The bundle's folder, or a zip of it.
        study: That it takes part in.
        changes: How much each presentation may change the frame.
        presentations: Of each part under each kind of change alone, at least 2.
        seed: The same seed, images and versions give the same answers.
        threads: Parts at work at the same time.
        progress: Told the stage, parts done and parts in all.

    Raises:
        BundleError: The bundle is damaged, or needs more than a frame.
        DataError: It took part already, a person has its name, or the folder cannot be written.
        ImageError: An image does not have the bits that the bundle expects.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    _refuse_templates(manifest, bundle)
    name = f"{manifest.name} {manifest.version}"
    if fold(name) in map(fold, study.record.appraisers):
        raise DataError(f"expected a name for each appraiser, and {name!r} is a person in this study")
    inspector = Inspector(opened, threads=1)
    (looks,) = make_plan(study.reference, [name], study.record.trials, seed=seed).sheets.values()
    with new_folder(study.path / MODELS / name.replace(" ", "-")) as folder:
        ask = partial(ask_about, inspector, study, changes, presentations, seed)
        answers: dict[str, Answers] = {}
        with closing(map_ahead(ask, study.reference, threads=threads, ahead=2 * threads)) as asked:
            for part, answer in zip(study.reference, asked, strict=True):
                answers[part] = answer
                progress("present", len(answers), len(study.reference))
        _write_sheets(folder, name, looks, answers)
        thresholds = thresholds_of(manifest)
        _write_presentations(folder / PRESENTATIONS, answers, thresholds)
        run = Run(
            made=now(),
            sightline=sightline.__version__,
            onnxruntime=version("onnxruntime"),
            appraiser=name,
            digest=opened.digest,
            product=manifest.product,
            seed=seed,
            presentations=presentations,
            changes=asdict(changes),
            thresholds=thresholds,
            parts=tuple(study.reference),
            files={file.name: sha256_of(file) for file in sorted(folder.iterdir())},
        )
        (folder / RUN).write_text(run.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return ModelRun(study.path / MODELS / name.replace(" ", "-"), run)


def model_runs(study: StudyFolder) -> list[ModelRun]:
    """The bundles that took part.

    Raises:
        DataError: A file is not as it was written, or they were shown other parts than the key holds now.
    """
    runs = []
    for file in sorted((study.path / MODELS).glob(f"*/{RUN}")):
        run = read_document(Run, file)
        for name, sha256 in run.files.items():
            if sha256_of(file.parent / name) != sha256:
                raise DataError(
                    f"{file.parent / name} was changed since the model answered",
                    hint=f"Remove {file.parent} and run the bundle again.",
                )
        if run.parts != tuple(study.reference):
            raise DataError(
                f"{file.parent}: the model was shown {len(run.parts)} parts, not the {len(study.reference)} of the key",
                hint="Remove this folder and run the bundle again.",
            )
        runs.append(ModelRun(file.parent, run))
    return runs


def read_presentations(one: ModelRun) -> tuple[list[Presentation], dict[str, tuple[float, ...]]]:
    """The presentations of a run, and for each part the thresholds of the score that decides on it.

    Raises:
        DataError: The file cannot be read.
    """
    presentations, thresholds = [], {}
    for where, row in read_table(one.path / PRESENTATIONS, (PART, _CHANGE, VERDICT, _DECIDES, _SCORE)):
        score = float(row[_SCORE]) if row[_SCORE] else None
        presentations.append(Presentation(row[PART], row[_CHANGE], outcome_of(row[VERDICT], where), score))
        thresholds[row[PART]] = one.run.thresholds[row[_DECIDES]]
    return presentations, thresholds


def _refuse_templates(manifest: Manifest, bundle: Path) -> None:
    """Refuses a bundle to which a frame alone does not say enough."""
    templates = manifest.templates
    if templates is None or len(templates.variants) == 1 or (templates.variants and templates.choose == "match"):
        return
    needs = "the name of its variant" if templates.variants else "its template"
    raise BundleError(
        f"{bundle}: expected a bundle that inspects a frame alone, but this one needs {needs} with each",
        hint="A study holds images alone: use a bundle that holds its template.",
    )


def _write_sheets(folder: Path, name: str, looks: Sequence[Look], answers: Mapping[str, Answers]) -> None:
    for trial in sorted({look.trial for look in looks}):
        own = [look for look in looks if look.trial == trial]
        verdicts = [answers[look.part].trials[trial - 1].outcome for look in own]
        write_sheet(folder / f"trial-{trial}.csv", name, own, verdicts)


def _write_presentations(path: Path, answers: Mapping[str, Answers], thresholds: Mapping[str, Sequence[float]]) -> None:
    rows = []
    for part, own in answers.items():
        decides = deciding((one for shown in own.presented.values() for one in shown), thresholds)
        for kind, shown in own.presented.items():
            rows += [
                (part, kind, number, one.outcome.value, decides, one.scores.get(decides, ""))
                for number, one in enumerate(shown, start=1)
            ]
    write_table(path, (PART, _CHANGE, _NUMBER, VERDICT, _DECIDES, _SCORE), rows)
