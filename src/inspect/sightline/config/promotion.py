"""Settings of the gate that a bundle passes before it takes the place of the one in use."""

from __future__ import annotations

from pydantic import Field

from sightline.config.section import Fraction, Section, Share


class Promotion(Section):
    """What a bundle must show on the test part before `sightline promote` moves the alias to it."""

    alias: str = Field("champion", description="Alias that moves to the run's version of the registered model.")
    max_escape: Share | None = Field(
        None,
        description="Largest upper end (95 %) of the share of photographs of defective parts that are answered OK; "
        "null asks for none.",
    )
    max_overkill: Share | None = Field(
        None,
        description="Largest upper end (95 %) of the share of photographs of good parts that are answered NG; null "
        "asks for none.",
    )
    guarantee: bool = Field(False, description="Whether a largest escape rate must be guaranteed for its thresholds.")
    not_worse: bool = Field(
        True,
        description="Whether it must, beside the version that has the alias, show neither significantly more escapes "
        "nor more overkill (McNemar's exact test at 5 %), nor an AUROC that may be lower by more than the margin.",
    )
    margin: Fraction = Field(0.01, description="By how much the AUROC may be lower, at the lower end (95 %).")
