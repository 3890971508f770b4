"""Shares of parts: what counts as one, and how one is written."""

from __future__ import annotations

import math
from typing import NamedTuple

from sightline.errors import DataError


class Figure(NamedTuple):
    """A figure with its two-sided interval.

    Attributes:
        value: As seen on the data.
        low: Lower end.
        high: Upper end.
    """

    value: float
    low: float
    high: float


def checked(what: str, share: float) -> float:
    """The share itself.

    Args:
        what: Its name, for the error.
        share: To be checked.

    Raises:
        DataError: It does not lie between 0 and 1, or is one of them: no data prove 0, and 1 says nothing.
    """
    if not 0 < share < 1:
        raise DataError(
            f"{what} must lie between 0 and 1 and be neither; got {share:g}",
            hint="Give 0.005 for five in a thousand, and 0.95 for 95%.",
        )
    return share


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.4g}%"


def rounded_up(share: float) -> float:
    """A share above 0 to four digits, and never less than it is: a target that data support stays one they support."""
    unit = 10.0 ** (math.floor(math.log10(share)) - 3)
    return math.ceil(share / unit) * unit
