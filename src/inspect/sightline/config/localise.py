"""Settings of the tasks that say where: segment, detect, and what they share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sightline.config.section import Fraction, Section, Share, Whole


class Localise(Section):
    """How defects are located; the tasks segment and detect read it."""

    decoder: Literal["fpn", "lraspp", "deeplabv3"] = Field(
        "fpn", description="What brings the backbone's scales together; the last two are torchvision's."
    )
    stride: Literal[2, 4, 8, 16] = Field(
        4, description="Pixels of the input a place of the answer; finer finds smaller."
    )
    coarsest: Literal[8, 16, 32] = Field(
        16, description="Pixels of the input a place of the coarsest map that is looked at, where no layer is named."
    )
    width: Whole = Field(64, ge=8, le=512, description="Channels of the decoder and the head.")
    depth: Whole = Field(1, ge=0, le=4, description="Convolutions of the head before its answer.")
    crop: Whole | None = Field(
        None, ge=32, le=4096, description="Train on square patches of so many pixels instead of whole frames."
    )
    near_defects: Fraction = Field(
        0.7, description="Share of the patches that show a defect, where the image has one; the others lie anywhere."
    )
    defective: Fraction = Field(
        0.5,
        description="Share of an epoch's frames that show a defect, at least: where fewer do, those come more often, "
        "and rare types more often than common ones. 0 leaves it to the data.",
    )
    paste: Fraction = Field(
        0.0,
        description="Share of the scenes that are trained on upon which the defects of another are pasted: for few "
        "defects and many good parts. Not where a template is compared.",
    )
    candidates: Whole = Field(100, ge=1, le=1000, description="Boxes a frame, at most, for task detect.")
    overlap: Share = Field(
        0.5, description="Of two boxes of a type that overlap by more than this (IoU) the surer one stays."
    )
