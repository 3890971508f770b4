"""Figures of task segment: how well regions cover the drawn ones, how many defects are found, how many invented.

An instance is a region of 8-connected pixels of one type that somebody drew. Each image is counted as it comes and only
sums of its group are kept, so that memory grows with the groups alone. Intervals are at 95 % and count groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Metric
from sightline.errors import DataError
from sightline.export import grouped, intervals
from sightline.export.matching import Thresholds

_EDGES = (64, 256, 1024)  # px of area
_SIZES = ("area-under-64px", "area-64-256px", "area-256-1024px", "area-from-1024px")

_Mask = NDArray[np.bool_]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Instances:
    """The K regions of 8-connected pixels of a mask.

    Attributes:
        labels: int32 (H, W): number of each pixel's region from 1, 0 of none.
        areas: int64 (K,): pixels of each.
        corners: int64 (K, 4): x1, y1, x2, y2 of the box around each, x2 and y2 exclusive.
    """

    labels: NDArray[np.int32]
    areas: NDArray[np.int64]
    corners: NDArray[np.int64]

    @classmethod
    def of(cls, mask: _Mask) -> Instances:
        """Those of a mask (H, W)."""
        _, labels, table, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
        x, y, width, height, area = table[1:].astype(np.int64).T
        return cls(np.asarray(labels, np.int32), area, np.stack([x, y, x + width, y + height], axis=1))

    def touched(self, mask: _Mask) -> _Mask:
        """(K,) whether each shares a pixel with a mask (H, W)."""
        return np.bincount(self.labels[mask], minlength=len(self.areas) + 1)[1:] > 0

    def peaks(self, heat: NDArray[np.float32]) -> NDArray[np.float32]:
        """(K,) the largest value of a map (H, W) in each."""
        highest = np.full(len(self.areas) + 1, -np.inf, np.float32)
        np.maximum.at(highest, self.labels.ravel(), heat.ravel())
        return highest[1:]


@dataclass(eq=False)
class _Sums:
    """What is counted in the images of one group.

    Attributes:
        pixels: (C + 1, 3) by type, the background last: pixels said and true, said or true, and true.
        instances: (C, 4, 3) by type and size: instances, those touched by any type, those touched by their own.
        invented: Regions said that touch no defect.
        images: How many.
    """

    pixels: _Floats
    instances: _Floats
    invented: int = 0
    images: int = 0

    @classmethod
    def empty(cls, types: int) -> _Sums:
        """Of no image."""
        return cls(np.zeros((types + 1, 3)), np.zeros((types, len(_SIZES), 3)))

    def count(self, said: _Mask, truth: _Mask) -> None:
        """Adds one image: what is said of each type (C, H, W), and what is true (C, H, W)."""
        anywhere, defective = np.asarray(said.any(axis=0)), np.asarray(truth.any(axis=0))
        for number, (one, other) in enumerate([*zip(said, truth, strict=True), (~anywhere, ~defective)]):
            self.pixels[number] += [np.count_nonzero(kind) for kind in (one & other, one | other, other)]
        for shown in np.flatnonzero(truth.any(axis=(1, 2))).tolist():
            self._count_instances(shown, Instances.of(truth[shown]), anywhere, said[shown])
        if anywhere.any():
            self.invented += int(np.count_nonzero(~Instances.of(anywhere).touched(defective)))
        self.images += 1

    def _count_instances(self, number: int, true: Instances, anywhere: _Mask, said: _Mask) -> None:
        size = np.digitize(true.areas, _EDGES)
        columns = (np.ones(len(size), bool), true.touched(anywhere), true.touched(said))
        for column, counts in enumerate(columns):
            self.instances[number, :, column] += np.bincount(size[counts], minlength=len(_SIZES))


class RegionTally:
    """Counts the regions of one image after another, and gives the figures of all.

    Args:
        classes: Names of the C types.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = tuple(classes)
        self._groups: dict[str, _Sums] = {}

    def add(self, heat: NDArray[np.float32], truth: _Mask, thresholds: Thresholds, group: str) -> None:
        """Counts one image.

        Args:
            heat: (C, H, W) how probable each type is at each pixel of the frame.
            truth: (C, H, W) where each type was drawn; nothing on a good part. Types may lie over each other.
            thresholds: (C,) heat from which a pixel is said to be of the type.
            group: The group of twins that the image belongs to, `Sample.unit`.

        Raises:
            DataError: The three do not fit together, or the heat holds something that is no number. Nothing of the
                image is counted then.
        """
        limits = np.asarray(thresholds, np.float64)
        _check(heat, truth, limits, len(self._classes), group)
        said = heat >= limits[:, None, None]
        self._groups.setdefault(group, _Sums.empty(len(self._classes))).count(said, np.asarray(truth, bool))

    def metrics(self) -> tuple[Metric, ...]:
        """The figures of all images so far; none while there is none.

        Each ``iou/<type>`` and ``dice/<type>`` is of the pixels of all images together, not a mean over images.
        ``miou`` and ``dice`` are means over the types that occur. ``miou_with_background`` is the mean over these and
        the pixels of no type: published figures of U-Net and its kin differ in whether they count the background, which
        is mostly right and lifts the mean.

        ``instance_recall`` is the share of instances of which the region said, of whatever type, touches a pixel;
        for ``instance_recall_typed`` it must be of the same type. ``instance_recall_by_size/`` goes by the pixels of an
        instance. ``invented_per_image`` counts the regions said, whatever their type, that touch no defect.
        """
        if not self._groups:
            return ()
        sums = [self._groups[name] for name in sorted(self._groups)]
        figures = [*self._of_pixels(sums), *self._of_instances(sums), _invented(sums)]
        return tuple(figure for figure in figures if figure is not None)

    def _of_pixels(self, sums: list[_Sums]) -> list[Metric | None]:
        pixels = np.stack([one.pixels for one in sums])
        both, either, true = np.moveaxis(np.tensordot(grouped.weights(len(sums)), pixels, 1), 2, 0)
        iou = np.where(true > 0, grouped.ratio(both, either), np.nan)
        dice = np.where(true > 0, grouped.ratio(2 * both, both + either), np.nan)
        decisive = np.count_nonzero(pixels[:, :-1, 2], axis=0).tolist()
        rarest = min((count for count in decisive if count), default=0)
        if not rarest:  # only good parts
            return []
        means = {
            "miou": grouped.mean(iou[:, :-1], axis=1),
            "miou_with_background": grouped.mean(iou, axis=1),
            "dice": grouped.mean(dice[:, :-1], axis=1),
        }
        figures = [_share(name, values, len(sums), rarest) for name, values in means.items()]
        for number, name in enumerate(self._classes):
            figures.append(_share(f"iou/{name}", iou[:, number], len(sums), decisive[number]))
            figures.append(_share(f"dice/{name}", dice[:, number], len(sums), decisive[number]))
        return figures

    def _of_instances(self, sums: list[_Sums]) -> list[Metric | None]:
        table = np.stack([one.instances for one in sums])
        every, found, typed = np.moveaxis(table.sum(axis=(1, 2)), 1, 0)
        figures = [
            grouped.rate("instance_recall", found, every),
            grouped.rate("instance_recall_typed", typed, every),
        ]
        for number, name in enumerate(self._classes):
            every, found, _ = table[:, number].sum(axis=1).T
            figures.append(grouped.rate(f"instance_recall/{name}", found, every))
        for number, name in enumerate(_SIZES):
            every, found, _ = table[:, :, number].sum(axis=1).T
            figures.append(grouped.rate(f"instance_recall_by_size/{name}", found, every))
        return figures


