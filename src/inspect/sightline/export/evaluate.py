"""Figures with intervals, from the scores and verdicts that the exported model gave on the test part.

Every interval is at 95 % and counts groups, not images: twenty pictures of one part are not twenty parts. Rates have
Wilson's interval; for other figures the groups are resampled (bootstrap), with ends by `sightline.export.intervals`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score

from sightline.bundle.manifest import Metric
from sightline.export import intervals, reliability
from sightline.export.calibrate import Calibrator
from sightline.index import GOOD, Sample
from sightline.verdict import Defect, Outcome, Policy, Verdict

_LEAST = 1e-9  # of 0 and 1: good's probability is what the types leave, and float32 leaves it no finer

_Figure = Callable[["Scored", NDArray[np.int64]], float]  # of some rows, of which each may come several times


@dataclass(frozen=True)
class Scored:
    """One part of the data with the scores it got.

    Attributes:
        samples: N rows of the index.
        scores: (N, C) calibrated scores.
        classes: The C defect types.
        policy: Turns scores into verdicts.
        one_class: Whether the model learned good parts alone: its scores are then no probabilities of types.
        located: The defects of each frame, of a model that locates them; they tell which scores count.
        shows: (N, C) whether the frame shows the type where somebody looks; None if that is what its labels say.
        calibrator: What made the scores of a classifier from its logits; None if they are as the network gave them.
    """

    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]
    classes: tuple[str, ...]
    policy: Policy
    one_class: bool = False
    located: tuple[tuple[Defect, ...], ...] | None = None
    shows: NDArray[np.bool_] | None = None
    calibrator: Calibrator | None = None

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """(N, C) whether the frame shows the type."""
        if self.one_class:
            return np.array([[not sample.good] for sample in self.samples], bool).reshape(len(self.samples), 1)
        return truth_of(self.samples, self.classes) if self.shows is None else self.shows

    @cached_property
    def defective(self) -> NDArray[np.bool_]:
        """(N,) whether the frame shows any type."""
        return np.asarray(self.truth.any(axis=1))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the K columns below: the types, after ``good`` where it is an output of its own."""
        with_good = self.policy.exclusive and self.policy.good_known
        return (GOOD, *self.classes) if with_good else self.classes

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(N, K) how probable each name is."""
        scores = self.scores.astype(np.float64)
        if len(self.names) == len(self.classes):
            return scores
        return np.column_stack([np.clip(1 - scores.sum(axis=1), 0, 1), scores])

    @cached_property
    def before(self) -> NDArray[np.float64] | None:
        """(N, K) how probable each name was before calibration, told back from the scores; None if it changed none."""
        if self.calibrator is None:
            return None
        told = np.clip(self.probabilities, _LEAST, 1 - _LEAST)
        logits = self.calibrator.undone(np.log(told) if self.policy.exclusive else logit(told))
        return np.asarray(softmax(logits, axis=1) if self.policy.exclusive else expit(logits))

    @cached_property
    def shown(self) -> NDArray[np.bool_]:
        """(N, K) whether the name is true of the frame."""
        if len(self.names) == len(self.classes):
            return self.truth
        return np.column_stack([~self.defective, self.truth])

    @cached_property
    def said(self) -> NDArray[np.bool_]:
        """(N, K) whether the model gives the name: the most probable one, or each that reaches its threshold."""
        if self.policy.exclusive:
            return np.asarray(self.probabilities.argmax(axis=1)[:, None] == np.arange(len(self.names)))
        return np.asarray(self.counted >= np.array([self.policy.threshold(name).ng for name in self.classes]))

    @cached_property
    def counted(self) -> NDArray[np.float32]:
        """(N, C) the scores that count: of a model that locates defects those of the ones that are large enough."""
        if self.located is None:
            return self.scores
        rows = [
            self.policy.counted(row, self.classes, some) for row, some in zip(self.scores, self.located, strict=True)
        ]
        return np.array(rows, np.float32).reshape(self.scores.shape)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether the model gives a frame all its names and no other."""
        return np.asarray((self.shown == self.said).all(axis=1))

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict on each frame."""
        located = self.located or [None] * len(self.scores)
        pairs = zip(self.scores, located, strict=True)
        return tuple(self.policy.decide(row, self.classes, some) for row, some in pairs)

    @cached_property
    def groups(self) -> list[NDArray[np.int64]]:
        """Rows of each group of twins."""
        members: dict[str, list[int]] = {}
        for row, sample in enumerate(self.samples):
            members.setdefault(sample.unit, []).append(row)
        return [np.array(rows) for rows in members.values()]

    def count(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> int:
        """How many groups some rows, given by number or as a mask (N,), come from."""
        return len(np.unique(self._group_of[rows]))

    @cached_property
    def _group_of(self) -> NDArray[np.int64]:
        numbers = np.zeros(len(self.samples), np.int64)
        for number, rows in enumerate(self.groups):
            numbers[rows] = number
        return numbers


def truth_of(samples: Sequence[Sample], classes: Sequence[str]) -> NDArray[np.bool_]:
    """(N, C) whether each sample shows each type."""
    shown = [[name in s.labels for name in classes] for s in samples]
    return np.array(shown, bool).reshape(len(samples), len(classes))


def evaluate(scored: Scored) -> tuple[Metric, ...]:
    """All figures of one part: of the types, of the defect score, and of the verdicts."""
    if not scored.samples:
        return ()
    figures = [*_of_types(scored), *_of_scores(scored), *_of_verdicts(scored)]
    return tuple(figure for figure in figures if figure is not None)


def _of_types(scored: Scored) -> list[Metric | None]:
    rows = np.arange(len(scored.samples))
    shown, said = scored.shown, scored.said
    rarest = min((scored.count(column) for column in shown.T if column.any()), default=0)
    figures = [
        rate("accuracy" if scored.policy.exclusive else "exact_match", scored.right, rows, scored),
        bootstrap("macro_f1", _macro_f1, scored, intervals.guarded(rarest)),
    ]
    for column, name in enumerate(scored.names):
        figures.append(rate(f"recall/{name}", said[:, column], rows[shown[:, column]], scored))
        figures.append(rate(f"precision/{name}", shown[:, column], rows[said[:, column]], scored))
    return figures


def _of_scores(scored: Scored) -> list[Metric | None]:
    total = scored.policy.defect_score(scored.scores)
    figures = [
        ranked("auroc", auroc, scored.defective, total, scored),
        ranked("average_precision", average_precision_score, scored.defective, total, scored),
    ]
    for column, name in enumerate(scored.classes):
        figures.append(ranked(f"auroc/{name}", auroc, scored.truth[:, column], scored.scores[:, column], scored))
    return figures + _of_probabilities(scored)


def _of_probabilities(scored: Scored) -> list[Metric | None]:
    """How far the scores can be taken at their word, and what they were before calibration, if it changed them."""
    if scored.located is not None or len(scored.groups) < 2:  # one group does not tell how such a figure varies
        return []
    figures = [
        _probable("log_loss", reliability.log_loss, scored.probabilities, scored, intervals.percentile),
        _probable("brier", reliability.brier, scored.probabilities, scored, intervals.percentile),
        _probable("calibration_error", reliability.calibration_error, scored.probabilities, scored, intervals.basic),
    ]
    before = scored.before
    if before is not None:
        error = reliability.calibration_error
        figures.append(_probable("log_loss_before", reliability.log_loss, before, scored, intervals.percentile))
        figures.append(_probable("calibration_error_before", error, before, scored, intervals.basic))
    return figures


def _probable(
    name: str,
    figure: Callable[..., float],
    probabilities: NDArray[np.float64],
    scored: Scored,
    ends: intervals.Ends,
) -> Metric | None:
    """A figure of `sightline.export.reliability`."""

    def of_rows(_: Scored, rows: NDArray[np.int64]) -> float:
        return figure(probabilities[rows], scored.shown[rows], exclusive=scored.policy.exclusive)

    return bootstrap(name, of_rows, scored, ends)


def _of_verdicts(scored: Scored) -> list[Metric | None]:
    rows = np.arange(len(scored.samples))
    outcomes = np.array([v.outcome.value for v in scored.verdicts])
    defective = scored.defective
    figures = [rate("review_rate", outcomes == Outcome.REVIEW.value, rows, scored)]
    if scored.policy.good_known:
        figures.append(rate("escape_rate", outcomes == Outcome.OK.value, rows[defective], scored))
        figures.append(rate("overkill_rate", outcomes == Outcome.NG.value, rows[~defective], scored))
    return figures


def rate(name: str, hit: NDArray[np.bool_], rows: NDArray[np.int64], scored: Scored) -> Metric | None:
    """Share of some rows that are hit, with Wilson's interval over their groups; None of no row."""
    if not len(rows):
        return None
    share, count = float(hit[rows].mean()), scored.count(rows)
    low, high = intervals.wilson(share, count)
    return Metric(name=name, value=share, low=low, high=high, count=count, interval="Wilson over groups")


