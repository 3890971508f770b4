"""Plans an attribute agreement study: who looks at which part when, and what so many parts can show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sightline.errors import DataError
from sightline.msa.rates import CONFIDENCE, EFFECTIVENESS, FALSE_ALARM_RATE, LIMITS, MISS_RATE
from sightline.msa.sheet import APPRAISER, ORDER, PART, REFERENCE, TRIAL, VERDICT, fold, write_table
from sightline.verdict import Outcome

_WORDS = {
    EFFECTIVENESS: ("parts", "right"),
    MISS_RATE: ("defective parts", "NG"),
    FALSE_ALARM_RATE: ("good parts", "OK"),
}


@dataclass(frozen=True)
class Look:
    """One part in front of one appraiser.

    Attributes:
        trial: Which of the appraiser's rounds, from 1.
        order: Its place in the round, from 1.
        part: Name of the part.
    """

    trial: int
    order: int
    part: str


@dataclass(frozen=True)
class Reach:
    """What a number of parts can show of one rate at best: if there is not one error.

    Attributes:
        figure: Name of the rate.
        parts: Parts that it rests on.
        best: The bound that they give: for effectiveness the lowest, for the others the highest rate not ruled out.
        acceptable: What the bound has to reach.
        needed: The fewest parts that can show it.
        confidence: Of the bound, to one side.
    """

    figure: str
    parts: int
    best: float
    acceptable: float
    needed: int
    confidence: float

    @property
    def enough(self) -> bool:
        """Whether the parts can show that the rate is acceptable."""
        return self.parts >= self.needed

    def __str__(self) -> str:
        what, answer = _WORDS[self.figure]
        side, name = "at least" if self.figure == EFFECTIVENESS else "at most", self.figure.replace("_", " ")
        return (
            f"{self.parts} {what}, all answered {answer}, show {name} of {side} {self.best:.1%} with "
            f"{self.confidence:.0%} confidence; to show {side} {self.acceptable:.0%} takes {self.needed}"
        )


@dataclass(frozen=True)
class Plan:
    """A study before anybody has looked.

    Attributes:
        reference: What each part is, OK or NG, in the order of the key.
        sheets: For each appraiser all looks, trial by trial in the order in which they are taken.
    """

    reference: Mapping[str, Outcome]
    sheets: Mapping[str, tuple[Look, ...]]

    def reach(self, confidence: float = CONFIDENCE) -> tuple[Reach, ...]:
        """What the parts can show of effectiveness, miss rate and false-alarm rate, whatever the number of trials.

        More trials show more of the repeatability. They do not replace parts: an appraiser may err alike each time.
        """
        defective = sum(outcome is Outcome.NG for outcome in self.reference.values())
        total = len(self.reference)
        parts = {EFFECTIVENESS: total, MISS_RATE: defective, FALSE_ALARM_RATE: total - defective}
        return tuple(
            Reach(
                name,
                parts[name],
                limit.best(parts[name], confidence),
                limit.acceptable,
                limit.needed(confidence),
                confidence,
            )
            for name, limit in LIMITS.items()
        )


def make_plan(reference: Mapping[str, Outcome], appraisers: Sequence[str], trials: int, *, seed: int) -> Plan:
    """Draws the order in which each appraiser sees the parts, anew for each trial and never the same twice.

    AIAG (Measurement Systems Analysis, 4th edition, chapter III, section C) works with 50 parts, 3 appraisers and 3
    trials, and parts near the limit among them: where all are plain, everybody is always right.

    Args:
        reference: What each part is, OK or NG. The names are on the sheets, and should not tell (`numbered`).
        appraisers: Names, the model's among them if it takes part.
        trials: How often each appraiser looks at each part; repeatability takes at least 2.
        seed: The same seed draws the same plan.

    Raises:
        DataError: The parts are not of both kinds, a name is empty or there twice, or there are more trials than
            different orders.
    """
    check_reference(reference, "the plan")
    _check_names("part", reference)
    _check_names("appraiser", appraisers)
    most = math.factorial(min(len(reference), 10))
    if not 1 <= trials <= most:
        raise DataError(
            f"expected 1 to {most} trials of {len(reference)} parts, each in another order, got {trials}",
            hint="Three are usual.",
        )
    random = np.random.default_rng(seed)
    return Plan(dict(reference), {name: _looks(list(reference), trials, random) for name in appraisers})


def check_reference(reference: Mapping[str, Outcome], where: object) -> None:
    """Refuses a reference without which one of the rates has no meaning.

    Raises:
        DataError: A part is neither OK nor NG, or the parts are not of both kinds.
    """
    for part, outcome in reference.items():
        if outcome not in (Outcome.OK, Outcome.NG):
            raise DataError(
                f"{where}: expected OK or NG as the reference of part {part!r}, got {outcome.value}",
                hint="Let experts settle what the part is, or leave it out.",
            )
    if len(set(reference.values())) < 2:
        kinds = {outcome.value for outcome in reference.values()} or {"none at all"}
        raise DataError(
            f"{where}: expected good and defective parts, got {len(reference)} parts, of them {' and '.join(kinds)}",
            hint="Add parts: misses are counted on defective ones, false alarms on good ones.",
        )


def write_plan(plan: Plan, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    """Writes the key, and in ``sheets`` one sheet for each appraiser and trial to be filled in.

    The reference is in no sheet, and nobody has the answers of an earlier trial before them.

    Returns:
        The key, and the sheets in the order of appraisers and trials.

    Raises:
        DataError: One of them is there already, or cannot be written.
    """
    key = folder / "key.csv"
    looks = {
        folder / "sheets" / f"{number}-{_plain(name)}-trial-{trial}.csv": (name, [x for x in sheet if x.trial == trial])
        for number, (name, sheet) in enumerate(plan.sheets.items(), start=1)
        for trial in sorted({look.trial for look in sheet})
    }
    for path in (key, *looks):
        if path.exists():
            raise DataError(f"{path} is there already", hint="Name another folder: sheets may have been filled in.")
    write_table(key, (PART, REFERENCE), ((part, outcome.value) for part, outcome in plan.reference.items()))
    for path, (name, sheet) in looks.items():
        write_sheet(path, name, sheet)
    return key, tuple(looks)


def write_sheet(path: Path, appraiser: str, looks: Sequence[Look], verdicts: Sequence[Outcome] = ()) -> None:
    """Writes one sheet.

    Args:
        path: The CSV file; it is replaced if it is there.
        appraiser: Whose it is.
        looks: What is looked at, in turn.
        verdicts: The answers to all looks, where they are known, the model's say; else the column is empty.

    Raises:
        DataError: It cannot be written.
    """
    answers: Iterable[str] = (verdict.value for verdict in verdicts) if verdicts else [""] * len(looks)
    rows = ((appraiser, look.trial, look.order, look.part, answer) for look, answer in zip(looks, answers, strict=True))
    write_table(path, (APPRAISER, TRIAL, ORDER, PART, VERDICT), rows)


def numbered(names: Sequence[str], *, seed: int) -> dict[str, str]:
    """A number for each name, in random order: for image files, whose names and folders often tell what they show."""
    digits = len(str(len(names)))
    # Not the numbers that `make_plan` draws: undone by its first order, they would show the parts as they came.
    numbers = np.random.default_rng((seed, len(names))).permutation(len(names)) + 1
    return {name: f"P{number:0{digits}}" for name, number in zip(names, numbers, strict=True)}


def _plain(name: str) -> str:
    return re.sub(r"\W+", "-", name)


def _looks(parts: Sequence[str], trials: int, random: np.random.Generator) -> tuple[Look, ...]:
    orders: list[tuple[int, ...]] = []
    while len(orders) < trials:
        order = tuple(random.permutation(len(parts)).tolist())
        if order not in orders:
            orders.append(order)
    return tuple(
        Look(trial, place, parts[number])
        for trial, order in enumerate(orders, start=1)
        for place, number in enumerate(order, start=1)
    )


def _check_names(what: str, names: Iterable[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        folded = fold(name)
        if not folded:
            raise DataError(f"expected a name for each {what}, one is empty")
        if folded in seen:
            raise DataError(f"the {what} {name!r} is there twice: {seen[folded]!r} reads the same", hint="Rename one.")
        seen[folded] = name
    if not seen:
        raise DataError(f"expected at least one {what}, got none")
