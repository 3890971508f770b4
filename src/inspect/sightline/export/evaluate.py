"""Figures with intervals, from the scores and verdicts that the exported model gave on the test part.

Every interval is at 95 % and counts groups, not images: twenty pictures of one part are not twenty parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from sklearn.metrics import average_precision_score

from sightline.bundle.manifest import Metric
from sightline.index import Sample
from sightline.verdict import Outcome, Policy, Verdict

GOOD = "good"
_RESAMPLES = 500
_BINS = 10


@dataclass(frozen=True)
class Scored:
    """One part of the data with the scores it got.

    Attributes:
        samples: N rows of the index.
        scores: (N, C) calibrated scores.
        classes: The C defect types.
        policy: Turns scores into verdicts.
    """

    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]
    classes: tuple[str, ...]
    policy: Policy

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """(N, C) whether the frame shows the type."""
        return truth_of(self.samples, self.classes)

    @cached_property
    def defective(self) -> NDArray[np.bool_]:
        """(N,) whether the frame shows any type."""
        return np.asarray(self.truth.any(axis=1))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of `probabilities`: the types, after ``good`` where it is an output of its own."""
        with_good = self.policy.exclusive and self.policy.good_known
        return (GOOD, *self.classes) if with_good else self.classes

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """(N, K) for the K names."""
        scores = self.scores.astype(np.float64)
        if len(self.names) == len(self.classes):
            return scores
        return np.column_stack([np.clip(1 - scores.sum(axis=1), 0, 1), scores])

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """(N,) true column of each frame; of a frame with several types the first."""
        columns = self.truth.argmax(axis=1) + len(self.names) - len(self.classes)
        return np.asarray(np.where(self.defective, columns, 0), np.int64)

    @cached_property
    def predictions(self) -> NDArray[np.int64]:
        """(N,) most probable column of each frame."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdict on each frame."""
        return tuple(self.policy.decide(row, self.classes) for row in self.scores)

    @cached_property
    def groups(self) -> list[NDArray[np.int64]]:
        """Rows of each group of twins."""
        members: dict[str, list[int]] = {}
        for row, sample in enumerate(self.samples):
            members.setdefault(sample.group or sample.path, []).append(row)
        return [np.array(rows) for rows in members.values()]

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K) counts: rows are the truth, columns the most probable name."""
        return _confusion(self.answers, self.predictions, len(self.names))


def truth_of(samples: Sequence[Sample], classes: Sequence[str]) -> NDArray[np.bool_]:
    """(N, C) whether each sample shows each type."""
    return np.array([[name in s.labels for name in classes] for s in samples], bool).reshape(len(samples), len(classes))


def wilson(share: float, count: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (Wilson 1927) of a rate seen on ``count`` independent trials; (0, 1) of none."""
    if count == 0:
        return 0.0, 1.0
    z = float(norm.ppf(0.5 + level / 2))
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def evaluate(scored: Scored) -> tuple[Metric, ...]:
    """All figures of one part: of the types, of the defect score, and of the verdicts."""
    if not scored.samples:
        return ()
    figures = [*_of_types(scored), *_of_scores(scored), *_of_verdicts(scored)]
    return tuple(figure for figure in figures if figure is not None)


def _of_types(scored: Scored) -> list[Metric | None]:
    rows = np.arange(len(scored.samples))
    if scored.policy.exclusive:
        right = scored.answers == scored.predictions
        figures = [_rate("accuracy", right, rows, scored), _bootstrap("macro_f1", _macro_f1, scored)]
        for column, name in enumerate(scored.names):
            figures.append(_rate(f"recall/{name}", right, rows[scored.answers == column], scored))
            figures.append(_rate(f"precision/{name}", right, rows[scored.predictions == column], scored))
        return figures
    named = _named(scored)
    figures = [_rate("exact_match", (named == scored.truth).all(axis=1), rows, scored)]
    figures.append(_bootstrap("macro_f1", _macro_f1, scored))
    for column, name in enumerate(scored.classes):
        right = named[:, column] == scored.truth[:, column]
        figures.append(_rate(f"recall/{name}", right, rows[scored.truth[:, column]], scored))
        figures.append(_rate(f"precision/{name}", right, rows[named[:, column]], scored))
    return figures


def _of_scores(scored: Scored) -> list[Metric | None]:
    figures: list[Metric | None] = []
    defective = scored.defective
    if defective.any() and not defective.all():
        total = scored.policy.defect_score(scored.scores)
        figures.append(_bootstrap("auroc", _ranked_by(auroc, defective, total), scored))
        figures.append(_bootstrap("average_precision", _ranked_by(average_precision_score, defective, total), scored))
    for column, name in enumerate(scored.classes):
        by_type = _ranked_by(auroc, scored.truth[:, column], scored.scores[:, column])
        figures.append(_bootstrap(f"auroc/{name}", by_type, scored))
    if scored.policy.exclusive:
        figures.append(_bootstrap("log_loss", _log_loss, scored))
        figures.append(_bootstrap("calibration_error", _calibration_error, scored))
    return figures


