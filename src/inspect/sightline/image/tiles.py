"""Frames too large for one look: cut into overlapping tiles, and what is found on the tiles brought together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes, areas, by_type, joined, overlaps, suppressed
from sightline.config.tiles import TILE_STEP
from sightline.errors import ConfigError
from sightline.image.preprocess import PAD_GREY

_Floats = NDArray[np.float32]
_Size = tuple[int, int]

_TOUCH = 2.0
"""Pixels; a box that ends so near to a tile's edge is taken to go on beyond it."""

_INSIDE = 0.5
"""Share of the smaller of two boxes that must lie in the other one for both to be the same thing."""

_AS_SURE = 0.5
"""Least score, as a share of a piece's, of a whole box that stands for the piece: what is far less sure is no reason to
drop it."""

_DUPLICATE = 0.5
"""Overlap (IoU) beyond which two boxes of a type, of neighbouring tiles, are one thing that both saw."""

_MOST = 1000
"""Boxes of a type in a frame that are looked at, the surest; at least all that one tile gave. A verdict names fewer."""


@dataclass(frozen=True)
class Window:
    """Where a tile lies in the frame.

    Attributes:
        top: Its first row, in pixels of the frame.
        left: Its first column.
    """

    top: int
    left: int


def plan(shape: _Size, tile: _Size, overlap: int, step: int = TILE_STEP) -> tuple[Window, ...]:
    """The tiles that cover a frame, row by row, as few as can be and evenly spread.

    Places are multiples of ``step``, so that the cells of all tiles' maps lie on one grid; the last row and column of
    tiles may for that reach up to ``step`` - 1 pixels beyond the frame. With a step of 1 they end with it.

    Args:
        shape: Height and width of the frame, in pixels.
        tile: Height and width of a tile.
        overlap: Pixels that neighbours share at least.
        step: What places are multiples of: the stride of the model's maps.

    Raises:
        ConfigError: Nothing is left of a tile beyond its overlap.
    """
    if not min(tile) - overlap >= step >= 1:
        got = f"{tile[0]} x {tile[1]} with an overlap of {overlap}"
        raise ConfigError(
            f"expected tiles that go on by {step} pixels at least, got {got}",
            hint="Lessen `overlap`, or enlarge tiles.",
        )
    tops, lefts = (_places(*axis, overlap, step) for axis in zip(shape, tile, strict=True))
    return tuple(Window(top, left) for top in tops for left in lefts)


