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
        top, left, height, width = self.content
        canvas = np.zeros(self.canvas, bool)
        shares = cv2.resize(self.unseen.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        canvas[top : top + height, left : left + width] = shares > _HALF
        return canvas

    @property
    def hidden_on_frame(self) -> NDArray[np.bool_] | None:
        """(H, W) of the frame: the same there, and all that lies beside the region; None if nothing is hidden."""
        if self.unseen is None and self.region == (0, 0, *self.upright) and self.registration is None:
            return None
        looked = np.zeros(self.upright, np.float32)
        top, left, height, width = self.region
        looked[top : top + height, left : left + width] = 1 if self.unseen is None else ~self.unseen
        if self.registration is not None:
            flags, matrix = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, self.registration.matrix
            return np.asarray(cv2.warpPerspective(looked, matrix, self.frame[::-1], flags=flags) < _HALF)
        return np.asarray(looked < _HALF)

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
        if self.region != (0, 0, *self.upright):
            whole = np.zeros(self.upright, np.float32)
            top, left, height, width = self.region
            whole[top : top + height, left : left + width] = seen
            seen = whole
        if self.registration is None:
            return seen
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpPerspective(seen, self.registration.matrix, self.frame[::-1], flags=flags), np.float32
        )

    def points_to_frame(self, points: _Points) -> _Points:
        """Brings places of the canvas (K, 2), x and y in pixels, back to the frame."""
        down, across = self.scale
        upright = (points - [self.content[1], self.content[0]]) / [across, down] + [self.region[1], self.region[0]]
        return upright if self.registration is None else back(upright, self.registration)

    def corners_to_frame(self, corners: NDArray[np.float32]) -> NDArray[np.float32]:
        """Brings boxes (K, 4), x1 y1 x2 y2, of the canvas back to the frame: upright boxes around them, cut to it."""
        moved = np.stack([self.points_to_frame(points) for points in corners_of(corners)])
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
        cut = np.ascontiguousarray(shares[top : top + height, left : left + width])
        canvas = np.zeros(self.canvas, np.float32)
        top, left, height, width = self.content
        canvas[top : top + height, left : left + width] = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
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
