"""What a study found, in words: for the head of the report, and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.msa.appraisal import Appraisal
from sightline.msa.findings import Findings, Repeated
from sightline.msa.plan import Reach
from sightline.msa.present import LIGHT, NOISE, NOTHING, ROTATION, SHIFT
from sightline.msa.rates import EFFECTIVENESS, FALSE_ALARM_RATE, LIMITS, MISS_RATE, Grade, Rate
from sightline.msa.represented import ALL_CHANGES, CLOSE, Repeatability

_GRADES = {
    Grade.ACCEPTABLE: "acceptable",
    Grade.MARGINAL: "marginal",
    Grade.UNACCEPTABLE: "not acceptable",
}
FIGURES = {EFFECTIVENESS: "effectiveness", MISS_RATE: "miss rate", FALSE_ALARM_RATE: "false-alarm rate"}
_OF = {
    EFFECTIVENESS: "parts answered right every time",
    MISS_RATE: "answers on defective parts",
    FALSE_ALARM_RATE: "answers on good parts",
}


def percent(value: float) -> str:
    """A share as per cent with one place; what is not 0 or 1 is not rounded to it."""
    told = f"{100 * value:.1f}"
    if told == "0.0" and value > 0:
        return "< 0.1 %"
    if told == "100.0" and value < 1:
        return "> 99.9 %"
    return f"{told} %"


def worst(findings: Findings) -> Grade:
    """The grade of the study: that of its worst appraiser."""
    return max((one.grade for one in findings.agreement.appraisers), key=list(Grade).index)


def headline(findings: Findings) -> str:
    """The verdict of the study in one sentence."""
    appraisers = findings.agreement.appraisers
    grade = worst(findings)
    if grade is Grade.ACCEPTABLE:
        return "The inspection is acceptable: so is every appraiser by each of the usual figures."
    short = [one.name for one in appraisers if one.grade is grade]
    verb = "may need" if grade is Grade.MARGINAL else "needs" if len(short) == 1 else "need"
    return f"The inspection is {_GRADES[grade]}: {_listed(short)} {verb} improvement."


def sentences(findings: Findings) -> Iterator[str]:
    """The verdict in more words: each appraiser, people against the model, and what so few parts do not show."""
    for one in findings.agreement.appraisers:
        name = f"{one.name} (the model)" if one.name in findings.model_names else one.name
        yield f"{name} is {_GRADES[one.grade]}: {_why(one)}."
    if findings.people and findings.models:
        parts, total = len(findings.contested), len(findings.study.parts)
        yield f"People and the model disagree on {parts} of {total} parts."
    for model in findings.models:
        yield steadiness(model)
    if not_shown := sorted(
        {name for one in findings.agreement.appraisers for name in _unshown(one)}, key=list(LIMITS).index
    ):
        told = _listed([FIGURES[name] for name in not_shown])
        yield (
            f"{len(findings.study.parts)} parts are too few to show that each acceptable {told} is more than luck: see "
            "what so few parts cannot show."
        )


def steadiness(model: Repeated) -> str:
    """How steady a bundle is, in one sentence."""
    every, run = model.rows[-1], model.of.run
    worst_row = max(model.rows, key=lambda row: (row.change != ALL_CHANGES, row.changed.count, _close(row)))
    told = f"Shown again {run.presentations} times under each kind of change, {run.appraiser} "
    if every.changed.count:
        told += (
            f"changed its verdict on {every.changed.count} of {every.changed.of} parts "
            f"({percent(every.changed.value)}, 95 %: {_interval(every.changed)}), {worst_row.changed.count} of them "
            f"under {worst_row.change}"
        )
    else:
        told += (
            f"changed its verdict on none of {every.changed.of} parts (95 %: at most {percent(every.changed.at_most)})"
        )
    return f"{told}; under {worst_row.change} {_close(worst_row)} lie within {CLOSE:g} spreads of a threshold."


def limits(findings: Findings) -> Iterator[str]:
    """What the study does not say, whatever its figures."""
    yield (
        "The reference is taken for true: where the experts erred, whoever was right is counted as wrong. Parts near "
        "the limit decide how hard the study is; where all are plain, everybody is always right."
    )
    yield (
        "People judged pictures, as the model does, and not the part in the hand: what they would see by turning it is "
        "not in here."
    )
    if findings.models:
        yield (
            "The model's presentations are computed from one picture of each part, by changes of the size that is "
            "stated. A part that is put before the camera again may change more: pose, gloss, focus, dirt."
        )
        yield (
            "Pictures that the model learned from flatter it. Nothing here knows which they are: plan with pictures "
            "that it has not seen."
        )
    if told := [f"{n} {outcome.value}" for outcome, n in findings.agreement.team.undecided.items()]:
        yield f"Answers other than OK and NG count as NG, for the part was not passed: {_listed(told)}."
    yield (
        "Several answers to one part may err alike, so the intervals take the parts as the sample. More trials show "
        "more of the repeatability; they do not replace parts."
    )


def reach_row(one: Reach) -> tuple[str, str, str, str]:
    """What the parts can show of a figure at best: its name, the parts, the bound, and what would be needed."""
    rising = one.figure == EFFECTIVENESS
    side = "at least" if rising else "at most"
    kind = {EFFECTIVENESS: "", MISS_RATE: "defective ", FALSE_ALARM_RATE: "good "}[one.figure]
    needed = f"{one.needed} {kind}parts without an error" if not one.enough else "enough parts"
    return FIGURES[one.figure], f"{one.parts} {kind}parts", f"{side} {percent(one.best)}", needed


def change_words(kind: str, changes: dict[str, float]) -> str:
    """A kind of change with its magnitude."""
    return {
        SHIFT: f"shift, up to {changes['shift']:g} px",
        ROTATION: f"rotation, up to {changes['turn']:g}°",
        LIGHT: f"light, up to ±{100 * changes['light']:g} %",
        NOISE: f"noise of {changes['noise']:g} grey levels",
        NOTHING: "nothing changed",
        ALL_CHANGES: "all of these, pooled",
    }[kind]


def _close(row: Repeatability) -> int:
    return row.close.count if row.close else 0


def _why(one: Appraisal) -> str:
    """The figures that fall short; all of them if none does."""
    short = [name for name, grade in one.grades.items() if grade is not Grade.ACCEPTABLE] or list(LIMITS)
    return "; ".join(_figure(one, name) for name in short)


def _figure(one: Appraisal, name: str) -> str:
    rate, side = one.rates[name], "at least" if LIMITS[name].rising else "at most"
    return (
        f"{FIGURES[name]} {percent(rate.value)} ({rate.count} of {rate.of} {_OF[name]}; acceptable is {side} "
        f"{100 * LIMITS[name].acceptable:g} %)"
    )


def _unshown(one: Appraisal) -> list[str]:
    return [name for name, shown in one.shown.items() if one.grades[name] is Grade.ACCEPTABLE and not shown]


def _interval(rate: Rate) -> str:
    low, high = rate.interval
    return f"{100 * low:.1f} to {percent(high)}"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
