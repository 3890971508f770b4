"""Settings of the thresholds, and of what single defects count."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sightline.config.section import Fraction, Number, Section, Share


class Decision(Section):
    """How thresholds are chosen on the calibrate part."""

    rule: Literal["auto", "f1", "overkill", "fixed"] = Field(
        "auto",
        description="Best F1 on the calibrate part, a share of good parts that may be rejected, or a fixed threshold; "
        "auto is f1, and for anomaly and compare overkill, but no smaller a share than the calibrate part can tell.",
    )
    overkill: Share = Field(
        0.01, lt=1, description="Share of good parts that may be rejected, where the rule is overkill."
    )
    iou: Share = Field(
        0.5, description="Overlap with a labelled box from which a found one is right, where task detect chooses."
    )
    minimum_area: Number = Field(
        0, ge=0, description="Defects that are smaller, in pixels of the frame, do not count; tasks segment and detect."
    )
    threshold: Number = Field(
        0.5, gt=0, lt=1, description="The threshold if the rule is `fixed`, or data do not suffice."
    )
    review_margin: Fraction = Field(0.0, description="Scores this close below the threshold go to review.")
