"""What a model says of places where nobody looks counts for nothing: neither map, nor box, nor the frame's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes
from sightline.bundle.manifest import Locate
from sightline.image import Place

_CLEAR = 1e-6  # of 0 and 1, so that a probability has a finite logit

_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Link:
    """How the score of a frame follows from the highest place of its map: both are sigmoids of one answer.

    Attributes:
        scale: (C,), by which the logit of a map's highest place is multiplied.
        bias: (C,), that is added then: the logit of the frame's score.
    """

    scale: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def of(cls, locate: Locate | None, classes: Sequence[str]) -> Link | None:
        """The one that a manifest states; None of a model whose maps and scores are not linked."""
        if locate is None or not locate.frame:
            return None
        scale, bias = np.array([locate.frame[name] for name in classes], np.float64).T
        return cls(scale, bias)

    def only(self, number: int) -> Link:
        """That of one type alone."""
        return Link(self.scale[[number]], self.bias[[number]])

    def scores(self, highest: NDArray[np.floating]) -> _Floats:
        """The frame's scores (C,) of what its maps reach (C,)."""
        return _sigmoid(_logit(highest) * self.scale + self.bias).astype(np.float32)

    def highest(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """What the maps reach (C,) of frames with these scores (C,): the inverse of `scores`."""
        return _sigmoid((_logit(scores) - self.bias) / self.scale)


def _logit(probability: NDArray[np.floating]) -> NDArray[np.float64]:
    clear = np.clip(probability.astype(np.float64), _CLEAR, 1 - _CLEAR)
    return np.asarray(np.log(clear / (1 - clear)))


def _sigmoid(answer: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -answer)))


def maps_looked_at(scores: _Floats, maps: _Floats, place: Place, link: Link) -> tuple[_Floats, _Floats]:
    """Scores (C,) and maps (C, h, w) of a frame, of the places where somebody looks; the rest of the maps is 0."""
    hidden = place.hidden_cells((maps.shape[1], maps.shape[2]))
    if hidden is None:
        return scores, maps
    seen = np.where(hidden, np.float32(0), maps)
    highest = seen.max((1, 2))
    elsewhere = highest < maps.max((1, 2))
    return np.where(elsewhere, np.minimum(scores, link.scores(highest)), scores), seen


def boxes_looked_at(scores: _Floats, boxes: Boxes, place: Place) -> tuple[_Floats, Boxes]:
    """Scores (C,) of a frame and its boxes, in pixels of the canvas, without those where nobody looks."""
    seen = place.sees(boxes.corners)
    if seen.all():
        return scores, boxes
    kept, hidden = (_highest(boxes.only(rows), len(scores)) for rows in (seen, ~seen))
    return np.where(hidden > kept, np.minimum(scores, kept), scores), boxes.only(seen)


def _highest(boxes: Boxes, classes: int) -> _Floats:
    highest = np.zeros(classes, np.float32)
    np.maximum.at(highest, boxes.classes, boxes.scores)
    return highest
