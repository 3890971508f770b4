"""The frames that were judged most wrongly: escapes and overkill, with what is true and what was seen drawn on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from sightline import image
from sightline.dataset import marks
from sightline.export.gravity import gravity
from sightline.index import Sample
from sightline.labelled import Answered
from sightline.runs import Progress
from sightline.runtime import overlay
from sightline.runtime.inspector import Inspection
from sightline.runtime.report import data_uri
from sightline.verdict import ANY_DEFECT, Outcome

MOST = 12
"""Frames of each kind that get pictures: about 20 KB each, so that the page stays one that can be mailed."""

_SIDE = 320
_CLEAR = 1e-6  # of 0 and 1, so that a score has a finite logit


@dataclass(frozen=True)
class Miss:
    """One frame that was judged wrongly.

    Attributes:
        path: The image.
        note: What it shows, its score and the threshold.
        shown: JPEGs in data URIs: the frame with what people drew on it, what the model saw there, and, of a model that
            compares, the template.
    """

    path: str
    note: str
    shown: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Misses:
    """Frames that were judged wrongly in one way: how many there are, and the worst of them."""

    count: int
    worst: tuple[Miss, ...]


def escapes(found: Answered, *, progress: Progress) -> Misses:
    """Defective frames that were answered OK, those furthest below the threshold first.

    Raises:
        DataError: An image was changed since it was scored, or cannot be read any more.
    """
    return _misses(found, found.scored.defective, Outcome.OK, 1, "draw escapes", progress)


def overkill(found: Answered, *, progress: Progress) -> Misses:
    """Good frames that were answered NG, those furthest above the threshold first.

    Raises:
        DataError: As `escapes`.
    """
    return _misses(found, ~found.scored.defective, Outcome.NG, -1, "draw overkill", progress)


def _misses(
    found: Answered, kind: NDArray[np.bool_], outcome: Outcome, order: int, stage: str, progress: Progress
) -> Misses:
    scored = found.scored
    wrong = np.flatnonzero(kind & np.array([verdict.outcome is outcome for verdict in scored.verdicts], bool))
    judged = gravity(scored.policy, scored.classes, scored.counted[wrong])
    worst = wrong[np.argsort(order * judged, kind="stable")][:MOST].tolist()
    drawn = []
    for done, row in enumerate(worst, start=1):
        drawn.append(_miss(found, row))
        progress(stage, done, len(worst))
    return Misses(len(wrong), tuple(drawn))


def _miss(found: Answered, row: int) -> Miss:
    sample, reading = found.scored.samples[row], found.outputs.readings[row]
    frame = found.sweeper.frame(sample)
    inspection = Inspection(found.scored.verdicts[row], frame, reading)
    label, note = _decisive(found, row)
    plain = overlay.fit(frame.image, shortest=_SIDE, longest=_SIDE)
    if any(defect.box for defect in inspection.verdict.defects):
        seen = overlay.draw_seen(plain, inspection, found.manifest)
    else:
        seen = overlay.draw_heat(plain, inspection, found.manifest, label=label)
    shown: Sequence[NDArray[np.uint8]] = (_outlined(plain, sample, found), seen)
    template = found.sweeper.template(sample, reading.place)
    if template is not None:
        shown = (*shown, overlay.fit(template, shortest=_SIDE, longest=_SIDE))
    return Miss(sample.path, f"{' + '.join(sample.names)}: {note}", tuple(map(data_uri, shown)))


def _decisive(found: Answered, row: int) -> tuple[str, str]:
    """The type that decides, and its score in words: of those that are true, if the model knows them.

    It is the one whose score lies furthest beyond its threshold, or nearest below.
    """
    policy, classes = found.manifest.policy, found.manifest.classes
    scores = found.scored.counted[row]
    limits = np.array([policy.threshold(name).ng for name in classes])
    beyond = logit(np.clip(scores, _CLEAR, 1 - _CLEAR)) - logit(np.clip(limits, _CLEAR, 1 - _CLEAR))
    true = [classes.index(name) for name in found.scored.samples[row].labels if name in classes]
    number = max(true or range(len(classes)), key=lambda number: float(beyond[number]))
    if ANY_DEFECT in policy.thresholds:
        return classes[number], f"score {float(policy.defect_score(scores)):.3f}, NG from {limits[number]:.3f}"
    return classes[number], f"{classes[number]} {scores[number]:.3f}, NG from {limits[number]:.3f}"


def _outlined(picture: NDArray[np.uint8], sample: Sample, found: Answered) -> NDArray[np.uint8]:
    """The picture with what people drew on it, as a white line with a black edge."""
    if not marks.is_marked(sample, found.index) or sample.good:
        return picture
    drawn = marks.types_map(sample, found.index) > 0
    shown = (image.resize(drawn.astype(np.uint8) * 255, *picture.shape[:2]) > 0).astype(np.uint8)
    outlines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    made = picture.copy()
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.drawContours(made, outlines, -1, colour, width, cv2.LINE_AA)
    return made
