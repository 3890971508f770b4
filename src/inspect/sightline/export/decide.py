"""Chooses the policy's thresholds, on the calibrate part only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sightline.config.decision import Decision
from sightline.export.ranking import best_threshold
from sightline.export.tail import Tail, score, wanted_for
from sightline.verdict import ANY_DEFECT, Policy, Threshold

FEWEST = 5
"""Defective and other images that a threshold of its own needs; below, the recipe's fixed threshold is taken."""


def choose(
    scores: NDArray[np.float32],
    truth: NDArray[np.bool_],
    classes: tuple[str, ...],
    decision: Decision,
    *,
    exclusive: bool,
    good: bool,
) -> Policy:
    """Chooses thresholds by the recipe's rule.

    A model that knows good parts and one type a frame has one threshold on the defect score; one with several types
    a frame has one per type; one that never saw a good part names the type, or sends the frame to review.

    Args:
        scores: (N, C) calibrated scores of the calibrate part.
        truth: (N, C) whether the frame shows the type.
        classes: Names of the C types.
        decision: The recipe's rule.
        exclusive: Whether a frame shows at most one type.
        good: Whether the model knows what is sound (`Policy.good_known`).
    """
    bare = Policy(exclusive=exclusive, good_known=good, thresholds={ANY_DEFECT: _threshold(0.5, decision)})
    if exclusive and good:
        value, why = _one(bare.defect_score(scores), np.asarray(truth.any(axis=1)), decision)
        chosen, whys = {ANY_DEFECT: value}, [why]
    elif exclusive:
        chosen = dict.fromkeys(classes, decision.threshold)
        whys = [f"fixed {decision.threshold:g} per type: without good parts a threshold only says how sure the type is"]
    elif decision.rule == "overkill":
        value, why = _rarely(bare.defect_score(scores), np.asarray(truth.any(axis=1)), decision)
        chosen, whys = {ANY_DEFECT: value}, [why]
    else:
        pairs = {name: _one(scores[:, k], truth[:, k], decision) for k, name in enumerate(classes)}
        chosen, whys = {name: value for name, (value, _) in pairs.items()}, [f"{n}: {w}" for n, (_, w) in pairs.items()]
    return bare.model_copy(
        update={
            "thresholds": {key: _threshold(value, decision) for key, value in chosen.items()},
            "chosen_by": "; ".join(whys),
        }
    )


def policy_of(limits: dict[str, float], decision: Decision, why: str) -> Policy:
    """The policy of a model that localises, with a threshold for each type.

    It may answer OK: what is sound it knows at least from the rest of defective frames.
    """
    thresholds = {name: _threshold(value, decision) for name, value in limits.items()}
    return Policy(exclusive=False, good_known=True, thresholds=thresholds, chosen_by=why)


def _rarely(scores: NDArray[np.floating], defective: NDArray[np.bool_], decision: Decision) -> tuple[float, str]:
    """The lowest threshold that at most a share of the good parts reaches, between it and the next score above."""
    good = np.sort(scores[~defective].astype(np.float64))[::-1]
    if len(good) < FEWEST:
        return decision.threshold, f"fixed {decision.threshold:g}, since {len(good)} good images do not suffice"
    allowed = int(np.floor(decision.overkill * len(good) + 1e-9))
    above = scores[scores > good[allowed]]
    value = (good[allowed] + float(above.min())) / 2 if len(above) else (good[allowed] + 1) / 2
    found = int((scores[defective] >= value).sum())
    rejected = int((good >= value).sum())  # as many as allowed, or more where they all score the highest there is
    told = f"{rejected} of {len(good)} good images of the calibrate part reach it, {decision.overkill:.2%} may"
    return value, f"{told}; of {int(defective.sum())} defective ones there it finds {found}; no guarantee"


