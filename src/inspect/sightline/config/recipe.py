"""The recipe: everything that decides a training run, as frozen models.

A recipe is one YAML file in ``configs/``. Each field's description is what an editor shows, through the JSON schema.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from sightline.config import misfits
from sightline.config.anomaly import Anomaly, MemoryBank
from sightline.config.decision import Decision
from sightline.config.localise import Localise
from sightline.config.preprocess import Preprocess
from sightline.config.promotion import Promotion
from sightline.config.readers import FoldersReader, Reader
from sightline.config.section import Deviation, Fraction, Mean, Number, Section, Share, Whole
from sightline.config.template import Template


class SplitPlan(Section):
    """How images are divided into train, validate, calibrate and test."""

    validate_: Fraction = Field(0.1, alias="validate", description="Share that stops training and picks the epoch.")
    calibrate: Fraction = Field(0.15, description="Share that calibrates scores and sets thresholds.")
    test: Fraction = Field(0.25, description="Share that measures, and decides nothing.")
    seed: Whole = Field(0, ge=0, description="Another seed gives another split.")
    folds: Whole | None = Field(
        None, ge=2, le=100, description="Divide into so many folds, one of which is the test part; null takes a share."
    )
    fold: Whole = Field(0, ge=0, description="Which of the folds is the test part, from 0.")
    near_duplicates: Share | None = Field(
        0.55,
        description="Images that are this much alike beyond what the whole set shares stay in one part; null looks for "
        "exact copies only.",
    )

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="after")
    def _leaves_images_to_train_on(self) -> SplitPlan:
        rest = 1 - self.validate_ - self.calibrate - self.test
        if self.fold >= (self.folds or 1):
            raise ValueError(f"fold: expected a number below that of folds ({self.folds or 1}), got {self.fold}")
        if rest < 0.1 - 1e-9:  # 1 - 0.2 - 0.3 - 0.4 is a little less
            raise ValueError(f"validate + calibrate + test must leave at least 0.1 to train on, they leave {rest:.2f}")
        return self


class Data(Section):
    """Where the images are and what their labels mean."""

    root: Path = Field(
        description="Folder of the images, from the working directory; `${NAME}` and `${NAME:-default}` are filled in."
    )
    reader: Reader = Field(FoldersReader(kind="folders"), description="The layout; left out, it is told by looking.")
    good: tuple[str, ...] = Field(("good", "ok"), description="Labels that mean a good part; compared without case.")
    rename: dict[str, str] = Field({}, description="Label as found -> label to use.")
    ignore: tuple[str, ...] = Field((), description="Labels whose images are left out.")
    marked_above: Whole = Field(
        0,
        ge=0,
        le=65534,
        description="A mask marks the pixels above this value, in its own numbers; 127 undoes what JPEG did to black "
        "and white masks of 8 bits.",
    )
    split: SplitPlan = Field(SplitPlan(), description="How images are divided.")


class Augmentation(Section):
    """One albumentations transform with its parameters."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(description="Class name in albumentations.")

    @property
    def parameters(self) -> dict[str, Any]:
        """What is handed to the transform."""
        return dict(self.model_extra or {})


class Normalise(Section):
    """Per-channel mean and standard deviation, in units of 0..1."""

    mean: tuple[Mean, Mean, Mean]
    std: tuple[Deviation, Deviation, Deviation]


