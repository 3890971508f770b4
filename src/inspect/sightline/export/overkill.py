"""How many defects are found when only so many good images may be rejected, whatever the model's own threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Metric
from sightline.errors import DataError
from sightline.export import grouped, intervals
from sightline.export.regions import Instances

_Floats = NDArray[np.float64]


class Peaks(NamedTuple):
    """How hot one image gets.

    Attributes:
        good: Whether it shows no defect.
        largest: The largest heat of any type anywhere on it, of however few pixels.
        instances: The largest heat of any type in each drawn instance.
        group: The group of twins that it belongs to, `Sample.unit`.
    """

    good: bool
    largest: float
    instances: tuple[float, ...]
    group: str


def peaks_of(heat: NDArray[np.float32], truth: NDArray[np.bool_], group: str) -> Peaks:
    """The peaks of one image, of its maps (C, H, W) over the frame and of where each type was drawn (C, H, W).

    They are those of the maps as they are, whatever the type: neither what the types' scores make of them counts here,
    nor which type is right, nor the area of what is hot.
    """
    hottest = heat.max(axis=0)
    peaks = [Instances.of(mask).peaks(hottest) for mask in truth if mask.any()]
    return Peaks(not peaks, float(hottest.max()), tuple(float(peak) for row in peaks for peak in row), group)


def overkill_figure(name: str, rows: Sequence[Peaks], overkill: float) -> Metric | None:
    """The share of instances that are hotter than the good images that may not be rejected.

    The threshold is the lowest that rejects at most this share of the good images: their largest heat is above it in no
    more. It is taken from the rows themselves, and from each resample anew, so the figure says what the maps could do,
    not what a threshold chosen on other images does.

    Args:
        name: Of the figure.
        rows: Of each image, with its group.
        overkill: Share of the good images that may be rejected, 0 to below 1.

    Returns:
        0 to 1 with its interval; None without an instance or without a good image.

    Raises:
        DataError: The share is none that leaves good images.
    """
    numbers, count = grouped.numbered([row.group for row in rows])
    values = _recalls(*_flat(rows), grouped.weights(count)[:, numbers], overkill)
    good, defective = ({row.group for row in rows if row.good}, {row.group for row in rows if row.instances})
    return grouped.figure(name, values, count, intervals.guarded(min(len(good), len(defective))))


def _flat(rows: Sequence[Peaks]) -> tuple[NDArray[np.bool_], _Floats, _Floats, NDArray[np.int64]]:
    """(N,) whether good, (N,) largest heat; of every instance (M,) its peak, and (M,) the number of its image."""
    good, largest = np.array([row.good for row in rows], bool), np.array([row.largest for row in rows], np.float64)
    peaks = np.array([peak for row in rows for peak in row.instances], np.float64)
    return good, largest, peaks, np.repeat(np.arange(len(rows)), [len(row.instances) for row in rows])


def _recalls(
    good: NDArray[np.bool_],
    largest: _Floats,
    peaks: _Floats,
    owner: NDArray[np.int64],
    weights: _Floats,
    overkill: float,
) -> _Floats:
    """(R,) on weighed images (R, N); not a number where no good image or no instance weighs anything."""
    if not 0 <= overkill < 1:
        raise DataError(
            f"expected a share of good images from 0 to below 1, got {overkill:g}",
            hint="Give 0.01 for one in a hundred.",
        )
    if not good.any() or not len(peaks):
        return np.full(len(weights), np.nan)
    falling = np.flatnonzero(good)[np.argsort(-largest[good], kind="stable")]
    rejected = np.cumsum(weights[:, falling], axis=1)
    allowed = np.floor(overkill * rejected[:, -1] + 1e-9)
    kept = falling[(rejected > allowed[:, None]).argmax(axis=1)]  # the hottest image that may not be rejected
    of_instances = weights[:, owner]
    found = (of_instances * (peaks > largest[kept][:, None])).sum(axis=1)
    return np.where(rejected[:, -1] > 0, grouped.ratio(found, of_instances.sum(axis=1)), np.nan)
