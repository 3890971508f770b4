"""Settings of the thresholds, and of what single defects count."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from sightline.config.section import Fraction, Number, Section, Share


class Promise(Section):
    """What must not happen more often than so, to be proved on the calibrate part; too few parts are refused."""

    max_escape: Share = Field(lt=1, description="Largest share of photographs of defective parts that may pass.")
    confidence: Share = Field(0.95, lt=1, description="Of what is proved.")
    max_overkill: Share | None = Field(None, description="Largest share of photographs of good parts rejected as NG.")
    review_budget: Share | None = Field(
        None, description="Largest share of all photographs that may go to review; needs decide.defect_rate."
    )
    per_type: bool = Field(False, description="Keep the escape rate for each type of defect by itself as well.")


class Price(Section):
    """What errors cost, in any one currency; needs `decide.defect_rate`."""

    escape: Number = Field(ge=0, description="Cost of a defective part that passes.")
    scrap: Number = Field(ge=0, description="Cost of a good part that is rejected.")
    parts_a_day: Number = Field(gt=0, description="Parts inspected a day.")
    review: Number | None = Field(None, ge=0, description="Cost of a look by a person; null where nobody can look.")


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
    guarantee: Promise | None = Field(
        None, description="Move the thresholds that the rule chose until this is proved; null proves nothing."
    )
    costs: Price | None = Field(
        None, description="Without a guarantee, move them to where errors cost least; with one, only weigh them."
    )
    defect_rate: Share | None = Field(None, lt=1, description="Share of defective parts on the line.")

    @model_validator(mode="after")
    def _rate_known(self) -> Decision:
        budget = self.guarantee is not None and self.guarantee.review_budget is not None
        if self.defect_rate is None and (budget or self.costs is not None):
            what = "guarantee.review_budget" if budget else "costs"
            raise ValueError(f"{what} hangs on the share of defective parts on the line: state decide.defect_rate")
        return self
