"""The manifest: what a bundle says about itself, and all that a runtime needs to know."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sightline.config import Preprocess
from sightline.verdict import ANY_DEFECT, Policy

MANIFEST = "bundle.json"
MODEL = "model.onnx"
INT8_MODEL = "model-int8.onnx"
SIGNATURE = "bundle.sig"

Precision = Literal["fp32", "int8"]
"""Which of a bundle's models: ``model.onnx``, or ``model-int8.onnx`` where it holds one."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Limit = Annotated[float, Field(ge=1e-30, le=1)]
"""What a map or a score is compared with; float32, which maps are, knows no smaller one that could be divided by."""

Scale = Annotated[float, Field(gt=0, le=1e6)]
Bias = Annotated[float, Field(ge=-1e6, le=1e6)]

# Parts that start and end plainly: nothing climbs out of the folder, hides, or means a device or drive on Windows.
_FILE_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?(/[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_-])?)*")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(_Part):
    """One measured figure with its interval.

    Attributes:
        name: Such as ``accuracy`` or ``auroc/scratch``.
        value: The figure.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        count: Groups of images it was measured on: near-duplicates and pictures of one part are one group.
        interval: How the interval was made, such as ``Wilson`` or ``bootstrap over groups``.
    """

    name: str
    value: float
    low: float
    high: float
    count: int
    interval: str


class Calibration(_Part):
    """What scores mean.

    Attributes:
        method: ``temperature``, ``platt`` or ``isotonic``: they are probabilities of the types; ``none``: likewise, as
            the network gave them. ``tail``: a score s says that one good part in ``10 ** (s / (1 - s))`` scores as
            high.
        parameters: Its fitted numbers.
        count: Images of the calibrate part it was fitted on; of a tail, groups of twins.
        log_loss_before: Of probabilities, on the calibrate part, in nats.
        log_loss_after: The same with the calibration.
        candidates: Method that could have been chosen -> its log loss on images of the calibrate part that it was not
            fitted on, the simplest first; empty of a method that was not chosen by that.
        chosen_by: The rule in words.
        error_before: Expected calibration error of a classifier, on the calibrate part.
        error_after: The same with the calibration, on images that it was not fitted on; None without one.
    """

    method: str
    parameters: dict[str, float]
    count: int
    log_loss_before: float | None = None
    log_loss_after: float | None = None
    candidates: dict[str, float] = {}
    chosen_by: str = ""
    error_before: Metric | None = None
    error_after: Metric | None = None


class Data(_Part):
    """What the model learned from."""

    source: str
    licence: str
    digest: str
    counts: dict[str, dict[str, int]] = Field(description="split -> class -> images")


class Parity(_Part):
    """How far onnxruntime's answers are from torch's, on real images."""

    images: int
    largest_score_difference: float
    largest_map_difference: float
    largest_box_shift: float | None = Field(None, description="pixels of the frame; none of a model without boxes")
    verdict_flips: int


class Golden(_Part):
    """One golden sample: a frame in ``golden/`` and the scores the exporter got for it.

    Attributes:
        file: The frame.
        scores: Class -> score. Older bundles list one a class, in the manifest's order.
        template: The frame's own template, in ``golden/`` too; None if it has none.
        variant: The variant that it shows; empty if that is not said.
    """

    file: str
    scores: dict[str, float] | tuple[float, ...]
    template: str | None = None
    variant: str = ""

    def listed(self, classes: Sequence[str]) -> list[float]:
        """The scores in the order of the manifest's classes."""
        return [self.scores[name] for name in classes] if isinstance(self.scores, dict) else list(self.scores)


class Locate(_Part):
    """How single defects are told on a frame.

    Attributes:
        by: ``regions`` of the map, or ``boxes``.
        peaks: Class -> what the map, or the score of a box, must reach for a defect to count.
        edges: Class -> how far a region goes: the map's value at its edge. Empty for boxes.
        frame: Class -> scale and bias by which the logit of the map's highest place becomes that of the frame's score.
            Empty for boxes, of which the surest gives the score.
    """

    by: Literal["regions", "boxes"]
    peaks: dict[str, Limit]
    edges: dict[str, Limit] = {}
    frame: dict[str, tuple[Scale, Bias]] = {}

    @model_validator(mode="after")
    def _agree(self) -> Locate:
        if self.by == "boxes" and (self.edges or self.frame):
            raise ValueError("edges and frame: expected none with boxes, got some")
        if above := [name for name, edge in self.edges.items() if edge > self.peaks.get(name, 1)]:
            raise ValueError(f"edges: expected none above its peak, got a higher one for {', '.join(above)}")
        return self


class Templates(_Part):
    """The defect-free pictures that belong to frames.

    Attributes:
        compared: Whether the model takes one beside each frame; if not, frames are aligned to it alone.
        choose: How a variant is chosen for a frame that brings no template and does not name its variant.
        variants: Variant -> file in the bundle; empty if each frame brings its own.
    """

    compared: bool
    choose: Literal["name", "match"]
    variants: dict[str, str] = {}


class Agreement(_Part):
    """How far the int8 model is from ``model.onnx``, on one part of the data.

    Attributes:
        part: ``calibrate``, on which the gate decided, or ``test``, which only measures.
        images: How many were compared.
        largest_score_difference: Of any score of any image.
        verdict_flips: Images whose outcome is another, or, where defects are not located, the type named first.
        auroc: Of ``model.onnx`` in telling defective from good frames; None where one of them is missing.
        auroc_int8: The same of ``model-int8.onnx``.
        places: Of ``model.onnx`` in finding single defects: ``map_33`` of boxes, ``miou`` of regions; None of a model
            that says no places, or where none is marked.
        places_int8: The same of ``model-int8.onnx``.
    """

    part: str
    images: int
    largest_score_difference: float
    verdict_flips: int
    auroc: float | None
    auroc_int8: float | None
    places: float | None = None
    places_int8: float | None = None


