"""New thresholds for a bundle, chosen on labelled images by what must not happen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sightline.assurance.gravity import gravity, limits_of, moved
from sightline.bundle.manifest import Locate, Manifest
from sightline.errors import DataError
from sightline.export import tasks, told
from sightline.export.evaluate import Scored
from sightline.export.sweep import Outputs
from sightline.labelled import Answered
from sightline.risk import Aims, Choice, Costs, Kind, Limits, Outlook, Parts, Saving, choose, expect, saving
from sightline.risk import Guarantee as Proof
from sightline.runtime.looked import Link
from sightline.verdict import Guarantee, Outcome, Policy

_CLEAR = 1e-6  # of 0 and 1, so that a threshold has a finite logit
_ROUNDING = 1e-9  # of a share


@dataclass(frozen=True)
class Recalibrated:
    """What was chosen, and what comes of it.

    Attributes:
        policy: With the new thresholds, and what is proved of them.
        locate: How single defects are told with them; None of a bundle that does not locate them.
        choice: The thresholds on the gravity, with their proofs.
        today: The thresholds of before, likewise.
        outlook: What to expect of the new ones; None without a defect rate, or without good parts.
        outlook_today: The same of those of before.
        saving: What the cheapest thresholds would save against those of before; None where no costs are given.
    """

    policy: Policy
    locate: Locate | None
    choice: Choice
    today: Limits
    outlook: Outlook | None = None
    outlook_today: Outlook | None = None
    saving: Saving | None = None


def recalibrate(found: Answered, aims: Aims, *, per_type: bool = False, costs: Costs | None = None) -> Recalibrated:
    """Chooses thresholds that keep the aims.

    Args:
        found: Images that nothing of the bundle was learned from, with what it says of them.
        aims: What must not happen more often than so.
        per_type: Whether the escape rate is to be kept for each type of defect by itself as well.
        costs: What errors cost, to weigh against the thresholds of before.

    Raises:
        DataError: The images do not suffice for the aims, or the bundle never answers OK.
    """
    manifest, scored = found.manifest, found.scored
    if not manifest.policy.good_known:
        raise DataError(
            "this bundle has seen no good part and never answers OK: nothing can escape, and nothing is to be chosen",
            hint="Train with good parts among the images.",
        )
    judged = gravity(manifest.policy, manifest.classes, _counted(found.outputs, manifest))
    defective, good, types = _parts(scored, judged)
    choice = choose(defective, good, aims, types if per_type else None)
    policy = _policy(manifest.policy, choice)
    made = Recalibrated(policy, _locate(manifest, policy), choice, limits_of(manifest.policy))
    _check(found, made)
    return _with_outlook(made, defective, good, aims, costs)


def _counted(outputs: Outputs, manifest: Manifest) -> NDArray[np.float32]:
    """(N, C) the scores that count, whatever the thresholds are."""
    locate, least = manifest.locate, manifest.policy.minimum_area
    if locate is None or not least:
        return outputs.scores
    if locate.by == "boxes":
        return told.scores_of_boxes(outputs, least)
    link = Link.of(locate, manifest.classes)
    if link is None:
        raise DataError(
            "this bundle was made by an older version, which did not state how its scores follow from its maps",
            hint="Export its run anew.",
        )
    return told.scores_of_regions(outputs, [locate.edges[name] for name in manifest.classes], link, least)


def _parts(scored: Scored, judged: NDArray[np.float64]) -> tuple[Parts, Parts | None, dict[str, Parts]]:
    """Defective parts, good ones if there are any, and the defective ones of each type."""
    units = np.array([sample.unit for sample in scored.samples])

    def of(kind: Kind, rows: NDArray[np.bool_]) -> Parts:
        return Parts.of(kind, judged[rows], units[rows].tolist())

    good = of(Kind.GOOD, ~scored.defective) if (~scored.defective).any() else None
    shown = zip(scored.classes, scored.truth.T, strict=True)
    return (
        of(Kind.DEFECTIVE, scored.defective),
        good,
        {name: of(Kind.DEFECTIVE, rows) for name, rows in shown if rows.any()},
    )


def _policy(before: Policy, choice: Choice) -> Policy:
    proofs = [("escape", choice.escape)] + ([("overkill", choice.overkill)] if choice.overkill else [])
    told = "; ".join(proof.words() for _, proof in proofs)
    return before.model_copy(
        update={
            "thresholds": moved(before, choice.limits),
            "chosen_by": told,
            "guarantees": tuple(_guarantee(of, proof) for of, proof in proofs),
        }
    )


def _guarantee(of: str, proof: Proof) -> Guarantee:
    return Guarantee.model_validate(
        {
            "of": of,
            "target": proof.target,
            "confidence": proof.confidence,
            "parts": proof.parts,
            "photographs": proof.photographs,
            "seen": proof.seen,
            "types": proof.types,
            "words": proof.words(),
        }
    )


def _locate(manifest: Manifest, policy: Policy) -> Locate | None:
    """How single defects are told so that they appear where the frame's score reaches its threshold."""
    locate, classes = manifest.locate, manifest.classes
    if locate is None:
        return None
    limits = np.array([policy.threshold(name).review for name in classes])
    link = Link.of(locate, classes)
    heights = limits if link is None else link.highest(limits).clip(_CLEAR, 1)
    peaks = dict(zip(classes, map(float, heights), strict=True))
    return locate.model_copy(
        update={"peaks": peaks, "edges": {name: min(edge, peaks[name]) for name, edge in locate.edges.items()}}
    )


def _check(found: Answered, made: Recalibrated) -> None:
    """Makes sure that the runtime's own verdicts keep on these images what was proved of the gravity.

    Raises:
        DataError: They do not.
    """
    manifest = found.manifest.model_copy(update={"policy": made.policy, "locate": made.locate})
    scored = tasks.scored(found.outputs, found.index, manifest)
    outcomes = np.array([verdict.outcome for verdict in scored.verdicts])
    wrong = [(made.choice.escape, scored.defective, Outcome.OK), (made.choice.overkill, ~scored.defective, Outcome.NG)]
    for proof, rows, outcome in wrong:
        if proof is None:
            continue
        seen = float(_shares(scored, rows, outcomes == outcome).mean())
        if seen > proof.seen + _ROUNDING:
            raise DataError(
                f"the verdicts are not those that the thresholds were proved on: {seen:.4%} of photographs of "
                f"{proof.kind} parts are answered {outcome.value}, expected {proof.seen:.4%}",
                hint="Lower decide.minimum_area, and export the bundle anew.",
            )


def _shares(scored: Scored, rows: NDArray[np.bool_], hit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(P,) the share of the photographs of each part that are hit."""
    units = np.array([sample.unit for sample in scored.samples])[rows]
    _, part, sizes = np.unique(units, return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(part, hit[rows], len(sizes)) / sizes)


def _with_outlook(
    made: Recalibrated, defective: Parts, good: Parts | None, aims: Aims, costs: Costs | None
) -> Recalibrated:
    rate = aims.defect_rate if costs is None else costs.defect_rate
    if good is None or rate is None:
        return made
    after, before = (
        expect(defective, good, limits, rate, aims.confidence) for limits in (made.choice.limits, made.today)
    )
    saved = None if costs is None else saving(defective, good, costs, made.today, aims.confidence)
    return replace(made, outlook=after, outlook_today=before, saving=saved)
