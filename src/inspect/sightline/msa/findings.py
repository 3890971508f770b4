"""What a study found: everything that is on the disk, read, checked and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sightline
from sightline.errors import DataError
from sightline.msa.appraisal import Agreement, Appraisal, agreement
from sightline.msa.folder import KEY, RECORD, StudyFolder, now, sha256_of
from sightline.msa.kappa import Kappas, kappas
from sightline.msa.model import ModelRun, model_runs, read_presentations
from sightline.msa.plan import Plan, Reach
from sightline.msa.represented import Presentation, Repeatability, repeatability
from sightline.msa.sheet import fold
from sightline.msa.study import Study, read_study
from sightline.verdict import Outcome

FORMAT = "sightline-msa-report"


@dataclass(frozen=True)
class Repeated:
    """How steady a bundle is.

    Attributes:
        of: The bundle's part in the study.
        presentations: What it answered.
        rows: For each kind of change, and for all together.
    """

    of: ModelRun
    presentations: tuple[Presentation, ...]
    rows: tuple[Repeatability, ...]

    def flipped(self, change: str) -> frozenset[str]:
        """Parts whose verdict was not the same in each presentation under a kind of change."""
        outcomes: dict[str, set[Outcome]] = {}
        for shown in self.presentations:
            if shown.change == change:
                outcomes.setdefault(shown.part, set()).add(shown.outcome)
        return frozenset(part for part, own in outcomes.items() if len(own) > 1)

    @property
    def closest(self) -> dict[str, tuple[str, float]]:
        """For each kind of change the part with the smallest margin, and the margin in spreads."""
        return {row.change: min(row.margins.items(), key=lambda margin: margin[1]) for row in self.rows if row.margins}


@dataclass(frozen=True)
class Findings:
    """The outcome of a study.

    Attributes:
        folder: The study.
        study: All answers, people's and models'.
        people: Names of the people, in the order of their sheets.
        agreement: Of everybody.
        crew: The people together, as if they were one; None of fewer than two.
        kappas: Of everybody.
        models: The bundles that took part.
        hashes: File -> SHA-256 in hex of what was read.
        made: When, in ISO 8601 with the zone.
    """

    folder: StudyFolder
    study: Study
    people: tuple[str, ...]
    agreement: Agreement
    crew: Appraisal | None
    kappas: Kappas
    models: tuple[Repeated, ...]
    hashes: Mapping[str, str]
    made: str

    @property
    def model_names(self) -> tuple[str, ...]:
        """Of the bundles."""
        return tuple(name for name in self.study.appraisers if name not in self.people)

    @property
    def contested(self) -> list[str]:
        """Parts on which people and a model differ: at least half of their answers are NG, and not half of its."""
        if not self.people or not self.models:
            return []
        people = _mostly_rejected(self.study.only(self.people))
        models = [_mostly_rejected(self.study.only((name,))) for name in self.model_names]
        return [
            part
            for number, part in enumerate(self.study.parts)
            if any(model[number] != people[number] for model in models)
        ]

    @property
    def reach(self) -> tuple[Reach, ...]:
        """What so many parts can show at best."""
        return Plan(self.folder.reference, {}).reach()

    @property
    def added(self) -> list[str]:
        """People who filled sheets and were not planned."""
        planned = set(map(fold, self.folder.record.appraisers))
        return [name for name in self.people if fold(name) not in planned]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        record = self.folder.record
        return {
            "format": FORMAT,
            "version": 1,
            "made": self.made,
            "sightline": sightline.__version__,
            "study": record.model_dump(mode="json", include={"made", "sightline", "seed", "trials", "appraisers"})
            | {
                "parts": {part: outcome.value for part, outcome in self.folder.reference.items()},
                "settled_after_planning": self.folder.settled,
                "left_out_after_planning": self.folder.left_out,
                "added_appraisers": self.added,
            },
            "agreement": self.agreement.to_dict(),
            "people": self.crew.to_dict() if self.crew else None,
            "kappas": self.kappas.to_dict(),
            "contested": self.contested,
            "models": [
                one.of.run.model_dump(mode="json", exclude={"format", "version", "parts"})
                | {"repeatability": [row.to_dict() for row in one.rows]}
                for one in self.models
            ],
            "reach": [asdict(one) for one in self.reach],
            "sha256": dict(self.hashes),
        }


def judge(path: Path) -> Findings:
    """Reads a study with all that was answered, and judges it.

    Args:
        path: The study's folder.

    Raises:
        DataError: It is no study, was changed since it was planned, or an answer is missing or no verdict.
    """
    folder = StudyFolder.open(path)
    runs = model_runs(folder)
    sheets = folder.sheets
    if not sheets:
        raise DataError(f"expected the sheets of people in {path}/sheets, found none", hint="Put them back there.")
    study = read_study(folder.key, [*sheets, *(sheet for one in runs for sheet in one.sheets)])
    named = {one.run.appraiser for one in runs}
    people = tuple(name for name in study.appraisers if name not in named)
    _refuse_missing(folder, people)
    return Findings(
        folder=folder,
        study=study,
        people=people,
        agreement=agreement(study),
        crew=agreement(study.only(people)).team if len(people) > 1 else None,
        kappas=kappas(study),
        models=tuple(_repeated(one) for one in runs),
        hashes=_hashes(folder, sheets, runs),
        made=now(),
    )


def _refuse_missing(folder: StudyFolder, people: Sequence[str]) -> None:
    here = set(map(fold, people))
    if missing := [name for name in folder.record.appraisers if fold(name) not in here]:
        raise DataError(
            f"expected the sheets of {', '.join(missing)}, who were planned; found those of {', '.join(people)}",
            hint=f"Put the filled sheets into {folder.path / 'sheets'}, each row with the name that was planned.",
        )


def _repeated(one: ModelRun) -> Repeated:
    presentations, thresholds = read_presentations(one)
    return Repeated(one, tuple(presentations), repeatability(presentations, thresholds))


def _mostly_rejected(study: Study) -> NDArray[np.bool_]:
    """Whether at least half of all answers to each part are NG: bool (P,)."""
    share: NDArray[np.float64] = study.rejected.mean(axis=(0, 1))
    return np.asarray(share >= 0.5)


def _hashes(folder: StudyFolder, sheets: Sequence[Path], runs: Sequence[ModelRun]) -> dict[str, str]:
    files = [folder.path / RECORD, folder.path / KEY, *sheets, *(path for one in runs for path in one.sheets)]
    files += [one.path / "presentations.csv" for one in runs]
    return {file.relative_to(folder.path).as_posix(): sha256_of(file) for file in files}
