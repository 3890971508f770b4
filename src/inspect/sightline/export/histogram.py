"""What places of a map say and what is true of them, counted in bins, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sightline.dataset import marks
from sightline.export import calibrate
from sightline.export.calibrate import Calibrator
from sightline.export.sweep import Outputs
from sightline.image import Place
from sightline.index import Index

_LIMIT, _BINS = 20.0, 800  # logits beyond are counted with the last
_FEWEST = 20  # places that show a type, which its calibration needs
_HALF = 0.5  # of a place under a mask, from which it shows the defect

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlaceCounts:
    """How many places of each type got a logit, by whether they show it.

    Attributes:
        counts: float64 (C, 2, bins): sound places, and those that show the type.
    """

    counts: _Floats

    @property
    def logits(self) -> _Floats:
        """The middle of each bin."""
        edges = np.linspace(-_LIMIT, _LIMIT, _BINS + 1)
        return (edges[:-1] + edges[1:]) / 2

    def calibrator(self) -> Calibrator:
        """Platt's for each type that enough places show; others stay as they are."""
        scale, bias = np.ones(len(self.counts)), np.zeros(len(self.counts))
        for number, (sound, shown) in enumerate(self.counts):
            if min(sound.sum(), shown.sum()) >= _FEWEST:
                scale[number], bias[number] = calibrate.platt_of_counts(self.logits, sound, shown)
        return calibrate.of_types(scale, bias, int(self.counts.sum()))

    def best_edges(self, calibrator: Calibrator) -> list[float]:
        """Of each type the probability from which regions overlap best with what was drawn (F of places); else 0.5."""
        edges = []
        for number, (sound, shown) in enumerate(self.counts):
            if shown.sum() < _FEWEST:
                edges.append(0.5)
                continue
            hits, said = np.cumsum(shown[::-1])[::-1], np.cumsum((sound + shown)[::-1])[::-1]
            f = 2 * hits / np.maximum(said + shown.sum(), 1)
            lowest = self.logits[int(f.argmax())] - _LIMIT / _BINS  # the lower end of the bin
            edges.append(float(np.clip(expit(lowest * calibrator.scale[number] + calibrator.bias[number]), 0.01, 0.99)))
        return edges


def of_places(outputs: Outputs, index: Index) -> PlaceCounts:
    """Counts the places of a part, of its raw maps; images whose defects are not marked are left out."""
    counts = np.zeros((len(index.classes), 2, _BINS))
    for sample, reading in zip(outputs.samples, outputs.readings, strict=True):
        drawn = marks.types_map(sample, index)
        if (drawn == marks.UNKNOWN).any():
            continue
        shown = marks.to_canvas(marks.inspected(drawn, reading.place), reading.place)
        types = _covered(shown, reading.place)
        rows, columns = reading.maps.shape[1:]
        looked = reading.looked_at
        bins = np.clip(((reading.maps + _LIMIT) * (_BINS / (2 * _LIMIT))).astype(int), 0, _BINS - 1)
        for number in range(len(counts)):
            shares = cv2.resize((types == number + 1).astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
            shows = shares >= _HALF
            counts[number, 0] += np.bincount(bins[number][~shows & looked], minlength=_BINS)
            counts[number, 1] += np.bincount(bins[number][shows & looked], minlength=_BINS)
    return PlaceCounts(counts)


def _covered(types: NDArray[np.uint8], place: Place) -> NDArray[np.uint8]:
    """A map of types (h, w) of the canvas, with as much of nothing below and beside it as the model's maps cover."""
    height, width = place.covered or place.canvas
    return np.pad(types, ((0, height - types.shape[0]), (0, width - types.shape[1])))
