"""Why a frame got its verdict, in words: what was looked at, what counted, and against which thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sightline.bundle import Manifest
from sightline.runtime.defects import defects_of
from sightline.runtime.inspector import Inspection
from sightline.runtime.reader import Reading
from sightline.verdict import ANY_DEFECT, Defect, Outcome, Policy, Verdict

_MOST_DEFECTS = 10  # told one by one


def why(inspection: Inspection, manifest: Manifest) -> str:
    """Tells in lines why a frame got its verdict.

    Args:
        inspection: The frame, what the model said of it, and the verdict.
        manifest: The manifest of the bundle that gave it.
    """
    verdict, reading = inspection.verdict, inspection.reading
    lines = [f"{verdict.frame}: {verdict.outcome}", *(f"  because {reason}" for reason in _reasons(verdict))]
    if reading is not None and verdict.outcome is not Outcome.NOT_INSPECTED:
        located = None if manifest.locate is None else defects_of(reading, manifest)
        told = (*_scores(reading, located, manifest), *_defects(located or (), manifest.policy))
        lines += [f"  {line}" for line in told]
        lines.append(f"  looked at: {'; '.join(_looked(reading, manifest))}")
        lines += [f"  {line}" for line in _grounds(manifest.policy)]
    return "\n".join([*lines, f"  answered by: {verdict.bundle}"])


def _reasons(verdict: Verdict) -> tuple[str, ...]:
    return verdict.reasons or ("no score reaches a threshold",)


def _scores(reading: Reading, located: Sequence[Defect] | None, manifest: Manifest) -> Iterator[str]:
    """Each score that a threshold is on, beside it; then the types that only add to such a score."""
    policy, classes = manifest.policy, manifest.classes
    counted = reading.scores if located is None else policy.counted(reading.scores, classes, located)
    for key, limit in policy.thresholds.items():
        whole = key == ANY_DEFECT
        score, said = (
            float(policy.defect_score(of) if whole else of[classes.index(key)]) for of in (counted, reading.scores)
        )
        band = f"REVIEW from {limit.review:.4f}, " if limit.review < limit.ng else ""
        small = f", {said:.4f} with those too small" if score < said else ""
        yield f"{'defect score' if whole else key}: {score:.4f}{small} ({band}NG from {limit.ng:.4f})"
    scores = dict(zip(classes, map(float, reading.scores), strict=True))
    if rest := sorted(set(classes) - policy.thresholds.keys(), key=lambda name: -scores[name]):
        how = "added up" if policy.exclusive else "of which the highest counts"
        yield f"types ({how}): {', '.join(f'{name} {scores[name]:.4f}' for name in rest)}"
    if manifest.calibration is None:
        yield "scores are as the model gives them"
    elif manifest.calibration.method == "tail":
        yield "a score s says that one good part in 10^(s / (1 - s)) scores as high"
    else:
        yield f"scores are probabilities, by {manifest.calibration.method} on {manifest.calibration.count:,} examples"


def _defects(located: Sequence[Defect], policy: Policy) -> Iterator[str]:
    counting = [defect for defect in located if policy.counts(defect.area)]
    for defect in counting[:_MOST_DEFECTS]:
        size = f"{defect.area or 0:,.0f} px" + ("" if defect.area_mm2 is None else f" ({defect.area_mm2:,.3g} mm²)")
        where = "{:.0f}, {:.0f} to {:.0f}, {:.0f}".format(*defect.box) if defect.box else "somewhere on the frame"
        yield f"defect: {defect.label} {defect.score:.4f}, {size}, {where}"
    if len(counting) > _MOST_DEFECTS:
        yield f"and {len(counting) - _MOST_DEFECTS:,} defects more"
    if small := len(located) - len(counting):
        yield f"{small:,} smaller than {policy.minimum_area:g} px, which do not count"


def _looked(reading: Reading, manifest: Manifest) -> Iterator[str]:
    place = reading.place
    yield f"{place.frame[1]} x {place.frame[0]} px"
    if place.registration is not None:
        align, (x, y) = manifest.input.align, place.registration.matrix[:2, 2]
        least = "" if align is None else f" (at least {align.quality:.2f})"
        quality = f"quality {place.registration.quality:.2f}{least}"
        yield f"registered to its template, moved {x:+.1f}, {y:+.1f} px, {quality}"
    top, left, height, width = place.region
    if (top, left, height, width) != (0, 0, *place.upright):
        yield f"region {width} x {height} px from {left}, {top}"
    if not reading.looked_at.all():
        yield f"{1 - float(np.mean(reading.looked_at)):.0%} of it ignored"
    if manifest.input.tiles is not None:
        yield f"in tiles of {manifest.input.width} x {manifest.input.height} px"


def _grounds(policy: Policy) -> Iterator[str]:
    if policy.chosen_by:
        yield f"thresholds chosen by: {policy.chosen_by}"
    for proved in policy.guarantees:
        yield f"guaranteed: {proved.words}"
    if policy.good_known and not policy.guarantees:
        yield "guaranteed: nothing; sightline calibrate proves how much may escape"