def _places(length: int, tile: int, overlap: int, step: int) -> list[int]:
    last = -(-max(0, length - tile) // step)
    gaps = -(-last // ((tile - overlap) // step))
    return [step * (last * place // max(gaps, 1)) for place in range(gaps + 1)]


def cut(frame: NDArray[np.uint8], window: Window, tile: _Size) -> NDArray[np.uint8]:
    """One tile (h, w, 3) of an RGB frame (H, W, 3), uint8; what lies beyond the frame is grey 114."""
    seen = frame[window.top : window.top + tile[0], window.left : window.left + tile[1]]
    if seen.shape[:2] == tile:
        return np.ascontiguousarray(seen)
    canvas = np.full((*tile, 3), PAD_GREY, np.uint8)
    canvas[: seen.shape[0], : seen.shape[1]] = seen
    return canvas


class Blend:
    """One map of a frame out of the coarse maps of its tiles; where tiles overlap, a mean without seams.

    A tile's weight falls towards the edges beyond which other tiles go on, and stays at the frame's own.

    Args:
        shape: Height and width of the frame, in pixels.
        tile: Height and width of a tile.
        overlap: Pixels over which weights fall: what neighbours share at least.
        stride: Pixels of the frame a cell of the map, along each side.
    """

    def __init__(self, shape: _Size, tile: _Size, overlap: int, stride: int) -> None:
        self._shape, self._tile, self._stride = shape, tile, stride
        self._ramp = max(1, overlap // stride)
        self._size = -(-shape[0] // stride), -(-shape[1] // stride)
        self._weights = np.zeros(self._size, np.float32)
        self._sum: _Floats | None = None

    def add(self, window: Window, maps: _Floats) -> None:
        """Takes in the maps (C, h / stride, w / stride), float32, of one tile.

        Raises:
            ValueError: The maps are of another size than the tile, or it lies between cells.
        """
        expected = self._tile[0] / self._stride, self._tile[1] / self._stride
        if maps.shape[1:] != expected or window.top % self._stride or window.left % self._stride:
            place = f"maps of {maps.shape[1:]} cells at {window.top}, {window.left}"
            raise ValueError(f"expected {expected} cells at multiples of {self._stride}, got {place}")
        if self._sum is None:
            self._sum = np.zeros((len(maps), *self._size), np.float32)
        top, left = window.top // self._stride, window.left // self._stride
        rows, columns = (
            min(have, size - at) for have, size, at in zip(maps.shape[1:], self._size, (top, left), strict=True)
        )
        weights = np.outer(self._fall(0, window.top)[:rows], self._fall(1, window.left)[:columns])
        at = np.s_[top : top + rows, left : left + columns]
        self._weights[at] += weights
        self._sum[:, *at] += weights * maps[:, :rows, :columns]

    def _fall(self, axis: int, start: int) -> _Floats:
        """The weights of a tile's cells along an axis."""
        cells = np.arange(self._tile[axis] // self._stride, dtype=np.float32)
        before = cells + 0.5 if start > 0 else np.full_like(cells, self._ramp)
        after = cells[::-1] + 0.5 if start + self._tile[axis] < self._shape[axis] else np.full_like(cells, self._ramp)
        return np.minimum(np.minimum(before, after) / self._ramp, 1)

    def maps(self) -> _Floats:
        """The frame's maps (C, ceil(H / stride), ceil(W / stride)), float32; 0 where no tile was added.

        Raises:
            ValueError: No tile was added at all.
        """
        if self._sum is None:
            raise ValueError("expected the maps of at least one tile, got none")
        return np.asarray(self._sum / np.maximum(self._weights, np.finfo(np.float32).tiny), np.float32)


def merge(parts: Sequence[tuple[Window, Boxes]], tile: _Size, shape: _Size) -> Boxes:
    """The boxes of a frame out of those of its tiles.

    A box that a tile's inner edge cuts is left out if another tile shows the thing whole and is about as sure of it;
    the whole box is then as sure as the surest piece that it stands for. If none does, for the thing is longer than the
    overlap, its parts become one box with the surest part's score. Of two boxes of a type that are nearly the same the
    surer one stays. Of more boxes of a type than a frame can have defects, the surest are looked at, so that time and
    memory are bounded.

    Args:
        parts: Each tile with its boxes, in pixels of the tile.
        tile: Height and width of a tile.
        shape: Height and width of the frame.

    Returns:
        Boxes in pixels of the frame, none beyond it, the surest first.
    """
    views = np.array([_view(window, tile, shape) for window, _ in parts], np.float32).reshape(-1, 4)
    numbers = np.repeat(np.arange(len(parts)), [len(boxes) for _, boxes in parts])
    boxes = joined([_placed(boxes, window, view) for (window, boxes), view in zip(parts, views, strict=True)])
    inside = areas(boxes.corners) > 0
    boxes, numbers = boxes.only(inside), numbers[inside]
    kept = _surest(boxes, max([_MOST, *(len(boxes) for _, boxes in parts)]))
    boxes, views = boxes.only(kept), views[numbers[kept]]
    is_cut = _cut(boxes.corners, views, shape)
    whole, pieces = boxes.only(~is_cut), boxes.only(is_cut)
    stands = _shown_whole(pieces, whole)
    lost, scores = stands < 0, whole.scores.copy()
    np.maximum.at(scores, stands[~lost], pieces.scores[~lost])
    whole = replace(whole, scores=scores)
    return suppressed(joined([whole, _rejoined(pieces.only(lost), views[is_cut][lost])]), _DUPLICATE)


def _surest(boxes: Boxes, most: int) -> NDArray[np.int64]:
    """The numbers (N,) of the surest boxes of each type, so many at most, in the boxes' order."""
    kept = [rows[np.argsort(-boxes.scores[rows], kind="stable")[:most]] for rows in by_type(boxes)]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *kept]))


def _view(window: Window, tile: _Size, shape: _Size) -> tuple[int, int, int, int]:
    """What a tile shows of the frame: x1, y1, x2, y2."""
    return window.left, window.top, min(window.left + tile[1], shape[1]), min(window.top + tile[0], shape[0])


def _placed(boxes: Boxes, window: Window, view: _Floats) -> Boxes:
    corners = boxes.corners + np.array([window.left, window.top] * 2, np.float32)
    return Boxes(np.clip(corners, np.tile(view[:2], 2), np.tile(view[2:], 2)), boxes.scores, boxes.classes)


def _cut(corners: _Floats, views: _Floats, shape: _Size) -> NDArray[np.bool_]:
    """Which boxes (K, 4) reach an edge of their view (K, 4) that is none of the frame's."""
    edges = np.array([0, 0, shape[1], shape[0]], np.float32)
    return np.asarray(((np.abs(corners - views) <= _TOUCH) & (views != edges)).any(axis=1))


def _shown_whole(pieces: Boxes, whole: Boxes) -> NDArray[np.int64]:
    """Which whole box stands for each piece (K,), -1 of none.

    It is the surest of those of its type that the piece lies in for the most part, and that are about as sure.
    """
    least, stands = _INSIDE * areas(pieces.corners), np.full(len(pieces), -1)
    for rows in by_type(pieces):
        others = np.flatnonzero(whole.classes == pieces.classes[rows[0]])
        corners, scores = whole.corners[others], whole.scores[others]
        for row in rows:
            inside = overlaps(pieces.corners[[row]], corners)[0] >= least[row]
            fit = np.flatnonzero(inside & (scores >= _AS_SURE * pieces.scores[row]))
            if len(fit):
                stands[row] = others[fit[scores[fit].argmax()]]
    return stands


def _rejoined(pieces: Boxes, views: _Floats) -> Boxes:
    """Each group of pieces that agree, type by type, where two tiles both look, as one box around them."""
    groups = np.arange(len(pieces))
    for rows in by_type(pieces):
        for row in rows:
            met = groups[rows[_agreeing(pieces.corners[rows], views[rows], pieces.corners[row], views[row])]]
            groups[np.isin(groups, met)] = groups[row]
    return _around(pieces, groups)


def _agreeing(corners: _Floats, views: _Floats, piece: _Floats, view: _Floats) -> NDArray[np.int64]:
    """Which of some pieces (K, 4) of other tiles, which lie in their views (K, 4), agree with one piece (4,)."""
    beside = (areas(_within(views, view)) > 0) & (views != view).any(axis=1)
    near = np.flatnonzero(beside)
    own, other = _within(piece, views[near]), _within(corners[near], view)
    shared, smaller = areas(_within(own, other)), np.minimum(areas(own), areas(other))
    return near[(smaller > 0) & (shared >= _INSIDE * smaller)]


def _within(corners: _Floats, views: _Floats) -> _Floats:
    """What of boxes (K, 4) lies within views (K, 4); either may be one alone (4,)."""
    low, high = np.maximum(corners[..., :2], views[..., :2]), np.minimum(corners[..., 2:], views[..., 2:])
    return np.concatenate([low, high], axis=-1)


def _around(pieces: Boxes, groups: NDArray[np.int64]) -> Boxes:
    """One box around the pieces of each group (K,), with the surest one's score."""
    if not len(pieces):
        return pieces
    order = np.argsort(groups, kind="stable")
    pieces, starts = pieces.only(order), np.flatnonzero(np.diff(groups[order], prepend=-1))
    low = np.minimum.reduceat(pieces.corners[:, :2], starts)
    high = np.maximum.reduceat(pieces.corners[:, 2:], starts)
    return Boxes(np.hstack([low, high]), np.maximum.reduceat(pieces.scores, starts), pieces.classes[starts])
