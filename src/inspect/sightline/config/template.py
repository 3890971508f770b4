"""Settings of templates: the defect-free pictures that belong to frames."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from sightline.config.section import Section


class Template(Section):
    """A defect-free picture for each frame: to be compared with it, to bring it into place, or both."""

    variants: dict[str, Path] = Field(
        {}, description="Variant of the product -> its template, for images that come without one of their own."
    )
    choose: Literal["name", "match"] = Field(
        "match", description="Which variant: by the image's attribute `variant`, or the one that it fits best."
    )
    compared: bool = Field(True, description="Show it to the network beside the frame; false only aligns by it.")

    @field_validator("variants")
    @classmethod
    def _plain_names(cls, value: dict[str, Path]) -> dict[str, Path]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
                raise ValueError(f"expected names of letters, digits, _ and -, such as left-hand, got {name!r}")
        return value
