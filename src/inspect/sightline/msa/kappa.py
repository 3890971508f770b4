"""Agreement beyond chance: Cohen's and Fleiss' kappa, with standard errors and intervals.

Decisions on one part resemble each other, so the standard errors sum what each decision contributes over the parts
first, and take the parts as the sample. With one decision a part they are those of the papers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm, t

from sightline.errors import DataError
from sightline.msa.rates import CONFIDENCE, Rate
from sightline.msa.study import Study

GOOD, POOR = 0.75, 0.40
"""AIAG, Measurement Systems Analysis, 4th edition, chapter III, section C: above the one kappa shows good to excellent
agreement, below the other poor agreement."""

_ALIKE = "all answers are the same: chance alone would agree as well, and kappa has no meaning"
_ALONE = "a single part does not tell how much parts differ"


@dataclass(frozen=True)
class Kappa:
    """A coefficient of agreement, 1 if all agree and 0 if they agree no more than chance would.

    Attributes:
        value: -1 to 1; None if it has no meaning.
        low: Lower end of the interval; None with it.
        high: Upper end of the interval; None with it.
        se: Standard error; None with it.
        null_se: Standard error if there were no agreement beyond chance, for a test and not for intervals; None with
            the value, and where parts come more than once.
        agreed: Share of pairs of decisions that agree.
        expected: The same as chance would have it.
        decisions: On which it rests: pairs, or sets of answers to one part.
        parts: On which it rests.
        confidence: Of the interval.
        why: In words why the value or its interval is missing; else empty.
    """

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    null_se: float | None
    agreed: float
    expected: float
    decisions: int
    parts: int
    confidence: float
    why: str = ""

    @property
    def z(self) -> float | None:
        """The value in standard errors that hold without agreement; None where these are not known."""
        return self.value / self.null_se if self.value is not None and self.null_se else None

    @property
    def strength(self) -> str:
        """AIAG's rule of thumb: good, moderate or poor; empty without a value."""
        if self.value is None:
            return ""
        return "good" if self.value > GOOD else "poor" if self.value < POOR else "moderate"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"strength": self.strength}


@dataclass(frozen=True)
class Kappas:
    """All kappas of a study.

    Attributes:
        pairs: Cohen's of each two appraisers, trial by trial, as in AIAG's cross-tabulation.
        reference: Cohen's of each appraiser with the reference, over all trials.
        within: Fleiss' of each appraiser over the trials; none if there is one trial.
        between: Fleiss' of the appraisers, trial by trial; None of a single one.
        everybody: Fleiss' of all answers to a part, whoever gave them; None if there is one.
    """

    pairs: Mapping[tuple[str, str], Kappa]
    reference: Mapping[str, Kappa]
    within: Mapping[str, Kappa]
    between: Kappa | None
    everybody: Kappa | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; pairs are a list, each with its two appraisers."""
        return {
            "pairs": [{"appraisers": list(names)} | kappa.to_dict() for names, kappa in self.pairs.items()],
            "reference": {name: kappa.to_dict() for name, kappa in self.reference.items()},
            "within": {name: kappa.to_dict() for name, kappa in self.within.items()},
            "between": self.between.to_dict() if self.between else None,
            "everybody": self.everybody.to_dict() if self.everybody else None,
        }


def kappas(study: Study, *, confidence: float = CONFIDENCE) -> Kappas:
    """The kappas of a study.

    Args:
        study: The answers.
        confidence: Of the intervals.
    """
    appraisers, trials, count = study.rejected.shape
    parts = np.tile(np.arange(count), trials)
    named = {name: answers.ravel() for name, answers in zip(study.appraisers, study.rejected, strict=True)}
    truth = np.tile(study.defective, trials)
    between = _counts(study.rejected.reshape(appraisers, -1))
    everybody = _counts(study.rejected.reshape(-1, count))
    return Kappas(
        pairs={
            (a, b): cohen(named[a], named[b], parts=parts, confidence=confidence)
            for a, b in combinations(study.appraisers, 2)
        },
        reference={name: cohen(own, truth, parts=parts, confidence=confidence) for name, own in named.items()},
        within={
            name: fleiss(_counts(own), confidence=confidence)
            for name, own in zip(study.appraisers, study.rejected, strict=True)
            if trials > 1
        },
        between=fleiss(between, parts=parts, confidence=confidence) if appraisers > 1 else None,
        everybody=fleiss(everybody, confidence=confidence) if appraisers * trials > 1 else None,
    )


def _counts(rejected: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many answers (M, N) were OK and how many NG: (N, 2)."""
    ng = rejected.sum(axis=0)
    return np.stack([len(rejected) - ng, ng], axis=1)


