"""Repeatability of the model: the same part shown again, shifted, turned, under other light or with noise."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from sightline.errors import DataError
from sightline.msa.rates import CONFIDENCE, Rate
from sightline.verdict import Outcome

ALL_CHANGES = "all"

CLOSE = 3.0
"""Spreads; a part whose margin is smaller may change its verdict when it is shown again."""

EDGE = 1e-6
"""Scores nearer to 0 or 1 are taken for this near, or their logits would have no end."""


@dataclass(frozen=True)
class Presentation:
    """One answer of the model to one part.

    Attributes:
        part: Its name.
        change: What was changed since the last time: shift, light, rotation, noise, or nothing.
        outcome: The verdict.
        score: Of the defect, 0 to 1, as the thresholds judge it; None if it was not inspected.
    """

    part: str
    change: str
    outcome: Outcome
    score: float | None


@dataclass(frozen=True)
class Repeatability:
    """How steady the model is under one kind of change.

    Attributes:
        change: The kind, or ``all``.
        changed: Parts whose verdict was not the same every time. The more presentations, the more parts.
        flips: Presentations with another verdict than the part's most frequent one.
        spread: Standard deviation of the score within a part, pooled over parts; None if no part was scored twice.
        logit_spread: The same of the score's logit.
        margins: For each part the distance from its mean logit to the nearest threshold, in spreads of the logit:
            infinite if there is no spread; empty without one.
        close: Parts whose margin is under `CLOSE`; None without margins.
        saturated: Scores that were so near 0 or 1 that their logit was cut: the spread is larger than it seems.
    """

    change: str
    changed: Rate
    flips: Rate
    spread: float | None
    logit_spread: float | None
    margins: Mapping[str, float]
    close: Rate | None
    saturated: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, which knows no infinity: such margins are null."""
        return {
            "change": self.change,
            "changed": self.changed.to_dict(),
            "flips": self.flips.to_dict(),
            "spread": self.spread,
            "logit_spread": self.logit_spread,
            "margins": {part: margin if math.isfinite(margin) else None for part, margin in self.margins.items()},
            "close": self.close.to_dict() if self.close else None,
            "saturated": self.saturated,
        }


def repeatability(
    presentations: Sequence[Presentation],
    thresholds: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    confidence: float = CONFIDENCE,
) -> tuple[Repeatability, ...]:
    """How steady the model is, for each kind of change in the order of their first coming, and for all together.

    The spread is the repeatability standard deviation of ISO 5725-2:2019: that within a part, pooled over the parts by
    their degrees of freedom. Margins are told on the logit, where a given change moves a score as far near 0 and 1 as
    in between.

    Args:
        presentations: At least two of each part under each kind of change.
        thresholds: At which the verdict changes, 0 to 1: of REVIEW and of NG. For each part its own where they differ,
            as they do where a type of defect has its own and another type decides on another part.
        confidence: Of the intervals, which are over parts.

    Raises:
        DataError: There is none, a part was shown only once under a kind of change, or a score is no probability.
    """
    if not presentations or not thresholds:
        raise DataError("expected presentations of parts and a threshold, got none")
    for shown in presentations:
        if shown.score is not None and not 0 <= shown.score <= 1:
            raise DataError(
                f"part {shown.part!r}, {shown.change}: expected a score from 0 to 1, got {shown.score}",
                hint="Give the calibrated probability on which the threshold acts.",
            )
    changes = list(dict.fromkeys(shown.change for shown in presentations))
    limits = thresholds if isinstance(thresholds, Mapping) else {shown.part: thresholds for shown in presentations}
    told = [_judge(kind, [p for p in presentations if p.change == kind], limits, confidence) for kind in changes]
    if len(changes) > 1:
        told.append(_judge(ALL_CHANGES, presentations, limits, confidence))
    return tuple(told)


def _judge(
    change: str, presentations: Sequence[Presentation], thresholds: Mapping[str, Sequence[float]], confidence: float
) -> Repeatability:
    by_part: dict[str, list[Presentation]] = {}
    for shown in presentations:
        by_part.setdefault(shown.part, []).append(shown)
    for part, own in by_part.items():
        if len(own) < 2:
            raise DataError(
                f"part {part!r}, {change}: expected at least 2 presentations, got 1",
                hint="Show each part several times.",
            )
    usual = [max(Counter(shown.outcome for shown in own).values()) for own in by_part.values()]
    parts, total = len(by_part), len(presentations)
    changed = sum(most < len(own) for most, own in zip(usual, by_part.values(), strict=True))
    scores = {part: np.array([p.score for p in own if p.score is not None], float) for part, own in by_part.items()}
    logits = {part: logit(np.clip(own, EDGE, 1 - EDGE)) for part, own in scores.items() if len(own)}
    spread = _pooled(list(logits.values()))
    margins = {} if spread is None else {part: _margin(own, thresholds[part], spread) for part, own in logits.items()}
    close = sum(margin < CLOSE for margin in margins.values())
    return Repeatability(
        change=change,
        changed=Rate(changed, parts, parts, confidence),
        flips=Rate(total - sum(usual), total, parts, confidence),
        spread=_pooled(list(scores.values())),
        logit_spread=spread,
        margins=margins,
        close=Rate(close, len(margins), len(margins), confidence) if margins else None,
        saturated=sum(int(((own < EDGE) | (own > 1 - EDGE)).sum()) for own in scores.values()),
    )


def _pooled(groups: Sequence[NDArray[np.float64]]) -> float | None:
    """Standard deviation within groups; None without a group of two."""
    freedom = sum(len(group) - 1 for group in groups if len(group))
    if not freedom:
        return None
    return math.sqrt(sum(float(((group - group.mean()) ** 2).sum()) for group in groups if len(group)) / freedom)


def _margin(logits: NDArray[np.float64], thresholds: Sequence[float], spread: float) -> float:
    limits = logit(np.clip(np.asarray(thresholds, float), EDGE, 1 - EDGE))
    distance = float(np.abs(logits.mean() - limits).min())
    if spread:
        return distance / spread
    return math.inf if distance else 0.0
