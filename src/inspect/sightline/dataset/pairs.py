"""Which marks are of one defect: the one place where outlines, and regions of masks, are given to boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes, areas, overlaps
from sightline.dataset.within import around
from sightline.index import Box, Polygon, Sample

_Doubles = NDArray[np.float64]

_MOST = 0.5
"""Share of what lies around an outline that a box must hold for the two to be one defect: tools round boxes, so that
outlines reach over them."""

_LEAST = 0.01
"""Pixels that the sides of an outline without area are taken to have."""


@dataclass(frozen=True)
class Pairs:
    """The boxes and outlines of an image.

    Attributes:
        boxes: Each box with its outlines; some have none.
        lone: The outlines that belong to no box, such as COCO's crowds.
    """

    boxes: tuple[tuple[Box, tuple[Polygon, ...]], ...]
    lone: tuple[Polygon, ...]

    @property
    def bare(self) -> tuple[Box, ...]:
        """The boxes without an outline."""
        return tuple(box for box, outlines in self.boxes if not outlines)


def of(sample: Sample) -> Pairs:
    """Gives each outline to the box of its type that holds most of it; of several alike, to the smallest."""
    inside: list[list[Polygon]] = [[] for _ in sample.boxes]
    lone = list[Polygon]()
    boxes = np.array([corners(box) for box in sample.boxes], float).reshape(-1, 4)
    sizes = areas(boxes)
    for outline in sample.polygons:
        alike = np.array([box.label == outline.label for box in sample.boxes], bool)
        shares = _shares(np.array([around([outline])]), boxes)[0] * alike
        ranks = [(-share.round(2), sizes[n], len(inside[n]), n) for n, share in enumerate(shares) if share >= _MOST]
        (inside[min(ranks)[-1]] if ranks else lone).append(outline)
    return Pairs(tuple((box, tuple(own)) for box, own in zip(sample.boxes, inside, strict=True)), tuple(lone))


def without(regions: Boxes, boxes: Boxes) -> Boxes:
    """The regions, told by the boxes around them, that no box of their type holds most of."""
    held = _shares(regions.corners, boxes.corners) >= _MOST
    return regions.only(~(held & (regions.classes[:, None] == boxes.classes)).any(axis=1))


def corners(box: Box) -> tuple[float, float, float, float]:
    """x1, y1, x2, y2 of a box, in pixels of the image."""
    return box.x1, box.y1, box.x2, box.y2


def _shares(inner: NDArray[np.floating], outer: NDArray[np.floating]) -> _Doubles:
    """The share (K, L) of each of K boxes (K, 4) that lies in each of L boxes (L, 4)."""
    wide = inner.astype(np.float64) + np.array([-_LEAST, -_LEAST, _LEAST, _LEAST]) / 2
    return np.asarray(overlaps(wide, outer) / areas(wide)[:, None])
