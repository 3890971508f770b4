"""Reads what appraisers answered, and refuses what is not a whole study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError, did_you_mean
from sightline.msa.plan import check_reference
from sightline.msa.sheet import APPRAISER, PART, REFERENCE, TRIAL, VERDICT, fold, outcome_of, read_table
from sightline.verdict import Outcome

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Study:
    """Every appraiser's answer on every part in every trial.

    Attributes:
        parts: Names of the P parts.
        defective: bool (P,): what the reference says.
        appraisers: Names of the A appraisers.
        rejected: bool (A, T, P): whether the part was answered NG, or with what counts as that.
        undecided: For appraisers who gave other answers than OK and NG how many of each.
    """

    parts: tuple[str, ...]
    defective: NDArray[np.bool_]
    appraisers: tuple[str, ...]
    rejected: NDArray[np.bool_]
    undecided: Mapping[str, Mapping[Outcome, int]] = field(default_factory=dict)

    def only(self, appraisers: Sequence[str]) -> Study:
        """The same study with some of the appraisers: people without the model, say.

        Raises:
            DataError: One of them is not in the study.
        """
        for name in appraisers:
            if name not in self.appraisers:
                raise DataError(
                    f"expected an appraiser of the study ({', '.join(self.appraisers)}), got {name!r}",
                    hint=did_you_mean(name, self.appraisers),
                )
        rejected = self.rejected[[self.appraisers.index(name) for name in appraisers]]
        undecided = {name: self.undecided[name] for name in appraisers if name in self.undecided}
        return Study(self.parts, self.defective, tuple(appraisers), rejected, undecided)


@dataclass(frozen=True)
class _Answer:
    appraiser: str
    trial: int
    part: str
    outcome: Outcome
    where: str


def read_key(path: Path) -> dict[str, Outcome]:
    """The reference of each part.

    Raises:
        DataError: It cannot be read, a part is there twice or is neither OK nor NG, or the parts are not of both kinds.
    """
    key: dict[str, Outcome] = {}
    seen: dict[str, str] = {}
    for where, row in read_table(path, (PART, REFERENCE)):
        part = row[PART]
        if not part:
            raise DataError(f"{where}: expected the name of a part, the cell is empty")
        if fold(part) in seen:
            raise DataError(
                f"{where}: the part {part!r} stands there already, {seen[fold(part)]}", hint="Remove one of the rows."
            )
        seen[fold(part)] = where
        key[part] = outcome_of(row[REFERENCE], where)
    check_reference(key, path)
    return key


def read_study(key: Path, sheets: Sequence[Path], *, review: Outcome = Outcome.NG) -> Study:
    """Reads the sheets of all appraisers, people's and the model's, in any number of files.

    AIAG knows two answers, the model four. NOT_INSPECTED counts as NG, for nothing leaves the station that was not
    inspected. REVIEW does too, unless told otherwise: the part was not passed, so it is no miss if it is defective, and
    it cost a second look if it is good. How many there were is kept.

    Args:
        key: CSV with the columns part and reference.
        sheets: CSV with the columns appraiser, trial, part and verdict; others do not matter.
        review: What the answer REVIEW counts as: NG, or OK to see what was rejected outright.

    Raises:
        DataError: A file cannot be read, a part or verdict is unknown, a part is there twice or not at all in a trial,
            or an appraiser has fewer trials than another.
    """
    if review not in (Outcome.NG, Outcome.OK):
        raise DataError(f"expected that REVIEW counts as NG or OK, got {review.value}")
    reference = read_key(key)
    answers = _answers(sheets, {fold(part): part for part in reference}, key)
    names = tuple(dict.fromkeys(appraiser for appraiser, _, _ in answers))
    trials = max(trial for _, trial, _ in answers)
    for name in names:
        _check_whole(name, answers, reference, trials)
    counted = {Outcome.OK: False, Outcome.NG: True, Outcome.NOT_INSPECTED: True, Outcome.REVIEW: review is Outcome.NG}
    rejected = np.array(
        [
            [[counted[answers[name, trial, part].outcome] for part in reference] for trial in range(1, trials + 1)]
            for name in names
        ]
    )
    defective = np.array([outcome is Outcome.NG for outcome in reference.values()])
    return Study(tuple(reference), defective, names, rejected, _undecided(answers))


def _answers(sheets: Sequence[Path], parts: Mapping[str, str], key: Path) -> dict[tuple[str, int, str], _Answer]:
    """All answers by appraiser, trial and part; an appraiser's name is as it was first written."""
    names: dict[str, str] = {}
    answers: dict[tuple[str, int, str], _Answer] = {}
    for sheet in sheets:
        for answer in _read_sheet(sheet, parts, key):
            name = names.setdefault(fold(answer.appraiser), answer.appraiser)
            earlier = answers.setdefault((name, answer.trial, answer.part), answer)
            if earlier is not answer:
                raise DataError(
                    f"{answer.where}: {name} answered on part {answer.part!r} in trial {answer.trial} already, "
                    f"{earlier.where}",
                    hint="Remove one of the rows, or mend the trial or the part; hand in each file once.",
                )
    if not answers:
        raise DataError("expected at least one filled sheet, got none", hint="Name the CSV files of all appraisers.")
    return answers