def by_overkill(defective: NDArray[np.bool_], decision: Decision) -> bool:
    """Whether good parts alone choose the threshold of such a model: that is the rule unless a recipe has another.

    The best F1 hangs on how many defects are known beside how many good parts, which no line has in this ratio; so
    known defects choose only if the recipe asks for it, and there are enough.

    Args:
        defective: (N,) whether each frame of the calibrate part shows a defect.
        decision: The recipe's rule.
    """
    return decision.rule in ("auto", "overkill") or (decision.rule == "f1" and _few(defective))


def _few(defective: NDArray[np.bool_]) -> bool:
    """Whether there are too few of one kind for the best F1."""
    return min(int(defective.sum()), int((~defective).sum())) < FEWEST


def choose_one_class(
    scores: NDArray[np.float32], defective: NDArray[np.bool_], decision: Decision, tail: Tail
) -> Policy:
    """Chooses the threshold of a model of good parts alone.

    Args:
        scores: (N, 1) scores of the calibrate part.
        defective: (N,) whether the frame shows a defect; it may be none.
        decision: The recipe's rule.
        tail: What scores mean: how rarely a good part gets them.
    """
    if by_overkill(defective, decision):
        share = decision.overkill if decision.rule == "overkill" else max(decision.overkill, tail.rarest)
        value = float(score(-np.log10(share)))
        found = int((scores[defective, 0] >= value).sum())
        why = f"{share:.2%} of good parts may be rejected, told from {tail.count} different ones of the calibrate part"
        if decision.rule == "f1":
            why = f"too few known defects for the best F1: {why}"
        if decision.overkill < tail.rarest:
            how = "extrapolated beyond the oddest of them" if share < tail.rarest else "so few tell no smaller share"
            why += f" ({how}: {decision.overkill:.2%} takes {wanted_for(decision.overkill):,} there)"
        why += "; no guarantee"
        if defective.any():
            why += f"; of {int(defective.sum())} defective images there it finds {found}"
            why += _at_best_f1(scores[:, 0], defective)
    else:
        value, why = _one(scores[:, 0], defective, decision)
        rejected = int((scores[~defective, 0] >= value).sum())
        found = int((scores[defective, 0] >= value).sum())
        why += f"; there it rejects {rejected} good images and finds {found} defective ones"
    return Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: _threshold(value, decision)}, chosen_by=why)


def _at_best_f1(scores: NDArray[np.float32], defective: NDArray[np.bool_]) -> str:
    """What known defects would choose, for a person to compare."""
    if _few(defective):
        return ""
    reached = scores >= best_f1(scores, defective)
    return (
        f" (decide.rule=f1 would find {int(reached[defective].sum())} and reject {int(reached[~defective].sum())} of "
        f"{int((~defective).sum())} good images)"
    )


def best_f1(scores: NDArray[np.float32], truth: NDArray[np.bool_]) -> float:
    """The threshold of the best F1; in the middle between the scores around it, so that neither side is at its edge.

    Args:
        scores: (N,) from 0 to 1.
        truth: (N,) whether each shows a defect; if none does, the threshold is 1.
    """
    order = np.argsort(-scores, kind="stable")
    found = best_threshold(scores[order].astype(np.float64), truth[order], int(truth.sum()))
    return 1.0 if found is None else found


def _one(scores: NDArray[np.floating], truth: NDArray[np.bool_], decision: Decision) -> tuple[float, str]:
    defective, other = int(truth.sum()), int((~truth).sum())
    counts = f"{defective} defective and {other} other images of the calibrate part"
    if decision.rule == "fixed":
        return decision.threshold, f"fixed {decision.threshold:g} by the recipe; {counts}"
    if _few(truth):
        return decision.threshold, f"fixed {decision.threshold:g}, since {counts} do not suffice for another"
    return best_f1(scores.astype(np.float32), truth), f"best F1 on {counts}; no guarantee"


def _threshold(value: float, decision: Decision) -> Threshold:
    ng = float(np.clip(value, 1e-6, 1.0))
    return Threshold(ng=ng, review=max(1e-6, ng - decision.review_margin))
