"""The figures that `bench_anomaly` takes of scores and maps, the same code for every method.

Needs the environment of scripts/test, and is imported once a script is inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from _anomaly_split import Split
from sightline import image
from sightline.bundle.manifest import Metric
from sightline.errors import DataError
from sightline.export import intervals
from sightline.export.evaluate import auroc
from sightline.export.pixels import PixelTally
from sightline.index import Sample

_RESAMPLES = 500

Interval = tuple[float, float, float]
"""A figure, and the ends of its interval at 95 %."""


@dataclass(frozen=True, eq=False)
class Figures:
    """How well one method tells good from defective, on some of the test samples.

    Attributes:
        image: AUROC over images.
        resampled: The same on resamples of the groups of twins, (R,); those of two methods on the same samples are of
            the same resamples. NaN where one holds a single kind.
        of_type: Type -> AUROC of its images against the good ones.
        pixel: AUROC over pixels, if any mask shows a defect.
        pixel_of_type: The same over the pixels of one type's images and of the good ones.
        aupro: Area under the per-region overlap up to 30 % false positives, by 0.3.
    """

    image: Interval
    resampled: NDArray[np.float64]
    of_type: dict[str, float]
    pixel: Interval | None
    pixel_of_type: dict[str, float]
    aupro: Interval | None


def figures(split: Split, answers: Path, kept: NDArray[np.bool_], size: int) -> Figures:
    """Takes all figures over some of the test samples, good ones and defective ones among them.

    Args:
        split: Tells what the test samples show.
        answers: An .npz with `scores`, (N,), and `maps`, (N, h, w), in their order.
        kept: (N,) which of them count.
        size: Height and width at which pixels are compared.

    Raises:
        DataError: The answers are not of these samples.
    """
    with np.load(answers) as saved:
        scores, maps = saved["scores"], saved["maps"]
    if scores.shape != kept.shape or maps.ndim != 3 or len(maps) != len(kept) or not np.isfinite(scores).all():
        raise DataError(f"{answers}: expected {len(kept)} scores and maps, got {scores.shape} and {maps.shape}")
    samples = [sample for sample, keep in zip(split.test, kept, strict=True) if keep]
    scores, maps = scores[kept], maps[kept]
    defective = np.array([not sample.good for sample in samples])
    value, resampled, rarer = auroc(defective, scores), *_resampled(samples, defective, scores)
    low, high, _ = intervals.guarded(rarer)(value, resampled[np.isfinite(resampled)])
    of_type: dict[str, float] = {}
    pixel_of_type: dict[str, float] = {}
    for name in split.types:
        shows = np.array([name in sample.labels for sample in samples])
        if shows.any():
            rows = np.flatnonzero(shows | ~defective)
            of_type[name] = auroc(shows[rows], scores[rows])
            alone = _of_pixels(split, [samples[row] for row in rows], maps[rows], size)
            if "pixel_auroc" in alone:
                pixel_of_type[name] = alone["pixel_auroc"].value
    of_pixels = _of_pixels(split, samples, maps, size)
    return Figures(
        image=(value, low, high),
        resampled=resampled,
        of_type=of_type,
        pixel=_interval(of_pixels.get("pixel_auroc")),
        pixel_of_type=pixel_of_type,
        aupro=_interval(of_pixels.get("aupro_30")),
    )


def ahead(of: Figures, other: Figures) -> Interval:
    """How far one method's AUROC over images is ahead of another's on the same samples, by a paired bootstrap."""
    differences = of.resampled - other.resampled
    value = of.image[0] - other.image[0]
    low, high, _ = intervals.percentile(value, differences[np.isfinite(differences)])
    return value, low, high


def _resampled(
    samples: list[Sample], defective: NDArray[np.bool_], scores: NDArray[np.floating]
) -> tuple[NDArray[np.float64], int]:
    """(R,) AUROC on resamples of the groups, and how many groups the rarer kind comes from."""
    names = np.array([sample.group for sample in samples])
    _, numbers = np.unique(names, return_inverse=True)
    members = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    random = np.random.default_rng(0)
    values = np.full(_RESAMPLES, np.nan)
    for place in range(_RESAMPLES):
        rows = np.concatenate([members[drawn] for drawn in random.integers(len(members), size=len(members))])
        if 0 < defective[rows].sum() < len(rows):
            values[place] = auroc(defective[rows], scores[rows])
    return values, min(len(set(names[defective])), len(set(names[~defective])))


def _of_pixels(split: Split, samples: list[Sample], maps: NDArray[np.floating], size: int) -> dict[str, Metric]:
    tally = PixelTally()
    for sample, heat in zip(samples, maps, strict=True):
        stretched = cv2.resize(heat.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        tally.add(stretched / (1 + stretched), _mask(split, sample, size), sample.group)
    return {metric.name: metric for metric in tally.metrics()}


def _mask(split: Split, sample: Sample, size: int) -> NDArray[np.bool_] | None:
    """(size, size) where the defect is; None if it is not known."""
    if sample.good:
        return np.zeros((size, size), bool)
    if sample.mask is None:
        return None
    shown = image.read_mask(split.root / sample.mask, name=sample.mask).astype(np.uint8)
    mask = np.asarray(cv2.resize(shown, (size, size), interpolation=cv2.INTER_NEAREST), bool)
    return mask if mask.any() else None


def _interval(metric: Metric | None) -> Interval | None:
    return None if metric is None else (metric.value, metric.low, metric.high)