def type_counts(said: _Mask, truth: _Mask) -> NDArray[np.int64]:
    """How often each type was said of the instances of each type on one image.

    Args:
        said: (C, H, W) the regions said of each type.
        truth: (C, H, W) where each type was drawn.

    Returns:
        int64 (C + 1, C + 1): the true type by the type said on most of an instance's pixels; the last column counts
        those where nothing was said, the last row regions said that touch no defect, and their corner is 0.
    """
    types = len(truth)
    counts = np.zeros((types + 1, types + 1), np.int64)
    for number in np.flatnonzero(truth.any(axis=(1, 2))).tolist():
        true = Instances.of(truth[number])
        shares = np.array([np.bincount(true.labels[mask], minlength=len(true.areas) + 1)[1:] for mask in said])
        column = np.where(shares.any(axis=0), shares.argmax(axis=0), types)
        np.add.at(counts[number], column, 1)
    defective = np.asarray(truth.any(axis=0))
    for number in np.flatnonzero(said.any(axis=(1, 2))).tolist():
        counts[types, number] += int(np.count_nonzero(~Instances.of(said[number]).touched(defective)))
    return counts


def _check(heat: NDArray[np.float32], truth: _Mask, limits: _Floats, types: int, group: str) -> None:
    if heat.ndim != 3 or heat.shape != truth.shape or len(heat) != types or not heat.size or limits.shape != (types,):
        raise DataError(
            f"{group}: expected maps and masks of {types} types at one height and width and as many thresholds, "
            f"got {heat.shape}, {truth.shape} and {limits.shape}",
            hint="Bring the maps back over the frame, at the size of its masks, one for each type.",
        )
    if np.isnan(heat).any():
        raise DataError(
            f"{group}: expected maps of numbers, got some that are none",
            hint="Where a map is no number, the model is at fault.",
        )


def _share(name: str, values: _Floats, groups: int, decisive: int) -> Metric | None:
    return grouped.figure(name, values, groups, intervals.guarded(decisive))


def _invented(sums: list[_Sums]) -> Metric | None:
    """Regions invented an image, which may be more than one.

    The interval reaches at least as far up as that of a rate that was never seen: none so far does not mean none ever.
    """

    def ends(value: float, resampled: _Floats) -> tuple[float, float, str]:
        low, high, how = intervals.percentile(value, resampled)
        unseen = intervals.wilson(0.0, len(sums))[1]
        return (low, unseen, "Wilson over groups of none seen") if unseen > high else (low, high, how)

    weights = grouped.weights(len(sums))
    invented, images = np.array([(one.invented, one.images) for one in sums], np.float64).T
    return grouped.figure("invented_per_image", grouped.ratio(weights @ invented, weights @ images), len(sums), ends)
