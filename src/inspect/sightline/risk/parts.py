"""Parts of one kind, each with the gravity of its photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sightline.errors import DataError

Floats = NDArray[np.float64]


class Kind(StrEnum):
    """What parts are known to be."""

    DEFECTIVE = "defective"
    GOOD = "good"


@dataclass(frozen=True, eq=False)
class Parts:
    """Photographs of parts of one kind. Each part weighs the same, however often it was photographed.

    Attributes:
        kind: What the parts are known to be.
        gravity: (N,) of each photograph, rising; the higher, the more surely it shows a defect.
        part: (N,) number of the part that each shows.
        sizes: (P,) photographs of each part.
    """

    kind: Kind
    gravity: Floats
    part: NDArray[np.intp]
    sizes: NDArray[np.intp]

    @classmethod
    def of(cls, kind: Kind, gravity: ArrayLike, names: Sequence[str]) -> Parts:
        """From photographs in any order.

        Args:
            kind: What the parts are known to be.
            gravity: (N,) of each photograph.
            names: (N,) of the part that each shows, such as `Sample.unit`.

        Raises:
            DataError: There is none, or a gravity is no finite number.
        """
        values = np.asarray(gravity, np.float64)
        if not len(values):
            raise DataError(
                f"expected photographs of {kind} parts, and there is none", hint=f"Add {kind} parts to the data."
            )
        if lost := int((~np.isfinite(values)).sum()):
            raise DataError(
                f"the gravity of {lost} of {len(values)} photographs of {kind} parts is no finite number",
                hint="The model answered with NaN or infinity: look at these photographs, and at the training.",
            )
        _, part, sizes = np.unique(np.asarray(names), return_inverse=True, return_counts=True)
        order = np.argsort(values, kind="stable")
        return cls(kind, values[order], part[order], sizes)

    @property
    def count(self) -> int:
        """How many parts there are."""
        return len(self.sizes)

    @property
    def single(self) -> bool:
        """Whether each part has one photograph."""
        return len(self.gravity) == self.count

    def below(self, threshold: float) -> Floats:
        """(P,) the share of each part's photographs that do not reach a threshold."""
        number = int(np.searchsorted(self.gravity, threshold))
        return np.bincount(self.part[:number], minlength=self.count) / self.sizes

    def reaching(self, threshold: float) -> Floats:
        """(P,) the share of each part's photographs that reach a threshold."""
        return 1 - self.below(threshold)

    def share_below(self, thresholds: ArrayLike, times: NDArray[np.integer] | None = None) -> Floats:
        """(T,) the mean of `below` over the parts, at T thresholds.

        Args:
            thresholds: (T,) in any order.
            times: (P,) how often each part counts; once if not given.
        """
        weights = (1 / self.sizes if times is None else times / self.sizes)[self.part]
        rising = np.concatenate([[0.0], np.cumsum(weights)])
        return np.asarray(rising[np.searchsorted(self.gravity, thresholds)] / rising[-1])
