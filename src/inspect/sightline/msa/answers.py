"""What a bundle answers when a part is presented to it, and which of its scores decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from sightline import image
from sightline.bundle import Manifest
from sightline.msa.folder import StudyFolder
from sightline.msa.present import KINDS, Changes, present
from sightline.msa.represented import EDGE
from sightline.runtime import Inspection, Inspector
from sightline.runtime.defects import defects_of
from sightline.verdict import Frame, Outcome

_GRAVITY = (Outcome.OK, Outcome.REVIEW, Outcome.NOT_INSPECTED, Outcome.NG)


@dataclass(frozen=True)
class Answer:
    """To one presentation of one part.

    Attributes:
        outcome: The verdict.
        scores: 0 to 1, by what a threshold acts on: a defect type, or ``*`` for the defect score. None if it was not
            inspected.
    """

    outcome: Outcome
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Answers:
    """To one part.

    Attributes:
        trials: In each trial.
        presented: Kind of change -> to each presentation.
    """

    trials: list[Answer]
    presented: dict[str, list[Answer]]


def ask_about(
    inspector: Inspector, study: StudyFolder, changes: Changes, presentations: int, seed: int, part: str
) -> Answers:
    """All answers of a bundle to one part.

    What is drawn for an image hangs on its content and on no other image, so that it stays when parts are left out.

    Args:
        inspector: The bundle at work.
        study: That the part is of.
        changes: How much each presentation may change the frame.
        presentations: Under each kind of change alone.
        seed: Of the changes.
        part: Its name.

    Raises:
        ImageError: An image does not have the bits that the bundle expects.
    """
    shown = study.record.parts[part].images
    bits = inspector.manifest.input.bits
    frames = [(image.read(study.path / one.file, bits=bits), int(one.sha256[:16], 16)) for one in shown]

    def answer(changed: Changes, *draw: int) -> Answer:
        drawn = [
            (present(frame, changed, np.random.default_rng((seed, content, *draw))), f"{part} {draw}")
            for frame, content in frames
        ]
        return _together([_answer(inspector, inspector.examine(Frame(pixels, name))) for pixels, name in drawn])

    return Answers(
        [answer(changes, len(KINDS), trial) for trial in range(study.record.trials)],
        {
            kind: [answer(alone, KINDS.index(kind), number) for number in range(presentations)]
            for kind, alone in changes.kinds.items()
        },
    )


def _answer(inspector: Inspector, seen: Inspection) -> Answer:
    outcome, manifest = seen.verdict.outcome, inspector.manifest
    if seen.reading is None or outcome is Outcome.NOT_INSPECTED:
        return Answer(Outcome.NOT_INSPECTED, {})
    policy, scores = manifest.policy, seen.reading.scores
    if manifest.locate is not None and policy.minimum_area:
        scores = policy.counted(scores, manifest.classes, defects_of(seen.reading, manifest))
    named = dict(zip(manifest.classes, scores.tolist(), strict=True))
    acted = {key: named.get(key, float(policy.defect_score(scores))) for key in policy.thresholds}
    return Answer(outcome, {key: min(1.0, max(0.0, score)) for key, score in acted.items()})


def _together(answers: Sequence[Answer]) -> Answer:
    """One answer to a part of several images: the gravest verdict, and of each score the highest."""
    outcome = max((answer.outcome for answer in answers), key=_GRAVITY.index)
    if outcome is Outcome.NOT_INSPECTED:
        return Answer(outcome, {})
    scored = [answer.scores for answer in answers if answer.scores]
    return Answer(outcome, {key: max(scores[key] for scores in scored) for key in scored[0]})


def thresholds_of(manifest: Manifest) -> dict[str, tuple[float, ...]]:
    """The scores at which the verdict changes; below NG that of a model that never says OK does not."""
    policy = manifest.policy
    return {
        key: tuple(sorted({limit.ng, limit.review} if policy.good_known else {limit.ng}))
        for key, limit in policy.thresholds.items()
    }


def deciding(answers: Iterable[Answer], thresholds: Mapping[str, Sequence[float]]) -> str:
    """What decides on a part: the score that on the whole lies highest above its NG threshold, or nearest below.

    It is one for all presentations of a part, so that its spread is that of one score, told on the logit as margins
    are. Where another type of defect decides under some change, the verdicts tell.
    """
    scored = [answer.scores for answer in answers if answer.scores]
    if not scored:
        return next(iter(thresholds))

    def above(key: str) -> float:
        mean = float(np.mean([_logit(scores[key]) for scores in scored]))
        return mean - _logit(max(thresholds[key]))

    return max(thresholds, key=above)


def _logit(score: float) -> float:
    return float(logit(min(1 - EDGE, max(EDGE, score))))