def ranked(
    name: str,
    figure: Callable[[NDArray[np.bool_], NDArray[np.floating]], float],
    truth: NDArray[np.bool_],
    score: NDArray[np.floating],
    scored: Scored,
) -> Metric | None:
    """A figure of how well the score parts the frames; it rests on the rarer kind of them."""

    def of_rows(_: Scored, rows: NDArray[np.int64]) -> float:
        shows = truth[rows]
        return float("nan") if shows.all() or not shows.any() else float(figure(shows, score[rows]))

    return bootstrap(name, of_rows, scored, intervals.guarded(min(scored.count(truth), scored.count(~truth))))


def bootstrap(name: str, figure: _Figure, scored: Scored, ends: intervals.Ends) -> Metric | None:
    """A figure with its interval by resampled groups; None if it cannot be told from these rows."""
    return intervals.bootstrap(name, partial(figure, scored), scored.groups, ends)


def _macro_f1(scored: Scored, rows: NDArray[np.int64]) -> float:
    """Mean F1 of the names that occur; the resamples call it, so it counts instead of calling a library."""
    shown, said = scored.shown[rows], scored.said[rows]
    occurs = shown.any(axis=0)
    both = (shown & said).sum(axis=0)[occurs]
    either = (shown.sum(axis=0) + said.sum(axis=0))[occurs]
    return float((2 * both / either).mean()) if occurs.any() else float("nan")


def auroc(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982); ties count half."""
    positive = int(truth.sum())
    ranks = rankdata(score)[truth].sum() - positive * (positive + 1) / 2
    return float(ranks / (positive * (len(truth) - positive)))