class Model(Section):
    """The network."""

    backbone: str = Field("mobilenet_v3_small", description="Name of a torchvision classification model.")
    layer: str | None = Field(
        None,
        description="Node of the backbone to stop at (`layer3`); null: the last, or of stride 16 for task anomaly.",
    )
    weights: str | None = Field(
        "DEFAULT", description="torchvision's name (`DEFAULT`), a file from the working directory, or null for random."
    )
    normalise: Normalise = Field(
        Normalise(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        description="What the weights were trained with; the default is ImageNet's.",
    )
    batch_norm: Literal["frozen", "train"] = Field("frozen", description="Keep batch statistics, or train them too.")
    dropout: Fraction = Field(0.2, description="Dropout before the last layer.")
    views: Literal[1, 4, 8] = Field(
        1,
        description="The bundle answers with the mean over so many views of a frame: 4 are its flips, 8 its quarter "
        "turns too. For products without an up and down; takes as many times as long.",
    )
    int8: bool = Field(
        False,
        description="Add an int8 model to the bundle if it finds what the float32 one does; the edge may choose it.",
    )


class Training(Section):
    """The optimiser and its schedule."""

    epochs: Whole = Field(12, ge=1, le=10_000, description="Passes over the train part, at most.")
    batch_size: Whole = Field(32, ge=1, le=4096, description="Images a step.")
    learning_rate: Number = Field(5e-4, gt=0, le=10, description="Peak learning rate of AdamW.")
    weight_decay: Number = Field(0.01, ge=0, le=10, description="Weight decay of AdamW.")
    warmup: Fraction = Field(0.1, description="Share of all steps in which the rate rises; a cosine follows.")
    freeze_epochs: Whole = Field(0, ge=0, description="Epochs at the start in which only the head learns.")
    frozen_layers: Whole = Field(0, ge=0, description="Layers at the start of the backbone that never learn.")
    layer_decay: Number = Field(1.0, gt=0, le=1, description="Each layer below the head learns at this times the rate.")
    label_smoothing: Fraction = Field(0.0, description="Share of certainty given to all classes alike.")
    class_weights: Literal["none", "balanced", "sqrt"] = Field("sqrt", description="How rare classes are lifted.")
    average: Fraction = Field(0.0, description="Decay of an exponential moving average of the weights; 0 is off.")
    patience: Whole = Field(
        0, ge=0, description="Stop after this many epochs without a better validation loss; 0 never."
    )
    precision: Literal["auto", "32", "bf16", "16"] = Field(
        "auto",
        description="auto mixes where there is a GPU. bf16 is for processors, too, which some of them do nearly twice "
        "as fast; networks of depthwise convolutions (MobileNet) gain nothing there.",
    )
    workers: Whole = Field(0, ge=0, le=64, description="Processes that load images; 0 loads in the main one.")
    cache: bool = Field(True, description="Keep preprocessed images in memory if they fit.")

    @field_validator("precision", mode="before")
    @classmethod
    def _unquoted(cls, value: object) -> object:
        return str(value) if value in (16, 32) else value  # YAML reads `precision: 16` as a number


class Tracking(Section):
    """Where the experiment is recorded."""

    experiment: str | None = Field(None, description="MLflow experiment; null takes the recipe's name.")
    uri: str | None = Field(
        None, description="Tracking server; null takes MLFLOW_TRACKING_URI, else sqlite:///mlflow.db."
    )
    register_as: str | None = Field(None, description="Name of the registered model; null takes the recipe's name.")
    alias: str = Field("candidate", description="Alias given to the new version of the registered model.")
    enabled: bool = Field(True, description="Record to MLflow at all.")
    promote: Promotion = Field(Promotion(), description="The gate before another version takes the place in use.")


class Card(Section):
    """What the model card says of the data."""

    data: str = Field("", description="Name and source of the data.")
    licence: str = Field("unknown", description="Licence of the data and so of the model.")
    intended_use: str = Field("", description="What the model is for.")
    limits: tuple[str, ...] = Field((), description="What it is not for.")


class Recipe(Section):
    """A training run, whole."""

    name: str = Field(description="Name of the recipe and of the bundle: lower case, digits and hyphens.")
    version: str = Field("1.0.0", description="Version of the bundle, as MAJOR.MINOR.PATCH.")
    sector: str = Field("", description="Industry, such as steel or solar.")
    product: str = Field("", description="What is inspected.")
    task: Literal["classify", "segment", "detect", "anomaly", "compare"] = Field(
        "classify",
        description="What the model answers: which type of defect; the same and its outline, or a box around it; or "
        "whether a part is unlike good ones, or unlike its template.",
    )
    multi_label: bool | None = Field(None, description="Several types on one image; null asks the data.")
    seed: Whole = Field(0, ge=0, lt=2**32, description="Decides weights, order and augmentation.")
    data: Data
    input: Preprocess = Field(Preprocess(), description="How an image becomes the model's input.")
    augment: tuple[Augmentation, ...] = Field(
        (),
        description="albumentations transforms, in order, for the train part; a template moves with its frame, but "
        "keeps its own light and noise.",
    )
    template: Template | None = Field(
        None, description="The defect-free picture that belongs to each frame; null if there is none."
    )
    model: Model = Field(Model(), description="The network.")
    localise: Localise = Field(Localise(), description="How tasks segment and detect say where.")
    train: Training = Field(Training(), description="The optimiser and its schedule.")
    anomaly: Anomaly = Field(
        MemoryBank(), description="How task anomaly learns; task compare reads `worst` and `suspicious` of it."
    )
    decide: Decision = Field(Decision(), description="How thresholds are chosen.")
    track: Tracking = Field(Tracking(), description="Where the experiment is recorded.")
    card: Card = Field(Card(), description="What the model card says.")

    @property
    def one_class(self) -> bool:
        """Whether the model learns good parts, and no types of defect."""
        return self.task in ("anomaly", "compare")

    @property
    def dense(self) -> bool:
        """Whether the model learns where defects of known types are."""
        return self.task in ("segment", "detect")

    @property
    def pair(self) -> bool:
        """Whether the network is shown a template beside each frame."""
        return self.template is not None and self.template.compared

    @property
    def defects_teach(self) -> bool:
        """Whether defects of the train part are learned from."""
        return (
            self.dense or self.task == "classify" or (self.task == "anomaly" and self.anomaly.method != "memory_bank")
        )

    @model_validator(mode="before")
    @classmethod
    def _validates_nothing_by_default(cls, values: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        """Good parts have no epoch to choose, so their validate part is empty unless the recipe says otherwise."""
        if (
            isinstance(values, dict)
            and values.get("task") in ("anomaly", "compare")
            and isinstance(values.get("data"), dict)
        ):
            split = values["data"].get("split", {})
            if isinstance(split, dict):
                return values | {"data": values["data"] | {"split": {"validate": 0.0} | split}}
        return values

    @field_validator("anomaly", mode="before")
    @classmethod
    def _fills_a_memory_bank_by_default(cls, value: object) -> object:
        return {"method": "memory_bank"} | value if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _fits_its_task(self) -> Recipe:
        misfits.refuse(self)
        return self

    @model_validator(mode="after")
    def _divides_into_places(self) -> Recipe:
        size = (self.input.height, self.input.width)
        step = 32 if self.input.tiles else self.localise.stride
        if self.dense and any(side % step for side in size):
            why = "for tiles" if self.input.tiles else "of localise.stride"
            raise ValueError(f"input: expected a height and width that are multiples of {step}, {why}, got {size}")
        crop = self.localise.crop
        if self.dense and crop and (crop > min(size) or crop % self.localise.stride):
            wanted = f"a multiple of localise.stride ({self.localise.stride}), at most the input's {min(size)} pixels"
            raise ValueError(f"localise.crop: expected {wanted}, got {crop}")
        return self

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", value):
            raise ValueError("expected lower-case letters, digits and hyphens, such as steel-strip")
        return value

    @field_validator("version")
    @classmethod
    def _plain_version(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", value):
            raise ValueError("expected MAJOR.MINOR.PATCH, such as 1.0.0")
        return value