def _read_sheet(sheet: Path, parts: Mapping[str, str], key: Path) -> Iterator[_Answer]:
    for where, row in read_table(sheet, (APPRAISER, TRIAL, PART, VERDICT)):
        if not row[APPRAISER]:
            raise DataError(f"{where}: expected the name of the appraiser, the cell is empty")
        if fold(row[PART]) not in parts:
            raise DataError(
                f"{where}: expected a part of {key}, got {row[PART]!r}",
                hint=did_you_mean(row[PART], parts.values()) or "Mend the name, or add the part with its reference.",
            )
        outcome = outcome_of(row[VERDICT], where)
        yield _Answer(row[APPRAISER], _trial(row[TRIAL], where), parts[fold(row[PART])], outcome, where)


def _trial(cell: str, where: str) -> int:
    number = int(cell) if cell.isdecimal() and len(cell) < 5 else 0
    if not number:
        raise DataError(f"{where}: expected the number of the trial, from 1, got {cell!r}")
    return number


def _check_whole(
    name: str, answers: Mapping[tuple[str, int, str], _Answer], parts: Mapping[str, Outcome], trials: int
) -> None:
    """Refuses an appraiser without an answer on every part in every trial."""
    own = {trial for appraiser, trial, _ in answers if appraiser == name}
    for trial in range(1, trials + 1):
        if trial not in own:
            most = next(appraiser for appraiser, number, _ in answers if number == trials)
            other = f"{most} has {trials}" if most != name else f"there is a trial {trials}"
            raise DataError(
                f"{name}: expected {trials} trials, for {other}; trial {trial} is missing",
                hint="Hand in the missing sheet, or the same number of trials for everybody.",
            )
        missing = [part for part in parts if (name, trial, part) not in answers]
        if missing:
            some = ", ".join(missing[:_SHOWN]) + (f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "")
            where = next(
                answer.where
                for (appraiser, number, _), answer in answers.items()
                if (appraiser, number) == (name, trial)
            )
            raise DataError(
                f"{name}, trial {trial} (from {where}): expected an answer on each of the {len(parts)} parts, "
                f"{len(missing)} are missing: {some}",
                hint="Have them looked at, or leave the parts out of the key and of every sheet.",
            )


def _undecided(answers: Mapping[tuple[str, int, str], _Answer]) -> dict[str, dict[Outcome, int]]:
    undecided: dict[str, dict[Outcome, int]] = {}
    for (name, _, _), answer in answers.items():
        if answer.outcome in (Outcome.REVIEW, Outcome.NOT_INSPECTED):
            counts = undecided.setdefault(name, {})
            counts[answer.outcome] = counts.get(answer.outcome, 0) + 1
    return undecided
