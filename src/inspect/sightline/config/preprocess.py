"""What is done to an image before the model sees it; stored in the recipe and, unchanged, in the bundle."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sightline.config.align import Align
from sightline.config.tiles import TILE_STEP, Tiles

Point = tuple[Annotated[float, Field(ge=0, le=100_000)], Annotated[float, Field(ge=0, le=100_000)]]
"""x and y in pixels."""

Outline = Annotated[tuple[Point, ...], Field(min_length=3)]
"""The corners of a polygon."""


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
        align: How a frame is registered to its template before all else; None takes frames as they lie. Coordinates
            below are the template's then.
        roi: Outline of what is inspected, in pixels of the frame: its bounding box is cut out, and what lies in it but
            outside of the outline is grey 114. None inspects all.
        ignore: Outlines of what is not inspected, in pixels of the frame, filled likewise. They may overlap.
        tiles: How frames that are too large for one look are cut, at their own scale, into tiles of the model's input;
            None shows the model each frame as a whole.
        mm_per_pixel: Millimetres of the part a pixel of the frame, for areas in mm²; None if that is not known.
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

    align: Align | None = Field(None, description="Register each frame to its template; null takes it as it lies.")
    roi: Outline | None = Field(
        None, description="Corners [[x, y], ...] of what is inspected, in pixels of the frame; null inspects all."
    )
    ignore: tuple[Outline, ...] = Field((), description="Outlines of what is not inspected, in pixels of the frame.")
    tiles: Tiles | None = Field(None, description="Cut large frames into tiles of the input's size; null: one look.")
    mm_per_pixel: float | None = Field(
        None, gt=0, le=1000, description="Millimetres a pixel of the frame, for areas in mm²; null if not known."
    )

    @model_validator(mode="after")
    def _inspects_something(self) -> Self:
        for name, outline in (("roi", self.roi), *((f"ignore.{n}", one) for n, one in enumerate(self.ignore))):
            if outline and _area(outline) < 1:
                raise ValueError(
                    f"{name}: expected an outline around at least a pixel, got an area of {_area(outline):g}"
                )
        if self.tiles and self.tiles.overlap * 2 >= min(self.height, self.width):
            raise ValueError(
                f"tiles.overlap: expected less than half of {self.height} x {self.width}, got {self.tiles.overlap}"
            )
        if self.tiles and min(self.height, self.width) - self.tiles.overlap < TILE_STEP:
            least = self.tiles.overlap + TILE_STEP
            raise ValueError(
                f"tiles: expected a height and width of at least {least} with an overlap of {self.tiles.overlap}, for "
                f"each tile goes on by {TILE_STEP} pixels at least; got {self.height} x {self.width}"
            )
        return self

    @property
    def batch(self) -> int:
        """How many frames of this size to work on at a time: 16 of 256 x 256, fewer of larger ones."""
        return max(1, min(16, 16 * 256 * 256 // (self.height * self.width)))


def _area(outline: tuple[Point, ...]) -> float:
    """Area of a polygon in square pixels, by the shoelace formula."""
    following = outline[1:] + outline[:1]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, following, strict=True))) / 2
