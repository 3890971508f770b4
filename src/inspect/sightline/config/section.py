"""What every section of a recipe is made of: frozen models and numbers that are numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticKnownError


def _no_whole_number(value: object) -> object:
    if isinstance(value, bool):  # pydantic takes true for 1
        raise PydanticKnownError("int_type")
    return value


def _no_number(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


Whole = Annotated[int, BeforeValidator(_no_whole_number)]
Number = Annotated[float, BeforeValidator(_no_number)]
# The limits stand first: beyond a function they would not be in the JSON schema.
Fraction = Annotated[float, Field(ge=0, lt=1), BeforeValidator(_no_number)]
Share = Annotated[float, Field(gt=0, le=1), BeforeValidator(_no_number)]
Mean = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_number)]
Deviation = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_no_number)]


class Section(BaseModel):
    """Base of every part of a recipe: frozen, and refusing keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
