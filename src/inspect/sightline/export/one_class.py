"""Figures of a model of good parts alone, with intervals as in `sightline.export.evaluate`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from sightline.bundle.manifest import Metric
from sightline.export import intervals
from sightline.export.evaluate import Scored, auroc, bootstrap, ranked, rate
from sightline.verdict import Outcome

_ESCAPES = (0.01, 0.05)


def evaluate(scored: Scored) -> tuple[Metric, ...]:
    """Image figures of one part: of the ranking, over all defects and per type, and of the verdicts."""
    if not scored.samples:
        return ()
    rows, score = np.arange(len(scored.samples)), scored.scores[:, 0]
    outcomes = np.array([verdict.outcome.value for verdict in scored.verdicts])
    defective = scored.defective
    figures = [
        ranked("auroc", auroc, defective, score, scored),
        ranked("average_precision", average_precision_score, defective, score, scored),
        *(_overkill_at(escape, scored) for escape in _ESCAPES),
        _f1(scored, outcomes != Outcome.OK.value),
        rate("escape_rate", outcomes == Outcome.OK.value, rows[defective], scored),
        rate("overkill_rate", outcomes == Outcome.NG.value, rows[~defective], scored),
        rate("review_rate", outcomes == Outcome.REVIEW.value, rows, scored),
        *_per_type(scored, outcomes),
    ]
    return tuple(figure for figure in figures if figure is not None)


def types_of(scored: Scored) -> tuple[str, ...]:
    """The defect types that a part shows, sorted; the model does not name them."""
    return tuple(sorted({label for sample in scored.samples for label in sample.labels}))


def shows(scored: Scored, name: str) -> NDArray[np.bool_]:
    """(N,) whether each frame shows a type of defect."""
    return np.array([name in sample.labels for sample in scored.samples], bool)


def _per_type(scored: Scored, outcomes: NDArray[np.str_]) -> list[Metric | None]:
    """Each type against the good frames; the other types are left out."""
    figures = []
    for name in types_of(scored):
        shown = shows(scored, name)
        rows = np.flatnonzero(shown | ~scored.defective)
        of_type = replace(scored, samples=tuple(scored.samples[row] for row in rows), scores=scored.scores[rows])
        figures.append(ranked(f"auroc/{name}", auroc, shown[rows], of_type.scores[:, 0], of_type))
        figures.append(rate(f"escape_rate/{name}", outcomes == Outcome.OK.value, np.flatnonzero(shown), scored))
    return figures


def overkill_at(escape: float, truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Share of good frames rejected by the highest threshold that lets at most a share of the defective ones pass."""
    bad = np.sort(score[truth])
    threshold = bad[int(np.floor(escape * len(bad)))]
    return float((score[~truth] >= threshold).mean())


def _overkill_at(escape: float, scored: Scored) -> Metric | None:
    def of_rows(_: Scored, rows: NDArray[np.int64]) -> float:
        truth = scored.defective[rows]
        return float("nan") if truth.all() or not truth.any() else overkill_at(escape, truth, scored.scores[rows, 0])

    name = f"overkill_at_escape_{escape:.0%}".rstrip("%")
    defective = scored.defective
    return bootstrap(name, of_rows, scored, intervals.guarded(max(1, min(map(scored.count, (defective, ~defective))))))


def _f1(scored: Scored, said: NDArray[np.bool_]) -> Metric | None:
    def of_rows(_: Scored, rows: NDArray[np.int64]) -> float:
        truth, told = scored.defective[rows], said[rows]
        return float(2 * (truth & told).sum() / max(1, truth.sum() + told.sum())) if truth.any() else float("nan")

    return bootstrap("f1", of_rows, scored, intervals.guarded(max(1, scored.count(scored.defective))))
