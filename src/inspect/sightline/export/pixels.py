"""How well heat maps point at the defect: pixel figures with intervals, taken image by image in bounded memory.

Values are counted in bins of their odds v / (1 - v), which for a tail estimate L / (1 + L) is L = -log10(p) itself. A
bin is the leading bits of the odds as float32, so that it is 2^-15 of its octave wide wherever the values lie: good
pixels near 0 and defective ones near 1 are told apart as finely as those between. Two values in one bin count as tied.

Intervals come from the Poisson bootstrap (Chamandy, Muralidharan, Najmi & Naidu 2012, "Estimating uncertainty for
massive data streams"): in each resample a group counts as often as a Poisson draw with mean 1 says, seeded by its name,
so that all its images count alike, in whatever order they come. Resamples are kept in coarser bins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Metric
from sightline.dataset.scan import read_mask
from sightline.errors import DataError
from sightline.export import intervals
from sightline.export.sweep import Outputs
from sightline.index import Index, Sample

_RESAMPLES = 300
_FALSE_POSITIVES = 0.3  # rate up to which AUPRO is taken

_BITS = 15  # of the significand that number a bin; 23 would be all
_COARSE_BITS = 6
_BELOW, _ABOVE = 32, 24  # octaves of odds below and above 1; float32 has no value below 1 with odds of 2^24
_LOWEST = (127 - _BELOW) << _BITS  # leading bits of odds 2^-32, since the exponent is stored plus 127
_BINS = (_BELOW + _ABOVE) << _BITS
_COARSE_BINS = (_BELOW + _ABOVE) << _COARSE_BITS

_GOOD, _DEFECTIVE, _REGIONS = range(3)  # what is counted in each bin: pixels, pixels, and shares of regions

_Floats = NDArray[np.float64]


def pixel_figures(outputs: Outputs, index: Index) -> tuple[Metric, ...]:
    """Pixel figures of one part, from its maps brought back over the frames, where its defects have masks.

    Args:
        outputs: The part with maps, of which each pixel's highest counts.
        index: Tells where the masks lie.

    Raises:
        ImageError: A mask cannot be read any more.
        DataError: A mask has another size than its image had.
    """
    if not any(sample.mask for sample in outputs.samples if not sample.good):
        return ()
    tally = PixelTally()
    for sample, reading in zip(outputs.samples, outputs.readings, strict=True):
        heat = reading.place.heat_to_frame(reading.maps.max(axis=0))
        tally.add(heat, _mask(sample, index), sample.unit)
    return tally.metrics()


def _mask(sample: Sample, index: Index) -> NDArray[np.bool_] | None:
    """Where the defect is, (H, W); nothing on a good part, and None where nobody drew it."""
    if sample.good:
        return np.zeros((sample.height, sample.width), bool)
    if sample.mask is None:
        return None
    found = read_mask(index, sample)
    return found if found.any() else None


class PixelTally:
    """Counts the pixels of one image after another, and gives the figures of all.

    It holds some 70 MB however many and large the images are, beside the names of the groups.

    Attributes:
        left_out: Images given without a mask.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._counts = np.zeros((3, _BINS))
        self._resampled = np.zeros((3, _COARSE_BINS, _RESAMPLES))
        self._groups_with_good = set[str]()
        self._groups_with_defects = set[str]()

    def add(self, heat: NDArray[np.float32], mask: NDArray[np.bool_] | None, group: str) -> None:
        """Counts one image.

        Args:
            heat: (H, W) values in [0, 1), higher where a defect is likelier; 1 counts as the largest value below it.
            mask: (H, W) which pixels are defective, none of a good part. None for a defective part of which nobody
                knows where the defect is: the image is left out.
            group: The group of twins or the part that the image belongs to.

        Raises:
            DataError: If the map is not of the mask's size, or holds anything but numbers from 0 to 1. Nothing of the
                image is counted then.
        """
        if mask is None:
            self.left_out += 1
            return
        mask = np.asarray(mask, bool)
        heat = np.asarray(heat, np.float32)
        _check(heat, mask, group)
        bins, weights = _bins(heat), _weights_of(group)
        good, defective = bins[~mask], bins[mask]
        if len(good):
            self._groups_with_good.add(group)
            self._count(_GOOD, good, None, weights)
        if len(defective):
            self._groups_with_defects.add(group)
            self._count(_DEFECTIVE, defective, None, weights)
            self._count(_REGIONS, defective, _region_shares(mask), weights)

    def metrics(self) -> tuple[Metric, ...]:
        """The figures of all images so far; none while there is no defective or no good pixel.

        ``pixel_auroc`` and ``pixel_average_precision`` weigh every pixel alike, so a large defect outweighs many small
        ones. ``aupro_30`` weighs every region of 8-connected pixels alike: the area under the mean share of a region
        found over the share of good pixels reported, up to 0.3 of these, by 0.3 (Bergmann et al. 2021, "The MVTec
        anomaly detection dataset"). On a map that is the same everywhere the three are 0.5,
        the share of defective pixels, and 0.15.
        """
        decisive = min(len(self._groups_with_good), len(self._groups_with_defects))
        if not decisive:
            return ()
        ends = intervals.guarded(decisive)
        fine = _without_empty_bins(self._counts)
        coarse = _without_empty_bins(self._counts.reshape(3, _COARSE_BINS, -1).sum(axis=2))
        resamples = np.moveaxis(_without_empty_bins(self._resampled), 2, 0)
        resamples = resamples[np.all(resamples.any(axis=2), axis=1)]  # one may hold pixels of one kind only
        found = []
        for name, figure in _FIGURES.items():
            value = figure(fine)
            moved = value - figure(coarse)  # what coarser bins change is nearly the same in every resample
            values = np.clip([figure(counts) + moved for counts in resamples], 0, 1)
            low, high, how = ends(value, values.round(12))  # the last digits differ where the figure does not
            found.append(Metric(name=name, value=value, low=low, high=high, count=self._groups, interval=how))
        return tuple(found)

    @property
    def _groups(self) -> int:
        return len(self._groups_with_good | self._groups_with_defects)

    def _count(self, kind: int, bins: NDArray[np.int32], shares: _Floats | None, weights: _Floats) -> None:
        """Adds pixels in (N,) bins, each as one or as its share (N,), to the counts and, weighted, to the resamples."""
        np.add.at(self._counts[kind], bins, 1.0 if shares is None else shares)
        coarse = np.bincount(bins >> (_BITS - _COARSE_BITS), shares)
        occupied = np.flatnonzero(coarse)
        self._resampled[kind, occupied] += coarse[occupied, None] * weights


