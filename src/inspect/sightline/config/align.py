"""How a frame is registered to a defect-free template before anything is compared; stored in recipe and bundle."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Align(BaseModel):
    """How far a frame may lie from its template, and how well the two must agree.

    Attributes:
        motion: What can differ between frame and template: ``translation`` shifts, ``euclidean`` shifts and turns,
            ``homography`` also tilts the part's plane against the camera. Take the least that the line needs.
        quality: Least agreement of the registered frame with the template, 0 to 1; a frame below is refused.
        coverage: Least share of what is inspected of the template (``roi`` without ``ignore``) that the frame shows; a
            frame that shows less is refused, for nobody looks at what is out of view: the template stands in for it.
        reach: Largest shift expected between the two centres, in pixels of the frame; no larger one is searched than
            frame and template still overlap at.
        turn: Largest rotation expected, in degrees.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    motion: Literal["translation", "euclidean", "homography"] = Field(
        "euclidean", description="What can differ: shifts; shifts and turns; or any tilt of the part's plane."
    )
    quality: float = Field(0.6, ge=0, le=1, description="Least agreement with the template; a frame below is refused.")
    coverage: float = Field(
        0.95, gt=0, le=1, description="Least share of what is inspected of the template that the frame shows."
    )
    reach: float = Field(60, gt=0, le=2048, description="Largest shift expected, in pixels of the frame.")
    turn: float = Field(6, gt=0, le=45, description="Largest rotation expected, in degrees.")
