"""Thresholds moved so that what must not happen is proved, or so that errors cost least.

The thresholds of before say how grave the types of defect are beside each other, and keep how they stand to each other;
what is chosen is where all of them lie together (`gravity`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Locate, Manifest
from sightline.config.decision import Decision
from sightline.errors import ConfigError, DataError
from sightline.export import tasks, told
from sightline.export.evaluate import Scored
from sightline.export.gravity import gravity, limits_of, moved
from sightline.export.sweep import Outputs
from sightline.index import Index, Sample
from sightline.risk import (
    Aims,
    Choice,
    Costs,
    Kind,
    Limits,
    Outlook,
    Parts,
    Saving,
    cheapest,
    choose,
    expect,
    guarantee_escape,
    guarantee_overkill,
    saving,
)
from sightline.risk import Guarantee as Proof
from sightline.runtime.looked import Link
from sightline.verdict import Guarantee, Outcome, Policy

_CLEAR = 1e-6  # of 0 and 1, so that a threshold has a finite logit
_ROUNDING = 1e-9  # of a share


@dataclass(frozen=True)
class Wish:
    """What thresholds are chosen by; one of the first two at least.

    Attributes:
        aims: What must not happen more often than so, to be proved.
        costs: What errors cost. Beside aims they are told; alone they choose.
        per_type: Whether the escape rate is kept for each type of defect by itself as well.
    """

    aims: Aims | None = None
    costs: Costs | None = None
    per_type: bool = False

    @classmethod
    def of(cls, decision: Decision) -> Wish | None:
        """What a recipe asks for; None if neither a guarantee nor the least cost."""
        asked, price, rate = decision.guarantee, decision.costs, decision.defect_rate
        if asked is None and price is None:
            return None
        wish = cls(per_type=asked is not None and asked.per_type)
        if asked is not None:
            aims = Aims(asked.max_escape, asked.confidence, asked.max_overkill, asked.review_budget, rate)
            wish = replace(wish, aims=aims)
        if price is not None and rate is not None:
            wish = replace(wish, costs=Costs(price.escape, price.scrap, price.parts_a_day, rate, price.review))
        return wish


@dataclass(frozen=True)
class Assured:
    """What was chosen, and what comes of it.

    Attributes:
        policy: With the new thresholds, and what is proved of them.
        locate: How single defects are told with them; None of a bundle that does not locate them.
        limits: The thresholds on the gravity.
        today: The thresholds of before, likewise.
        choice: With the proofs; None where costs alone chose.
        outlook: What to expect of the new ones; None without a defect rate, or without good parts.
        outlook_today: The same of those of before.
        saving: What the cheapest thresholds would save against those of before; None where no costs are given.
    """

    policy: Policy
    locate: Locate | None
    limits: Limits
    today: Limits
    choice: Choice | None = None
    outlook: Outlook | None = None
    outlook_today: Outlook | None = None
    saving: Saving | None = None


def assure(manifest: Manifest, index: Index, answers: Sequence[Outputs], wish: Wish) -> Assured:
    """Moves the thresholds of a bundle.

    Args:
        manifest: The bundle's, with the thresholds of before.
        index: Tells what the images show; nothing of the bundle was learned from them.
        answers: What each of its models says of them. Of a defective frame the least grave answer counts and of a good
            one the gravest, so that what is proved holds for each model.
        wish: What to choose by.

    Raises:
        DataError: The images do not suffice, or the bundle never answers OK.
    """
    if not manifest.policy.good_known:
        raise DataError(
            "this bundle has seen no good part and never answers OK: nothing can escape, and nothing is to be chosen",
            hint="Train with good parts among the images.",
        )
    first = tasks.scored(answers[0], index, manifest)
    judged = np.array([gravity(manifest.policy, manifest.classes, _counted(one, manifest)) for one in answers])
    defective, good, types = _parts(first, np.where(first.defective, judged.min(0), judged.max(0)))
    if wish.aims is None:
        made = _cheapest(manifest, defective, good, wish)
    else:
        choice = choose(defective, good, wish.aims, types if wish.per_type else None)
        policy = _proved(manifest.policy, choice)
        made = Assured(policy, _locate(manifest, policy), choice.limits, limits_of(manifest.policy), choice)
        for outputs in answers:
            _check(manifest, index, outputs, made, choice)
    return _with_outlook(made, defective, good, wish)


def refuse_few(index: Sequence[Sample], wish: Wish) -> None:
    """Looks, before anything is learned, whether there are parts enough for what is wished.

    Args:
        index: The images that will choose the thresholds.
        wish: What to choose by.

    Raises:
        DataError: With what is lacking.
    """
    if wish.aims is None:
        return
    defective, good = ([sample for sample in index if bool(sample.labels) is kind] for kind in (True, False))

    def of(kind: Kind, samples: Sequence[Sample]) -> Parts:
        return Parts.of(kind, np.zeros(len(samples)), [sample.unit for sample in samples])

    names = {label for sample in defective for label in sample.labels} if wish.per_type else set()
    types = {name: of(Kind.DEFECTIVE, [one for one in defective if name in one.labels]) for name in sorted(names)}
    guarantee_escape(of(Kind.DEFECTIVE, defective), wish.aims.max_escape, wish.aims.confidence, types)
    if wish.aims.max_overkill is not None:
        guarantee_overkill(of(Kind.GOOD, good), wish.aims.max_overkill, wish.aims.confidence)


def _cheapest(manifest: Manifest, defective: Parts, good: Parts | None, wish: Wish) -> Assured:
    """The thresholds that cost least, of which nothing is proved.

    Raises:
        ConfigError: There are no costs either.
        DataError: There are no good parts.
    """
    costs = wish.costs
    if costs is None:
        raise ConfigError("expected a largest escape rate or costs to choose thresholds by, got neither")
    if good is None:
        raise DataError(
            "expected good parts to weigh their scrap against escapes, and there is none", hint="Add good parts."
        )
    limits = cheapest(defective, good, costs)
    prices = {"an escape": costs.escape, "a scrapped part": costs.scrap, "a review": costs.review}
    told = ", ".join(f"{what} {price:g}" for what, price in prices.items() if price is not None)
    why = (
        f"the least cost, on {defective.count:,} defective and {good.count:,} good parts ({told}; "
        f"{costs.defect_rate:.3%} of parts defective); no guarantee"
    )
    update = {"thresholds": moved(manifest.policy, limits), "chosen_by": why, "guarantees": ()}
    policy = manifest.policy.model_copy(update=update)
    return Assured(policy, _locate(manifest, policy), limits, limits_of(manifest.policy))


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


def _proved(before: Policy, choice: Choice) -> Policy:
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


def _check(manifest: Manifest, index: Index, outputs: Outputs, made: Assured, choice: Choice) -> None:
    """Makes sure that the runtime's own verdicts keep on these images what was proved of the gravity.

    Raises:
        DataError: They do not.
    """
    after = manifest.model_copy(update={"policy": made.policy, "locate": made.locate})
    scored = tasks.scored(outputs, index, after)
    outcomes = np.array([verdict.outcome for verdict in scored.verdicts])
    wrong = [(choice.escape, scored.defective, Outcome.OK), (choice.overkill, ~scored.defective, Outcome.NG)]
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


def _with_outlook(made: Assured, defective: Parts, good: Parts | None, wish: Wish) -> Assured:
    aims, costs = wish.aims, wish.costs
    rate = costs.defect_rate if costs else aims.defect_rate if aims else None
    if good is None or rate is None:
        return made
    confidence = aims.confidence if aims else 0.95
    after, before = (expect(defective, good, limits, rate, confidence) for limits in (made.limits, made.today))
    saved = None if costs is None else saving(defective, good, costs, made.today, confidence)
    return replace(made, outlook=after, outlook_today=before, saving=saved)
