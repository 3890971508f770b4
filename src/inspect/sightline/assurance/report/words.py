"""What the page says in sentences: the short of it, thresholds and guarantees, the data, and where it all ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sightline.assurance.report.facts import Facts
from sightline.assurance.report.meanings import differing, meaning
from sightline.bundle.manifest import Calibration, Manifest, Metric
from sightline.verdict import ANY_DEFECT, Guarantee

if TYPE_CHECKING:  # what the bundle says of itself is told in the base installation as well
    from sightline.assurance.report.measure import Measured
    from sightline.assurance.report.study import Study

METHODS = {
    "classify": "names the type of defect that a frame shows",
    "segment": "outlines each defect on a frame and names its type",
    "detect": "puts a box around each defect on a frame and names its type",
    "anomaly": "tells frames that are unlike those of good parts, and where; it does not say what the defect is",
    "compare": "tells frames that differ from their template otherwise than good parts do, and where",
}
VERDICTS = ("escape_rate", "overkill_rate", "review_rate")
_SCALED = {
    "temperature": "by temperature scaling",
    "platt": "by Platt scaling",
    "isotonic": "by isotonic regression",
    "none": "as the network gives them",
}
_OUTCOMES = {"escape_rate": "answered OK", "overkill_rate": "answered NG", "review_rate": "sent to a person"}
_KINDS = {"escape_rate": "defective frames", "overkill_rate": "good frames", "review_rate": "all frames"}


class Weight(StrEnum):
    """How much a sentence weighs, in the words of AIAG's grades; each is a class of the page's style too."""

    GOOD = "acceptable"
    CARE = "marginal"
    FAULT = "unacceptable"
    PLAIN = "plain"


@dataclass(frozen=True)
class Sentence:
    """A sentence with its weight."""

    words: str
    weight: Weight = Weight.PLAIN


def percent(share: float) -> str:
    """A share in per cent, with as many places as it takes to tell it from 0 and from 1."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    for places in (1, 2, 3):
        told = f"{100 * share:.{places}f}"
        if float(told) not in (0, 100):
            return f"{told} %"
    return "< 0.001 %" if share < 0.5 else "> 99.999 %"


def between(low: float, high: float) -> str:
    """Two shares as the ends of an interval."""
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def value(metric: Metric) -> str:
    """A figure as text."""
    return percent(metric.value) if meaning(metric.name.partition("/")[0]).share else f"{metric.value:.4f}"


def interval(metric: Metric) -> str:
    """Its interval as text."""
    if meaning(metric.name.partition("/")[0]).share:
        return between(metric.low, metric.high)
    return f"{metric.low:.4f} to {metric.high:.4f}"


def headline(manifest: Manifest, sentences: Sequence[Sentence]) -> Sentence:
    """The short of the short: that something is wrong, or what is guaranteed."""
    faults = sum(one.weight is Weight.FAULT for one in sentences)
    if faults:
        return Sentence(f"{'One thing' if faults == 1 else f'{faults} things'} must be looked at first.", Weight.FAULT)
    if manifest.policy.guarantees:
        return Sentence("The thresholds were chosen with a guarantee.", Weight.GOOD)
    if not manifest.policy.good_known:
        return Sentence("Nothing is passed without a person: the bundle never answers OK.")
    return Sentence("No share of escapes is guaranteed: what was seen is told, with intervals.", Weight.CARE)


def short(facts: Facts, measured: Measured | None, studies: tuple[Study, ...]) -> list[Sentence]:
    """What the page says, in a few sentences."""
    return [
        *_verdicts(facts.manifest, measured),
        *_guaranteed(facts.manifest),
        *_agreement(facts.manifest, measured),
        *_divided(measured),
        *_self_tests(facts),
        *(_judged(study, facts.bundle.digest) for study in studies),
    ]


def _verdicts(manifest: Manifest, measured: Measured | None) -> Iterator[Sentence]:
    """The figures of verdicts: those of now if there are any."""
    figures = {metric.name: metric for metric in (manifest.metrics if measured is None else measured.figures)}
    for name in VERDICTS:
        metric = figures.get(name)
        if metric is not None:
            told = f"{value(metric)} of {_KINDS[name]} were {_OUTCOMES[name]}"
            yield Sentence(f"{told} (95 %: {interval(metric)}; {metric.count:,} parts).")
    if not manifest.policy.good_known:
        yield Sentence("It has seen no good part and never answers OK: a person looks at what it does not reject.")
    elif "escape_rate" not in figures:
        yield Sentence("How many defective parts pass was not measured.", Weight.CARE)


def _guaranteed(manifest: Manifest) -> Iterator[Sentence]:
    if manifest.policy.guarantees:
        yield Sentence(f"Guaranteed: {'; '.join(one.words for one in manifest.policy.guarantees)}.", Weight.GOOD)
    elif manifest.policy.good_known:
        told = "No guarantee: what was seen is no bound on what will be. `sightline calibrate` proves one"
        yield Sentence(f"{told}, or says how many parts it takes.", Weight.CARE)


