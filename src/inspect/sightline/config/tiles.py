"""How a frame that is too large for one look is cut; stored in the recipe and in the bundle."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

TILE_STEP = 32
"""Pixels; what places of tiles are multiples of unless told: strides of maps divide it."""


class Tiles(BaseModel):
    """The model's input is one tile of the frame, at the frame's own scale.

    Attributes:
        overlap: Pixels that neighbouring tiles share at least; a defect of up to this size is seen whole by one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap: int = Field(64, ge=8, le=2048, description="Pixels that neighbouring tiles share at least.")
