"""How well appraisers agree with the reference and with themselves: AIAG's attribute agreement figures.

AIAG, Measurement Systems Analysis, 4th edition (2010), chapter III, section C, tables III-C 5 to 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sightline.msa.rates import CONFIDENCE, EFFECTIVENESS, FALSE_ALARM_RATE, LIMITS, MISS_RATE, Grade, Rate
from sightline.msa.study import Study
from sightline.verdict import Outcome

TEAM = "team"


@dataclass(frozen=True)
class Appraisal:
    """The figures of one appraiser, or of the team as if it were one who looked as often as all together.

    Attributes:
        name: Of the appraiser.
        effectiveness: Parts on which every answer agrees with the reference.
        repeatability: Parts on which all answers agree with each other, right or wrong; of the team also between
            appraisers. None if each part was answered once.
        miss_rate: Answers that passed a defective part, of all answers on defective parts.
        false_alarm_rate: Answers that rejected a good part, of all answers on good parts.
        mixed: Parts on which the answers disagree.
        biased_to_accept: Defective parts that were passed every time.
        biased_to_reject: Good parts that were rejected every time.
        undecided: Answers other than OK and NG, and how many.
    """

    name: str
    effectiveness: Rate
    repeatability: Rate | None
    miss_rate: Rate
    false_alarm_rate: Rate
    mixed: int
    biased_to_accept: int
    biased_to_reject: int
    undecided: Mapping[Outcome, int]

    @property
    def rates(self) -> dict[str, Rate]:
        """The rates that have an acceptance figure."""
        return {
            EFFECTIVENESS: self.effectiveness,
            MISS_RATE: self.miss_rate,
            FALSE_ALARM_RATE: self.false_alarm_rate,
        }

    @property
    def grades(self) -> dict[str, Grade]:
        """What the usual acceptance figures say of each rate, as AIAG has it: of the rate, not of its interval."""
        return {name: LIMITS[name].grade(rate) for name, rate in self.rates.items()}

    @property
    def grade(self) -> Grade:
        """The worst of the grades."""
        return max(self.grades.values(), key=list(Grade).index)

    @property
    def shown(self) -> dict[str, bool]:
        """Whether the parts are enough to show that a rate is acceptable, and not only that it came out so."""
        return {name: LIMITS[name].shown(rate) for name, rate in self.rates.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "grade": self.grade.value,
            **{
                name: rate.to_dict() | {"grade": self.grades[name].value, "shown": self.shown[name]}
                for name, rate in self.rates.items()
            },
            "repeatability": self.repeatability.to_dict() if self.repeatability else None,
            "mixed": self.mixed,
            "biased_to_accept": self.biased_to_accept,
            "biased_to_reject": self.biased_to_reject,
            "undecided": {outcome.value: count for outcome, count in self.undecided.items()},
        }


@dataclass(frozen=True)
class Disputed:
    """A part that was answered wrong.

    Attributes:
        part: Its name.
        reference: What it is.
        wrong: Wrong answers of each appraiser.
        answers: Answers of each appraiser, right and wrong.
    """

    part: str
    reference: Outcome
    wrong: Mapping[str, int]
    answers: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "part": self.part,
            "reference": self.reference.value,
            "wrong": dict(self.wrong),
            "answers": self.answers,
        }


@dataclass(frozen=True)
class Agreement:
    """The outcome of a study.

    Attributes:
        appraisers: Each appraiser.
        team: All of them together; it is effective on a part only if everybody was right every time.
        disputed: Parts that somebody answered wrong, those with most wrong answers first.
    """

    appraisers: tuple[Appraisal, ...]
    team: Appraisal
    disputed: tuple[Disputed, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "appraisers": [appraisal.to_dict() for appraisal in self.appraisers],
            "team": self.team.to_dict(),
            "disputed": [part.to_dict() for part in self.disputed],
        }


def agreement(study: Study, *, confidence: float = CONFIDENCE) -> Agreement:
    """Compares all answers with the reference and with each other.

    Args:
        study: The answers.
        confidence: Of intervals and bounds.
    """
    appraisals = tuple(
        _appraisal(name, answers, study.defective, study.undecided.get(name, {}), confidence)
        for name, answers in zip(study.appraisers, study.rejected, strict=True)
    )
    everybody = study.rejected.reshape(-1, len(study.parts))
    team = _appraisal(TEAM, everybody, study.defective, _sum(study.undecided), confidence)
    return Agreement(appraisals, team, _disputed(study))


def _appraisal(
    name: str,
    rejected: NDArray[np.bool_],
    defective: NDArray[np.bool_],
    undecided: Mapping[Outcome, int],
    confidence: float,
) -> Appraisal:
    """Args: rejected: bool (M, P), M answers on each part; defective: bool (P,)."""
    answers, parts = rejected.shape
    alike = (rejected == rejected[0]).all(axis=0)
    right = (rejected == defective).all(axis=0)
    bad, good = int(defective.sum()), int((~defective).sum())
    return Appraisal(
        name=name,
        effectiveness=Rate(int(right.sum()), parts, parts, confidence),
        repeatability=Rate(int(alike.sum()), parts, parts, confidence) if answers > 1 else None,
        miss_rate=Rate(int((~rejected[:, defective]).sum()), answers * bad, bad, confidence),
        false_alarm_rate=Rate(int(rejected[:, ~defective].sum()), answers * good, good, confidence),
        mixed=int((~alike).sum()),
        biased_to_accept=int((alike & ~rejected[0] & defective).sum()),
        biased_to_reject=int((alike & rejected[0] & ~defective).sum()),
        undecided=dict(undecided),
    )


def _disputed(study: Study) -> tuple[Disputed, ...]:
    wrong = (study.rejected != study.defective).sum(axis=1)  # (A, P)
    order = np.argsort(-wrong.sum(axis=0), kind="stable")
    return tuple(
        Disputed(
            study.parts[number],
            Outcome.NG if study.defective[number] else Outcome.OK,
            dict(zip(study.appraisers, wrong[:, number].tolist(), strict=True)),
            study.rejected.shape[1],
        )
        for number in order
        if wrong[:, number].any()
    )


def _sum(undecided: Mapping[str, Mapping[Outcome, int]]) -> dict[Outcome, int]:
    return {
        outcome: total for outcome in Outcome if (total := sum(counts.get(outcome, 0) for counts in undecided.values()))
    }
