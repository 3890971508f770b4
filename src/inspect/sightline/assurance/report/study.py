"""What an attribute agreement study found, from the JSON that ``sightline msa report`` writes beside its page."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from sightline.bundle import Bundle
from sightline.errors import DataError
from sightline.msa.folder import Document
from sightline.msa.rates import LIMITS, Grade, Limit


class _Told(Document):
    """What is read of the file; it holds more."""

    model_config = ConfigDict(extra="ignore")


class Rate(_Told):
    """How often something happened, with its exact interval at 95 %."""

    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    count: int
    of: int


class Graded(Rate):
    """A rate that is held against AIAG's limits.

    Attributes:
        grade: What they say of it.
        shown: Whether the parts suffice to show that it is acceptable.
    """

    grade: Grade
    shown: bool


class Appraiser(_Told):
    """A person or a model: the three figures, and the worst of their grades."""

    name: str
    grade: Grade
    effectiveness: Graded
    miss_rate: Graded
    false_alarm_rate: Graded
    repeatability: Rate | None


class Steadiness(_Told):
    """How often a part's verdict changed under one kind of change."""

    change: str
    changed: Rate


class Took(_Told):
    """How a bundle took part."""

    appraiser: str
    digest: str
    presentations: int
    repeatability: tuple[Steadiness, ...]


class Plan(_Told):
    """How the study was planned: the parts with what each is, OK or NG."""

    made: str
    trials: int
    parts: dict[str, Literal["OK", "NG"]]


class _Agreement(_Told):
    appraisers: tuple[Appraiser, ...] = Field(min_length=1)


class Study(_Told):
    """A study that was judged.

    Attributes:
        made: When it was, in ISO 8601.
        sightline: The version that did.
        study: How it was planned.
        agreement: Of everybody with the reference.
        contested: Parts on which people and a model differ.
        models: Bundles that took part.
    """

    format: Literal["sightline-msa-report"]
    version: Literal[1]
    made: str
    sightline: str
    study: Plan
    agreement: _Agreement
    contested: tuple[str, ...]
    models: tuple[Took, ...]

    @property
    def appraisers(self) -> tuple[Appraiser, ...]:
        """Everybody, people and models."""
        return self.agreement.appraisers

    @property
    def accepted(self) -> dict[str, Limit]:
        """What the three figures are held against."""
        return LIMITS

    @property
    def defective(self) -> int:
        """How many parts are."""
        return sum(reference == "NG" for reference in self.study.parts.values())

    @property
    def worst(self) -> Grade:
        """The grade of the study: that of its worst appraiser."""
        return max((one.grade for one in self.appraisers), key=list(Grade).index)

    def of(self, digest: str) -> Took | None:
        """How the bundle of this digest took part; None if it did not."""
        return next((one for one in self.models if one.digest == digest), None)


def read_study(path: Path, bundle: Bundle) -> Study:
    """Reads a study.

    Args:
        path: The JSON file.
        bundle: The bundle that is reported on.

    Raises:
        DataError: The file cannot be read, is no such JSON, or only other bundles took part in the study. One in which
            people alone took part is taken: it is of no bundle.
    """
    try:
        study = Study.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"--msa {path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(
            f"--msa {path}: expected the figures of a study, but {where + ': ' if where else ''}{first['msg']}",
            hint="`sightline msa report` writes them beside its page, as .json.",
        ) from error
    if study.models and study.of(bundle.digest) is None:
        others = ", ".join(f"{one.appraiser} {one.digest[:12]}" for one in study.models)
        raise DataError(
            f"--msa {path}: expected a study in which {bundle.label} took part, found {others}",
            hint="Let this bundle take part: sightline msa run BUNDLE STUDY, then sightline msa report STUDY.",
        )
    return study
