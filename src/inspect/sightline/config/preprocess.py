"""What is done to an image before the model sees it; stored in the recipe and, unchanged, in the bundle."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Preprocess(BaseModel):
    """How a decoded image becomes the model's input.

    Attributes:
        height: Rows of the model's input, in pixels.
        width: Columns of the model's input, in pixels.
        fit: ``stretch`` fills the input and changes the aspect; ``pad`` keeps it and fills the rest with grey 114.
        colour: ``grey`` replaces the three channels by luminance, so that a tint can't matter.
        bits: Significant bits of images stored with 16 bits a channel (12 for a 12-bit camera).
        light: What is done about changing light. ``frame`` gives every frame the same mean and spread of grey levels,
            so that exposure can't matter; ``local`` does so around every pixel, so that uneven light can't matter, and
            nor can a defect that is nothing but a change of brightness over much of the frame.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    height: int = Field(224, ge=32, le=4096, description="Rows of the model's input, in pixels.")
    width: int = Field(224, ge=32, le=4096, description="Columns of the model's input, in pixels.")
    fit: Literal["stretch", "pad"] = Field("stretch", description="Fill the input, or keep the aspect and pad.")
    colour: Literal["rgb", "grey"] = Field("rgb", description="Keep colour, or replace it by luminance.")
    bits: int = Field(16, ge=8, le=16, description="Significant bits of images with 16 bits a channel.")
    light: Literal["none", "frame", "local"] = Field(
        "none", description="Take changes of light out: not at all, over the whole frame, or around every pixel."
    )

    @property
    def batch(self) -> int:
        """How many frames of this size to work on at a time: 16 of 256 x 256, fewer of larger ones."""
        return max(1, min(16, 16 * 256 * 256 // (self.height * self.width)))
