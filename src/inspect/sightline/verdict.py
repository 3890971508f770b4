"""The values that flow from a camera frame to a verdict, and the policy that turns one into the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

ANY_DEFECT = "*"
"""Key of the threshold on the frame's defect score, whatever the type of the defect."""

_ROUNDING = 1e-3
"""How far outside 0 to 1 a float32 score may lie and still count as a probability."""


class Outcome(StrEnum):
    """What the station answers for one trigger."""

    OK = "OK"
    NG = "NG"
    REVIEW = "REVIEW"
    NOT_INSPECTED = "NOT_INSPECTED"


@dataclass(frozen=True, eq=False)
class Frame:
    """One image to be inspected.

    Attributes:
        image: RGB, uint8 (H, W, 3), as decoded; preprocessing is the inspector's work.
        id: Name of the frame in journals and reports: a file name, or camera and sequence number.
        template: The defect-free picture that it is compared with, likewise, where the frame brings its own.
        variant: The variant of the product that it shows, where that is known; it names one of the bundle's templates.
    """

    image: NDArray[np.uint8]
    id: str = ""
    template: NDArray[np.uint8] | None = None
    variant: str = ""


@dataclass(frozen=True)
class Defect:
    """A defect that the verdict names.

    Attributes:
        label: Its type.
        score: Calibrated probability, 0 to 1, on the scale of the frame's score: the surest of a type has that itself.
        box: x1, y1, x2, y2 in pixels of the frame, where the method localises; else None.
        area: In pixels of the frame, where the method localises: of a region its own, of a box that of the box; else
            None.
        area_mm2: The same in mm², where the scale of the frames is known; else None.
        contour: Its outline, x, y in pixels of the frame, along the edges of pixels; empty where the method gives none.
        mean: Of its pixels, where the method outlines it, the mean probability; else None.
    """

    label: str
    score: float
    box: tuple[float, float, float, float] | None = None
    area: float | None = None
    area_mm2: float | None = None
    contour: tuple[tuple[float, float], ...] = ()
    mean: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what the method does not tell is left out."""
        told = {"box": self.box, "area": self.area, "area_mm2": self.area_mm2, "contour": self.contour or None}
        plain = {"label": self.label, "score": self.score} | (
            {} if self.mean is None else {"mean": round(self.mean, 6)}
        )
        return plain | {key: _plain(value) for key, value in told.items() if value is not None}


@dataclass(frozen=True)
class Verdict:
    """The one answer to one frame, with reasons a person can read.

    Attributes:
        outcome: OK, NG, REVIEW or NOT_INSPECTED.
        reasons: Why, in words; never empty unless OK.
        defects: Defects named, the most probable first.
        scores: Calibrated probability per defect type; empty if not inspected.
        frame: The frame's id.
        bundle: Name, version and short digest of the bundle that answered.
        milliseconds: Time from frame to verdict.
    """

    outcome: Outcome
    reasons: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    frame: str = ""
    bundle: str = ""
    milliseconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, in a stable order of keys."""
        return {
            "frame": self.frame,
            "outcome": self.outcome.value,
            "reasons": list(self.reasons),
            "defects": [defect.to_dict() for defect in self.defects],
            "scores": self.scores,
            "bundle": self.bundle,
            "milliseconds": round(self.milliseconds, 3),
        }


def _plain(value: Any) -> Any:  # noqa: ANN401 - numbers, and tuples of them
    return [_plain(part) for part in value] if isinstance(value, tuple) else round(float(value), 3)


class Threshold(BaseModel):
    """From ``review`` upwards a person looks, from ``ng`` upwards the part is rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ng: float = Field(gt=0, le=1)
    review: float = Field(gt=0, le=1)

    @model_validator(mode="after")
    def _review_not_above_ng(self) -> Threshold:
        if self.review > self.ng:
            raise ValueError(f"review ({self.review}) must not be above ng ({self.ng})")
        return self


class Guarantee(BaseModel):
    """What is proved of a policy's verdicts, for parts like those that chose its thresholds.

    Attributes:
        of: ``escape``: defective parts that are answered OK; ``overkill``: good ones that are answered NG.
        target: They are at most this share of photographs, each part weighing the same.
        confidence: How surely.
        parts: That it was proved on.
        photographs: Of these parts.
        seen: The share on them.
        types: Types of defect that keep the target one by one as well.
        words: The same as a sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: Literal["escape", "overkill"]
    target: float = Field(gt=0, lt=1)
    confidence: float = Field(gt=0, lt=1)
    parts: int = Field(ge=1)
    photographs: int = Field(ge=1)
    seen: float = Field(ge=0, le=1)
    types: tuple[str, ...] = ()
    words: str


def large_enough(area: float | None, minimum: float) -> bool:
    """Whether a defect of this area counts where a minimum is asked for, both in pixels; of one unknown it does."""
    return area is None or area >= minimum


