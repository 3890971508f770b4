"""How precise and how complete the regions of a type are, told from the surest to the least sure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.export.regions import Instances
from sightline.export.told import Regions

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranked:
    """The regions of one type on all images of a part.

    As for ``instance_recall_typed``, a true region is found if one said of its type touches it, and one said is right
    if it touches a true one of its type, however many do.

    Attributes:
        scores: (N,) of the regions said.
        right: (N,) whether each is.
        found: (M,) of each true region the score of the surest that touches it; 0 if none does.
    """

    scores: _Floats
    right: NDArray[np.bool_]
    found: _Floats

    def curve(self) -> tuple[_Floats, _Floats, _Floats]:
        """Recall and precision (K,) of what reaches each score, and those scores, the highest first."""
        limits, at = np.unique(self.scores, return_inverse=True)
        said, right = (np.cumsum(np.bincount(at[rows], minlength=len(limits))[::-1]) for rows in (..., self.right))
        missed = np.searchsorted(np.sort(self.found), limits[::-1])
        return 1 - missed / max(1, len(self.found)), right / np.maximum(said, 1), limits[::-1]


def ranked(images: Iterable[Regions], types: int) -> list[Ranked]:
    """The regions of each type.

    Args:
        images: With everything told that a map says, as `sightline.export.told.reaching` does.
        types: How many there are.
    """
    scores, right, found = ([list[NDArray[np.generic]]() for _ in range(types)] for _ in range(3))
    for one in images:
        for number, (told, truth) in enumerate(zip(one.told, one.truth, strict=True)):
            said = Instances.of(told > 0)
            scores[number].append(said.peaks(told))
            right[number].append(said.touched(truth))
            found[number].append(Instances.of(truth).peaks(told))
    rows = zip(scores, right, found, strict=True)
    return [Ranked(_joined(score), _joined(hit) > 0, _joined(best)) for score, hit, best in rows]


def _joined(parts: list[NDArray[np.generic]]) -> _Floats:
    return np.concatenate([np.zeros(0), *parts])