def _of_verdicts(scored: Scored) -> list[Metric | None]:
    rows = np.arange(len(scored.samples))
    outcomes = np.array([v.outcome.value for v in scored.verdicts])
    defective = scored.defective
    figures = [_rate("review_rate", outcomes == Outcome.REVIEW.value, rows, scored)]
    if scored.policy.good_known:
        figures.append(_rate("escape_rate", outcomes == Outcome.OK.value, rows[defective], scored))
        figures.append(_rate("overkill_rate", outcomes == Outcome.NG.value, rows[~defective], scored))
    return figures


def _rate(name: str, hit: NDArray[np.bool_], rows: NDArray[np.int64], scored: Scored) -> Metric | None:
    if not len(rows):
        return None
    share = float(hit[rows].mean())
    count = len({scored.samples[row].group or scored.samples[row].path for row in rows})
    low, high = wilson(share, count)
    return Metric(name=name, value=share, low=low, high=high, count=count, interval="Wilson over groups")


def _bootstrap(name: str, figure: Callable[[Scored, NDArray[np.int64]], float], scored: Scored) -> Metric | None:
    rows = np.arange(len(scored.samples))
    value, groups = float(figure(scored, rows)), scored.groups
    if not np.isfinite(value):
        return None
    random = np.random.default_rng(0)
    values = []
    for _ in range(_RESAMPLES):
        picked = np.concatenate([groups[g] for g in random.integers(len(groups), size=len(groups))])
        values.append(float(figure(scored, picked)))
    values = [v for v in values if np.isfinite(v)]  # a resample may hold one class only
    if not values:
        return None
    low, high, how = *np.percentile(values, [2.5, 97.5]), "bootstrap over groups"
    if low == high and 0 <= value <= 1:  # nothing went wrong, so resampling cannot vary it
        low, high = wilson(value, len(groups))
        how = "Wilson over groups"
    return Metric(name=name, value=value, low=float(low), high=float(high), count=len(groups), interval=how)


def _named(scored: Scored) -> NDArray[np.bool_]:
    limits = np.array([scored.policy.thresholds[name].ng for name in scored.classes])
    return scored.scores >= limits


def _macro_f1(scored: Scored, rows: NDArray[np.int64]) -> float:
    """Mean F1 of the types that occur; the resamples call it, so it counts instead of calling a library."""
    if scored.policy.exclusive:
        table = _confusion(scored.answers[rows], scored.predictions[rows], len(scored.names))
        hits, true, said = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    else:
        truth, named = scored.truth[rows], _named(scored)[rows]
        hits, true, said = (truth & named).sum(axis=0), truth.sum(axis=0), named.sum(axis=0)
    occurs = true > 0
    return float((2 * hits[occurs] / (true + said)[occurs]).mean()) if occurs.any() else float("nan")


def _confusion(answers: NDArray[np.int64], predictions: NDArray[np.int64], names: int) -> NDArray[np.int64]:
    return np.bincount(answers * names + predictions, minlength=names * names).reshape(names, names)


def auroc(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Area under the ROC curve as the Mann-Whitney statistic (Hanley & McNeil 1982); ties count half."""
    positive = int(truth.sum())
    ranks = rankdata(score)[truth].sum() - positive * (positive + 1) / 2
    return float(ranks / (positive * (len(truth) - positive)))


def _ranked_by(
    figure: Callable[[NDArray[np.bool_], NDArray[np.floating]], float],
    truth: NDArray[np.bool_],
    score: NDArray[np.floating],
) -> Callable[[Scored, NDArray[np.int64]], float]:
    def of_rows(_: Scored, rows: NDArray[np.int64]) -> float:
        shows = truth[rows]
        return float("nan") if shows.all() or not shows.any() else float(figure(shows, score[rows]))

    return of_rows


def _log_loss(scored: Scored, rows: NDArray[np.int64]) -> float:
    right = scored.probabilities[rows, scored.answers[rows]]
    return float(-np.log(np.clip(right, 1e-12, 1)).mean())


def _calibration_error(scored: Scored, rows: NDArray[np.int64]) -> float:
    """Expected calibration error of the most probable name, 10 bins of equal count (Nguyen & O'Connor 2015)."""
    sure = scored.probabilities[rows].max(axis=1)
    right = scored.answers[rows] == scored.predictions[rows]
    bins = np.array_split(np.argsort(sure, kind="stable"), _BINS)
    return float(sum(abs(sure[b].mean() - right[b].mean()) * len(b) for b in bins if len(b)) / len(rows))
