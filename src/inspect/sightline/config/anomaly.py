"""Settings of the task ``anomaly``: the ways to learn from good parts what is unlike them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sightline.config.section import Fraction, Section, Share, Whole


class Judged(Section):
    """What every method reads."""

    worst: Share = Field(0.04, description="The frame's score is the mean over this share of its places, the worst.")
    suspicious: Literal["leave_out", "keep"] = Field(
        "leave_out",
        description="What becomes of training images that are quite unlike the others, and may hide a defect.",
    )


class MemoryBank(Judged):
    """Compares each place of a frame with what good parts look like, kept as a bank of feature vectors."""

    method: Literal["memory_bank"] = Field("memory_bank", description="How good parts are learned.")
    vectors: Whole = Field(
        8192, ge=16, le=16_384, description="Vectors of good parts that are kept; more see finer differences, and cost."
    )
    fine: Whole = Field(
        2048,
        ge=0,
        le=16_384,
        description="Vectors of a second bank, of features twice as fine, that sharpens the map; 0 for none.",
    )
    doubt: Fraction = Field(
        0.03,
        description="Share of the places of good images, the most unlike the other images, that are not learned: a "
        "defect may hide there. 0 if all images were looked at.",
    )
    components: Whole = Field(
        64, ge=2, le=1024, description="Principal components of the features that distances are measured in."
    )
    context: Literal[1, 3, 5, 7] = Field(
        3, description="Neighbouring places, along each side, whose features are averaged before they are compared."
    )


class CorrectedBank(MemoryBank):
    """A memory bank, corrected by small networks that the labelled defects of the train part teach."""

    method: Literal["corrected_bank"] = Field(  # type: ignore[assignment]
        "corrected_bank", description="How good parts and labelled defects are learned."
    )
    vectors: Whole = Field(2048, ge=16, le=16_384, description="Vectors of good parts that are kept.")
    width: Whole = Field(64, ge=4, le=512, description="Channels of the networks that defects teach.")
    steps: Whole = Field(400, ge=20, le=100_000, description="Steps that each of them learns.")


class Discriminator(Judged):
    """Tells good parts from their features with noise, and from labelled defects if there are any."""

    method: Literal["discriminator"] = Field("discriminator", description="How good parts are learned.")
    width: Whole = Field(64, ge=4, le=512, description="Channels of the network.")
    steps: Whole = Field(600, ge=20, le=100_000, description="Steps that it learns.")


Anomaly = Annotated[MemoryBank | CorrectedBank | Discriminator, Field(discriminator="method")]
"""The settings of one method."""