def cohen(
    first: ArrayLike, second: ArrayLike, *, parts: ArrayLike | None = None, confidence: float = CONFIDENCE
) -> Kappa:
    """Cohen's kappa of two appraisers (Cohen 1960, Educational and Psychological Measurement 20, 37-46).

    The standard errors are those of Fleiss, Cohen & Everitt (1969), Psychological Bulletin 72, 323-327.

    Args:
        first: The N answers of one, whole numbers from 0 or bool: categories.
        second: Those of the other to the same.
        parts: The part of each answer, whole numbers; each its own if None.
        confidence: Of the interval.

    Raises:
        DataError: They answered nothing, or not as often as each other.
    """
    a, b = np.asarray(first).astype(np.int64), np.asarray(second).astype(np.int64)
    if len(a) != len(b) or not len(a):
        raise DataError(f"expected as many answers of both appraisers, at least one, got {len(a)} and {len(b)}")
    categories = int(max(a.max(), b.max())) + 1
    p, q = (np.bincount(answers, minlength=categories) / len(answers) for answers in (a, b))
    expected = float(p @ q)
    null = expected + expected**2 - float((p * q * (p + q)).sum())
    null_se = math.sqrt(max(0.0, null) / len(a)) / (1 - expected) if expected < 1 else 0.0
    return _kappa((a == b).astype(float), q[a] + p[b], parts, confidence, null_se, student=False)


def fleiss(counts: ArrayLike, *, parts: ArrayLike | None = None, confidence: float = CONFIDENCE) -> Kappa:
    """Fleiss' kappa of any number of answers to each part (Fleiss 1971, Psychological Bulletin 76, 378-382).

    The standard error without agreement is that of Fleiss, Nee & Landis (1979), Psychological Bulletin 86, 974-977. It
    is no measure of precision, so the interval rests on Gwet (2021), Educational and Psychological Measurement 81,
    781-790: by linearisation, with Student's t.

    Args:
        counts: Whole numbers (N, C): how many of the M answers, at least 2, put each into each category.
        parts: The part of each row, whole numbers; each its own if None.
        confidence: Of the interval.

    Raises:
        DataError: There are no rows, or not as many answers, at least 2, in each.
    """
    table = np.asarray(counts, np.float64)
    sums = np.unique(table.sum(axis=-1))
    if len(sums) != 1 or sums[0] < 2:
        raise DataError(f"expected as many answers to each part, at least 2, got {', '.join(f'{n:g}' for n in sums)}")
    rows, answers = len(table), float(sums[0])
    share = table.mean(axis=0) / answers
    agree = (table * (table - 1)).sum(axis=1) / (answers * (answers - 1))
    spread = float((share * (1 - share)).sum())
    null = spread**2 - float((share * (1 - share) * (1 - 2 * share)).sum())
    scale = spread * math.sqrt(rows * answers * (answers - 1))
    null_se = math.sqrt(2 * max(0.0, null)) / scale if scale else 0.0
    return _kappa(agree, 2 * (table @ share) / answers, parts, confidence, null_se, student=True)


def fleiss_by_category(counts: ArrayLike, *, confidence: float = CONFIDENCE) -> tuple[Kappa, ...]:
    """Fleiss' kappa of each category against all others (Fleiss 1971); of two categories both are the whole's.

    Args:
        counts: As for `fleiss`.
        confidence: Of the intervals.
    """
    table = np.asarray(counts)
    others = table.sum(axis=1, keepdims=True) - table
    return tuple(
        fleiss(np.stack([table[:, number], others[:, number]], axis=1), confidence=confidence)
        for number in range(table.shape[1])
    )


def _kappa(
    agree: NDArray[np.float64],
    chance: NDArray[np.float64],
    parts: ArrayLike | None,
    confidence: float,
    null_se: float,
    *,
    student: bool,
) -> Kappa:
    """Kappa of N decisions.

    Args:
        agree: (N,): the share of pairs that agree in each.
        chance: (N,): how much each adds to the chance agreement, the mean of them being twice that.
        parts: (N,) or None.
        confidence: Of the interval.
        null_se: Standard error without agreement.
        student: Whether few parts are allowed for, with the variance over one part less and Student's t; they always
            are where parts come more than once.
    """
    agreed, expected = float(agree.mean()), float(chance.mean()) / 2
    own = np.arange(len(agree)) if parts is None else np.unique(np.asarray(parts), return_inverse=True)[1]
    count = int(own.max()) + 1
    beyond = 1 - expected
    why = _ALIKE if beyond < 1e-12 else _ALONE if count < 2 else ""
    if why:
        return Kappa(None, None, None, None, None, agreed, expected, len(agree), count, confidence, why)
    value = (agreed - expected) / beyond
    adds = (agree - agreed) / beyond - (1 - value) / beyond * (chance - 2 * expected)
    variance = float((np.bincount(own, adds) ** 2).sum()) / len(agree) ** 2
    tail = (1 + confidence) / 2
    few = student or count < len(agree)
    se = math.sqrt(variance * count / (count - 1)) if few else math.sqrt(variance)
    half = se * float(t.ppf(tail, count - 1) if few else norm.ppf(tail))
    low, high = _widened(value - half, value + half, expected, count, confidence)
    null = null_se if count == len(agree) else None
    return Kappa(value, low, high, se, null, agreed, expected, len(agree), count, confidence)


def _widened(low: float, high: float, expected: float, parts: int, confidence: float) -> tuple[float, float]:
    """An interval at least as wide as parts allow that all agree, or none; within -1 and 1.

    Where all agree the standard error is 0, as if a few parts had settled it. They show that agreement fails on at most
    so many parts (Clopper & Pearson 1934), and no kappa is told more surely than one without a disagreement.
    """
    seldom = Rate(0, parts, parts, confidence).interval[1]
    flawless, hopeless = 1 - seldom / (1 - expected), (seldom - expected) / (1 - expected)
    return max(-1.0, min(low, flawless)), min(1.0, max(high, hopeless))
