"""Where a frame came to lie in what the model was shown, and the way back for maps, boxes and outlines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.config import Preprocess
from sightline.image.preprocess import content, cut_out, unseen
from sightline.image.register import Registration, back

_Points = NDArray[np.float64]
_HALF = 0.5  # of a pixel
_SEEN = 1 / 3  # share of a cell or a box that somebody looks at, from which it counts


@dataclass(frozen=True, eq=False)
class Place:
    """The way of one frame into the canvas, which the model's maps cover: its input, or all tiles together.

    Attributes:
        frame: Height and width of the frame as it was taken.
        upright: Height and width of the frame once it was registered; the frame's own if it was not.
        region: What was cut out of that: top, left, height, width.
        canvas: Height and width of the canvas, in pixels of the model's input.
        content: Where the region lies in the canvas: top, left, height, width.
        registration: How the frame was registered, or None.
        covered: Height and width, in pixels of the canvas from its top left, that maps cover where their cells reach
            beyond it; None where they end with it.
        unseen: (h, w) of the region, where nobody looks; None if all of it is looked at.
    """

    frame: tuple[int, int]
    upright: tuple[int, int]
    region: tuple[int, int, int, int]
    canvas: tuple[int, int]
    content: tuple[int, int, int, int]
    registration: Registration | None = None
    covered: tuple[int, int] | None = None
    unseen: NDArray[np.bool_] | None = None

    @property
    def hidden(self) -> NDArray[np.bool_] | None:
        """(h, w) of the canvas: the pixels where nobody looks; None if all of it is looked at."""
        if self.unseen is None:
            return None
        return np.asarray(self._fitted(self.unseen.astype(np.float32)) > _HALF)

    def hidden_cells(self, cells: tuple[int, int]) -> NDArray[np.bool_] | None:
        """(h, w) of a map of so many cells: those where nobody looks; None if all of it is looked at."""
        looked = self._looked_at
        if looked is None:
            return None
        shares = cv2.resize(looked.astype(np.float32), cells[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(shares < min(_SEEN, float(shares.max())))

    def sees(self, corners: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(K,) whether somebody looks at a third of each box (K, 4) of the canvas; also of what is no box."""
        looked, sound = self._looked_at, np.asarray(np.isfinite(corners).all(axis=1))
        if looked is None or not sound.any():
            return np.ones(len(corners), bool)
        sums, limit = cv2.integral(looked.astype(np.uint8)), np.array(looked.shape[::-1])
        low = np.clip(np.floor(np.where(sound[:, None], corners[:, :2], 0)), 0, limit - 1).astype(int)
        high = np.clip(np.ceil(np.where(sound[:, None], corners[:, 2:], 1)), low + 1, limit).astype(int)
        (x1, y1), (x2, y2) = low.T, high.T
        shares = (sums[y2, x2] - sums[y1, x2] - sums[y2, x1] + sums[y1, x1]) / np.prod(high - low, axis=1)
        return np.asarray((shares >= _SEEN) | ~sound)

    @property
    def _looked_at(self) -> NDArray[np.bool_] | None:
        """(h, w) of what maps cover: the pixels where somebody looks; None if that is all."""
        size, hidden = self.covered or self.canvas, self.hidden
        if hidden is None and self.content == (0, 0, *size):
            return None
        looked: NDArray[np.bool_] = np.zeros(size, bool)
        top, left, height, width = self.content
        looked[top : top + height, left : left + width] = True
        if hidden is not None:
            looked[: hidden.shape[0], : hidden.shape[1]] &= ~hidden
        return looked

    @property
    def hidden_on_frame(self) -> NDArray[np.bool_] | None:
        """(H, W) of the frame: the same there, and all that lies beside the region; None if nothing is hidden."""
        if self.unseen is None and self.region == (0, 0, *self.upright) and self.registration is None:
            return None
        looked = np.ones(self.region[2:], np.float32) if self.unseen is None else (~self.unseen).astype(np.float32)
        return np.asarray(self._over_frame(looked) < _HALF)

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the canvas a pixel of the region, down and across."""
        return self.content[2] / self.region[2], self.content[3] / self.region[3]

    def heat_to_frame(self, heat: NDArray[np.float32]) -> NDArray[np.float32]:
        """Brings a map (h, w) back over the frame: float32 (H, W); 0 where nobody looked."""
        top, left, height, width = self.content
        full = cv2.resize(heat, (self.covered or self.canvas)[::-1], interpolation=cv2.INTER_LINEAR)
        inside = np.ascontiguousarray(full[top : top + height, left : left + width])
        seen = np.asarray(cv2.resize(inside, self.region[:1:-1], interpolation=cv2.INTER_LINEAR), np.float32)
        return self._over_frame(seen if self.unseen is None else np.where(self.unseen, np.float32(0), seen))

    def _over_frame(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        """Brings a map (h, w) of the region back over the frame, float32 (H, W); 0 beside the region."""
        whole = _laid(found, self.upright, self.region)
        if self.registration is None:
            return whole
        flags, matrix = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, self.registration.matrix
        return np.asarray(cv2.warpPerspective(whole, matrix, self.frame[::-1], flags=flags), np.float32)

    def _fitted(self, shares: NDArray[np.float32]) -> NDArray[np.float32]:
        """Brings a map (h, w) of the region to the canvas; 0 beside its content."""
        size = self.content[:1:-1]
        return _laid(cv2.resize(shares, size, interpolation=cv2.INTER_AREA), self.canvas, self.content)

    def points_to_frame(self, points: _Points) -> _Points:
        """Brings places of the canvas (K, 2), x and y in pixels, back to the frame."""
        down, across = self.scale
        upright = (points - [self.content[1], self.content[0]]) / [across, down] + [self.region[1], self.region[0]]
        return upright if self.registration is None else back(upright, self.registration)

    def corners_to_frame(self, corners: NDArray[np.float32]) -> NDArray[np.float32]:
        """Brings boxes (K, 4), x1 y1 x2 y2, of the canvas back to the frame: upright boxes around them.

        They are cut to what the canvas shows of the frame, and to the frame.
        """
        top, left, height, width = self.content
        low, high = np.array([left, top] * 2, np.float32), np.array([left + width, top + height] * 2, np.float32)
        moved = np.stack([self.points_to_frame(points) for points in corners_of(np.clip(corners, low, high))])
        limit = [self.frame[1], self.frame[0]]
        return np.hstack([np.clip(moved.min(0), 0, limit), np.clip(moved.max(0), 0, limit)]).astype(np.float32)

    def points_to_canvas(self, points: _Points) -> _Points:
        """Brings places of the frame (K, 2), x and y in pixels, to the canvas."""
        if self.registration is not None and len(points):
            points = cv2.perspectiveTransform(points[None], self.registration.matrix)[0].astype(np.float64)
        down, across = self.scale
        return (points - [self.region[1], self.region[0]]) * [across, down] + [self.content[1], self.content[0]]

    def mask_to_canvas(self, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """The share of each pixel of the canvas, float32 (h, w), that lies under a mask (H, W) of the frame."""
        shares = mask.astype(np.float32)
        if self.registration is not None:
            shares = np.asarray(
                cv2.warpPerspective(shares, self.registration.matrix, self.upright[::-1], flags=cv2.INTER_LINEAR)
            )
        top, left, height, width = self.region
        return self._fitted(np.ascontiguousarray(shares[top : top + height, left : left + width]))


def _laid(part: cv2.typing.MatLike, whole: tuple[int, int], at: tuple[int, int, int, int]) -> NDArray[np.float32]:
    """A map of this (height, width) with a part of it given, at top, left, height, width, and 0 elsewhere."""
    found = np.asarray(part, np.float32)
    if at == (0, 0, *whole):
        return found
    top, left, height, width = at
    canvas = np.zeros(whole, np.float32)
    canvas[top : top + height, left : left + width] = found
    return canvas


def place(
    shape: tuple[int, int],
    spec: Preprocess,
    *,
    upright: tuple[int, int] | None = None,
    registration: Registration | None = None,
) -> Place:
    """Where a frame of this (height, width) comes to lie in the model's input, or, where it is cut into tiles, in all.

    Args:
        shape: Of the frame as it was taken.
        spec: What it goes through.
        upright: Of the registered frame, which is the template's; None if it is not registered.
        registration: How it was registered, or None.

    Raises:
        ImageError: The frame does not hold its region of interest, or nothing of that is left.
    """
    upright = upright or shape
    region, hidden = cut_out(upright, spec), unseen(upright, spec)
    if spec.tiles is not None:
        return Place(shape, upright, region, region[2:], (0, 0, *region[2:]), registration, unseen=hidden)
    size, lies = (spec.height, spec.width), content(region[2:], spec)
    return Place(shape, upright, region, size, lies, registration, unseen=hidden)


def corners_of(boxes: NDArray[np.float32]) -> list[_Points]:
    """The four corners of boxes (K, 4), each as points (K, 2)."""
    x1, y1, x2, y2 = boxes.astype(np.float64).T
    return [np.column_stack(pair) for pair in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))]