class Int8(_Part):
    """``model-int8.onnx``: the same model with whole-number convolutions.

    Attributes:
        agreement: With ``model.onnx``, the part that the gate decided on first.
        golden: The same frames as the manifest's golden samples, with this model's scores.
        tolerance: Largest difference of such a score that another CPU or runtime may show.
    """

    agreement: tuple[Agreement, ...] = Field(min_length=1)
    golden: tuple[Golden, ...]
    tolerance: float = Field(gt=0, le=0.05)


class Provenance(_Part):
    """Where the bundle comes from."""

    created: str = Field(description="UTC, ISO 8601")
    code_version: str
    recipe_digest: str
    run: str = Field(description="name of the run folder")
    mlflow_run: str | None = None
    seed: int


class Manifest(_Part):
    """``bundle.json``, version 1.

    Attributes:
        contract: Version of the ONNX contract that ``model.onnx`` keeps.
        locate: How single defects are told; None of a method that does not locate them.
        templates: About the templates of frames; None if they need none.
        tolerance: Largest difference of a golden score that another CPU or runtime may show.
        int8: About ``model-int8.onnx``; None if the bundle holds none.
        runtime_needed: Lowest version of Sightline that can run the bundle.
        files: File name in the bundle -> SHA-256 in hex, for every file but the manifest and the signature.
    """

    format: Literal["sightline-bundle"] = "sightline-bundle"
    schema_version: Literal[1] = 1
    contract: Literal[1] = 1
    name: Name
    version: Version
    sector: str
    product: str
    method: str
    classes: tuple[str, ...] = Field(min_length=1)
    input: Preprocess
    opset: int
    policy: Policy
    locate: Locate | None = None
    templates: Templates | None = None
    calibration: Calibration | None
    metrics: tuple[Metric, ...]
    data: Data
    parity: Parity
    golden: tuple[Golden, ...]
    tolerance: float = Field(gt=0, le=0.05)
    int8: Int8 | None = None
    provenance: Provenance
    runtime_needed: str = Field(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}([^0-9]|$)")
    files: dict[str, Digest] = {}

    @property
    def headline(self) -> tuple[Metric, ...]:
        """The figures a reader wants first: those over all types. One of a single type has its name after a slash."""
        return tuple(metric for metric in self.metrics if "/" not in metric.name)

    @property
    def headline_first(self) -> tuple[Metric, ...]:
        """All figures, the headline first."""
        return (*self.headline, *(metric for metric in self.metrics if metric not in self.headline))

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value) or ANY_DEFECT in value or "" in value:
            raise ValueError(f"expected distinct names other than {ANY_DEFECT!r}, got {', '.join(map(repr, value))}")
        return value

    @field_validator("files")
    @classmethod
    def _plain_names(cls, value: dict[str, str]) -> dict[str, str]:
        reserved = {MANIFEST, SIGNATURE}
        if wrong := [name for name in value if name.casefold() in reserved or not _FILE_NAME.fullmatch(name)]:
            raise ValueError(f"expected plain relative names such as golden/001.png, got {', '.join(map(repr, wrong))}")
        if len({name.casefold() for name in value}) != len(value):
            raise ValueError("two names differ in upper and lower case alone")
        return value

    @model_validator(mode="after")
    def _agrees_with_classes(self) -> Manifest:
        thresholds = set(self.policy.thresholds)
        if unknown := sorted(thresholds - {ANY_DEFECT, *self.classes}):
            raise ValueError(f"policy.thresholds: {', '.join(unknown)} is no class of the bundle")
        if ANY_DEFECT not in thresholds and (open_ := sorted(set(self.classes) - thresholds)):
            raise ValueError(
                f"policy.thresholds: expected one for {ANY_DEFECT!r} or every class, none for {', '.join(open_)}"
            )
        for golden in (*self.golden, *(self.int8.golden if self.int8 else ())):
            if len(golden.scores) != len(self.classes):
                raise ValueError(f"{golden.file}: expected {len(self.classes)} scores, got {len(golden.scores)}")
            if isinstance(golden.scores, dict) and (unknown := sorted(golden.scores.keys() - set(self.classes))):
                raise ValueError(f"{golden.file}: scores: {', '.join(unknown)} is no class of the bundle")
        return self

    @model_validator(mode="after")
    def _locates_each_class(self) -> Manifest:
        locate = self.locate
        if locate is None:
            return self
        named = {"peaks": set(locate.peaks), "edges": set(locate.edges), "frame": set(locate.frame)}
        wanted = ["peaks"] + ["edges"] * (locate.by == "regions") + ["frame"] * bool(locate.frame)
        for field in wanted:
            if named[field] != set(self.classes):
                got = ", ".join(sorted(named[field])) or "none"
                raise ValueError(f"locate.{field}: expected one for each class, got {got}")
        return self


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one spelling of a manifest that is hashed and signed: sorted keys, no spaces, UTF-8.

    It is made from the parsed file, not from the model, so that a default added later does not change it.
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical manifest, in hex: the identity of the bundle, for it holds every file's hash."""
    return hashlib.sha256(canonical(document)).hexdigest()