class Policy(BaseModel):
    """How scores become an outcome.

    Attributes:
        exclusive: Whether a frame shows at most one type (softmax); its scores then add up to the defect score.
        good_known: Whether the model knows what is sound: from good parts, or, where it locates defects, from the rest
            of defective frames. If not, no frame is ever OK.
        thresholds: Per class, or under ``*`` for the frame's defect score.
        minimum_area: Smallest area of a defect that counts, in pixels of the frame, where the method locates them.
        chosen_by: In words: the rule, and the samples it was chosen on.
        guarantees: What is proved of the verdicts, whichever model of the bundle answers; often nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    exclusive: bool
    good_known: bool
    thresholds: dict[str, Threshold] = Field(min_length=1)
    minimum_area: float = Field(0.0, ge=0)
    chosen_by: str = ""
    guarantees: tuple[Guarantee, ...] = ()

    def threshold(self, name: str) -> Threshold:
        """The threshold on a type: its own, or the one on the defect score."""
        return self.thresholds[name if name in self.thresholds else ANY_DEFECT]

    def defect_score(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Probability of any defect: (..., C) -> (...,); the sum of exclusive scores, else the largest."""
        total: NDArray[np.floating] = scores.sum(axis=-1) if self.exclusive else scores.max(axis=-1)
        return total

    def counts(self, area: float | None) -> bool:
        """Whether a defect of this area, in pixels of the frame, is large enough to count; of one unknown it does."""
        return large_enough(area, self.minimum_area)

    def counted(
        self, scores: NDArray[np.float32], classes: Sequence[str], located: Sequence[Defect]
    ) -> NDArray[np.float32]:
        """The scores (C,) that count, of one frame's scores (C,) and the defects located on it.

        Where the surest defect of a type is too small, what counts is the score of the surest that is not, or 0 if
        there is none.
        """
        counted = scores.copy()
        for number, name in enumerate(classes):
            of_type = [defect for defect in located if defect.label == name]
            surest = max((defect.score for defect in of_type), default=0.0)
            large = max((defect.score for defect in of_type if self.counts(defect.area)), default=0.0)
            if large < surest:
                counted[number] = large
        return counted

    def decide(
        self, scores: NDArray[np.float32], classes: Sequence[str], located: Sequence[Defect] | None = None
    ) -> Verdict:
        """Turns one frame's scores (C,) into a verdict; scores that are no probabilities are never OK.

        Args:
            scores: float32 (C,).
            classes: Names of the C types.
            located: The defects that were located, of a model that locates them: the verdict names those that are large
                enough one by one, and no other makes it graver (`counted`). None of a model that does not.
        """
        # Written so that NaN, which compares false with everything, counts as outside.
        if not ((scores >= -_ROUNDING) & (scores <= 1 + _ROUNDING)).all():
            return Verdict(Outcome.NOT_INSPECTED, ("the model answered with a value that is no probability",))
        named = {name: float(score) for name, score in zip(classes, scores, strict=True)}
        counted = scores
        if located is not None:
            counted = self.counted(scores, classes, located)
            located = [defect for defect in located if self.counts(defect.area)]
        reached = [self._reach(key, limit, counted, classes) for key, limit in self.thresholds.items()]
        for outcome in (Outcome.NG, Outcome.REVIEW):
            found = [(reason, label) for severity, reason, label in reached if severity is outcome]
            if found:
                labels = sorted({label for _, label in found}, key=lambda label: -named[label])
                defects = tuple(located or (Defect(label, named[label]) for label in labels))
                return Verdict(outcome, tuple(reason for reason, _ in found), defects, named)
        if not self.good_known:
            top = max(named, key=named.__getitem__)
            reason = (
                f"no type reached its threshold (nearest: {top} {named[top]:.3f}), and the model has seen no good part"
            )
            return Verdict(Outcome.REVIEW, (reason,), (Defect(top, named[top]),), named)
        return Verdict(Outcome.OK, (), (), named)

    def _reach(
        self, key: str, limit: Threshold, scores: NDArray[np.float32], classes: Sequence[str]
    ) -> tuple[Outcome, str, str]:
        """What one threshold says of the scores that count: outcome, reason, and the defect type it names."""
        if key == ANY_DEFECT:
            score, what, label = float(self.defect_score(scores)), "defect score", classes[int(scores.argmax())]
        else:
            score, what, label = float(scores[list(classes).index(key)]), key, key
        if score >= limit.ng:
            return Outcome.NG, f"{what} {score:.3f} reaches the NG threshold {limit.ng:.3f}", label
        if score >= limit.review:
            return Outcome.REVIEW, f"{what} {score:.3f} reaches the REVIEW threshold {limit.review:.3f}", label
        return Outcome.OK, "", label