def _agreement(manifest: Manifest, measured: Measured | None) -> Iterator[Sentence]:
    """Whether the figures of now are those that the bundle states."""
    if measured is None:
        yield Sentence("Nothing was measured for this page: all figures are as the bundle states them.")
        return
    stated = {metric.name for metric in manifest.metrics}
    both = [metric for metric in measured.figures if metric.name in stated]
    differ = differing(manifest.metrics, measured.figures, same_images=measured.same_images)
    if not both:
        yield Sentence("The bundle states none of the figures that were measured here.", Weight.CARE)
    elif measured.same_images and differ:
        yield Sentence(
            f"On the very images that the bundle was measured on, {len(differ)} of {len(both)} figures came out "
            f"otherwise than it states: {_some(differ)}.",
            Weight.FAULT,
        )
    elif measured.same_images:
        told = (
            f"On the very images that it was measured on, all {len(both)} figures came out as the bundle states them."
        )
        yield Sentence(told, Weight.GOOD)
    elif differ:
        yield Sentence(
            f"On these other images {len(differ)} of {len(both)} figures do not agree with what the bundle states, for "
            f"their intervals do not meet: {_some(differ)}.",
            Weight.FAULT,
        )
    else:
        told = "On these other images the intervals of all figures meet those that the bundle states."
        yield Sentence(told, Weight.GOOD)


def _divided(measured: Measured | None) -> Iterator[Sentence]:
    if measured is not None and measured.divided:
        yield Sentence(
            f"Twins, or pictures of one part, lie in several parts of the data ({measured.divided:,} groups of them): "
            "what was measured is flattered by them.",
            Weight.FAULT,
        )


def _self_tests(facts: Facts) -> Iterator[Sentence]:
    for one in facts.self_tests:
        if one.fault:
            yield Sentence(f"It does not answer here as it did where it was made: {one.fault}.", Weight.FAULT)
        elif one.largest is None:
            yield Sentence(f"The {one.precision} model holds no golden samples: no self test.", Weight.CARE)
        else:
            told = f"{one.samples} golden samples score here as where the bundle was made ({one.precision})"
            yield Sentence(f"{told}: largest difference {one.largest:.1g} of {one.tolerance:g}.", Weight.GOOD)


def _judged(study: Study, digest: str) -> Sentence:
    took = study.of(digest)
    if took is None:
        return Sentence("An agreement study of people alone: it says nothing of this bundle.")
    own = next(one for one in study.appraisers if one.name == took.appraiser)
    weight = Weight(own.grade.value)
    told = "not acceptable" if weight is Weight.FAULT else weight.value
    return Sentence(
        f"As an appraiser of {len(study.study.parts)} parts the bundle is {told} by AIAG's figures.", weight
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def threshold_rows(manifest: Manifest) -> list[tuple[str, str, str]]:
    """Of what score, from where REVIEW, from where NG."""
    return [
        ("any defect" if key == ANY_DEFECT else key, f"{limit.review:.6g}", f"{limit.ng:.6g}")
        for key, limit in manifest.policy.thresholds.items()
    ]


def unsaid(guarantees: tuple[Guarantee, ...]) -> Iterator[str]:
    """What guarantees do not say."""
    surest = min(one.confidence for one in guarantees)
    yield (
        f"It holds with {percent(surest)} confidence: so large a share of such choices of thresholds, each on parts of "
        "its own, is right at least; the others are wrong."
    )
    yield "It holds for parts like those that it was proved on, and not for another product, supplier, camera or light."
    yield "It is a share of defective parts: how many of them are shipped hangs on how many there are on the line."
    if not any(one.types for one in guarantees):
        yield "It holds for all types of defect together. A rare type may escape more often: `--per-type` proves each."
    yield "It holds for verdicts on whole frames by the bundle's own models and thresholds, and for no others."


def meaning_of_scores(manifest: Manifest) -> str:
    """What a score says, by how it was calibrated."""
    calibration = manifest.calibration
    if calibration is None:
        return "The scores were not calibrated: they rank parts, and are no probabilities."
    if calibration.method == "tail":
        return (
            "A score is no probability of a defect. A score s says that one good part in 10^(s / (1 - s)) scores as "
            "high: 0.5 is one in ten, 0.667 one in a hundred, 0.75 one in a thousand. It was told from "
            f"{calibration.count:,} good parts that taught nothing; beyond the hottest of them it is extrapolated."
        )
    return " ".join(_probabilities(calibration))


def _probabilities(calibration: Calibration) -> Iterator[str]:
    """What was made of the scores, chosen by what, and how far they can be taken at their word."""
    how = _SCALED.get(calibration.method, f"by {calibration.method}")
    yield f"The scores are probabilities, {how}, settled on {calibration.count:,} examples of the calibrate part."
    if calibration.log_loss_before is not None and calibration.log_loss_after is not None:
        yield f"Their log loss was {calibration.log_loss_before:.4f} before and {calibration.log_loss_after:.4f} after."
    if calibration.chosen_by:
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in calibration.candidates.items())
        yield f"Chosen by: {calibration.chosen_by}{f' ({losses})' if losses else ''}."
    for when, error in (("before", calibration.error_before), ("after", calibration.error_after)):
        if error is not None:
            yield f"Calibration error {when}: {error.value:.4f} (95 %: {error.low:.4f} to {error.high:.4f})."


def limits(facts: Facts) -> list[str]:
    """Where it all ends: what the card says, and what no figure here says."""
    return [
        *facts.card.limits,
        *([] if facts.card.limits else ["The bundle's card states no limits."]),
        "Every figure is of the images that it was measured on. Parts, light and dirt change: measure again.",
        "Labels are taken for true. Where the people who gave them erred, whoever was right is counted as wrong.",
        "A type of defect that is not in the data was not measured, whatever the figures say.",
    ]