def _check(heat: NDArray[np.float32], mask: NDArray[np.bool_], group: str) -> None:
    if heat.ndim != 2 or heat.shape != mask.shape or not heat.size:
        raise DataError(
            f"{group}: expected a heat map and a mask of one height and width, got {heat.shape} and {mask.shape}",
            hint="Bring the map back over the frame, at the size of its mask.",
        )
    low, high = float(heat.min()), float(heat.max())
    if not (low >= 0 and high <= 1):  # which NaN is not either
        raise DataError(
            f"{group}: expected a heat map of numbers from 0 to 1, got {low:g} to {high:g}",
            hint="Give the calibrated map, L / (1 + L); where that is no number, the model is at fault.",
        )


def _bins(heat: NDArray[np.float32]) -> NDArray[np.int32]:
    """(H, W) number of each value's bin; it never falls as the value rises."""
    with np.errstate(divide="ignore"):  # odds of 1 are infinite, which comes out as the last bin
        odds = heat / (1 - heat)
    bins = (odds.view(np.int32) >> (23 - _BITS)) - _LOWEST
    return np.clip(bins, 0, _BINS - 1, out=bins)


def _region_shares(mask: NDArray[np.bool_]) -> _Floats:
    """(N,) of each defective pixel, row by row: one by the pixels of its region."""
    regions = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1][mask]
    return np.asarray(1 / np.bincount(regions)[regions])


def _weights_of(group: str) -> _Floats:
    """(R,) how often a group counts in each resample."""
    seed = hashlib.sha256(group.encode(errors="surrogatepass")).digest()[:16]
    return np.random.default_rng(int.from_bytes(seed, "big")).poisson(1.0, _RESAMPLES).astype(np.float64)


def _without_empty_bins(counts: _Floats) -> _Floats:
    """(3, b, ...) of (3, B, ...), without the bins where nothing is counted."""
    occupied = counts.reshape(*counts.shape[:2], -1).any(axis=(0, 2))
    return counts[:, occupied]


def _area(good: _Floats, hits: _Floats, limit: float) -> float:
    """Mean share of hits (B,) over the shares of good pixels (B,) from 0 to a limit, as the threshold falls."""
    false, true = (np.concatenate([[0.0], np.cumsum(counts[::-1])]) for counts in (good, hits))
    false, true = false / false[-1], true / true[-1]
    after = int(np.searchsorted(false, limit))  # the first point at the limit or beyond
    step = (limit - false[after - 1]) / (false[after] - false[after - 1])
    at_limit = true[after - 1] + step * (true[after] - true[after - 1])
    return float(np.trapezoid(np.append(true[:after], at_limit), np.append(false[:after], limit)) / limit)


def _average_precision(good: _Floats, defective: _Floats) -> float:
    """Precision at every threshold, weighted by the recall it adds, with no interpolation."""
    true, said = np.cumsum(defective[::-1]), np.cumsum((good + defective)[::-1])
    adds = defective[::-1] > 0
    return float((defective[::-1][adds] * true[adds] / said[adds]).sum() / true[-1])


_FIGURES: Mapping[str, Callable[[_Floats], float]] = MappingProxyType(
    {
        "pixel_auroc": lambda counts: _area(counts[_GOOD], counts[_DEFECTIVE], 1.0),
        "aupro_30": lambda counts: _area(counts[_GOOD], counts[_REGIONS], _FALSE_POSITIVES),
        "pixel_average_precision": lambda counts: _average_precision(counts[_GOOD], counts[_DEFECTIVE]),
    }
)
