"""The one way from a mask to outlines: along the edges of its pixels, so that what they enclose is what was marked."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

_Mask = NDArray[np.bool_]
_Points = NDArray[np.float64]

_FEW = 24
"""Corners that an outline may have and be left as it is."""

_COARSE, _MIDDLES = 0.75, 0.4
"""Pixels by which a simplified outline may leave the corners of pixels, or else the middles of their edges, which
lie up to 0.35 from the corners and make a stair straight."""

_WINDOW, _MOST_OFF = 3, 2
"""In no window of so many pixels each way may a simplified outline enclose so many more or less than the exact one: a
straight edge along a stair moves by 1.5 at most, a line of one pixel that is lost loses three."""

_FINE, _LARGE = 4, 8_000_000
"""Times finer that outlines are drawn to be compared; half of it from so many pixels on, which would fill memory."""

_SUBPIXEL = 4  # bits of a pixel's fraction that OpenCV draws polygons with


def outlines(mask: _Mask, at: tuple[int, int] = (0, 0)) -> list[list[float]]:
    """The outer outlines of a mask: each encloses exactly what it is drawn around.

    Args:
        mask: bool (H, W). Pixels that touch at a corner belong together; holes are filled.
        at: x, y of the mask's first pixel in its image.

    Returns:
        An outline each, x, y, x, y, … in pixels, with the corners only.
    """
    return sorted((_turns(path) + np.array(at)).ravel().tolist() for path in _traced(mask))


def outline(mask: _Mask, at: tuple[int, int] = (0, 0)) -> tuple[tuple[float, float], ...]:
    """The outer outline of one region, exact to 0.75 pixels, without the many corners of stairs.

    One of more than 24 corners is simplified (Douglas and Peucker 1973), if it then encloses as much as before wherever
    one looks: of a thin line the two sides may fall together, and the line be lost.

    Args:
        mask: bool (H, W), one region of touching pixels (8-connected), whose holes are filled; of several the one with
            the longest outline counts.
        at: x, y of the mask's first pixel in its frame.

    Returns:
        x, y of each corner, in pixels of the frame, along the edges of pixels; empty where nothing is marked.
    """
    path = max(_traced(mask), key=len, default=np.zeros((0, 2)))
    exact = _turns(path)
    simple = () if len(exact) <= _FEW else _simplified(path, exact)
    chosen = next((points for points in simple if _alike(exact, points)), exact)
    return tuple((float(x), float(y)) for x, y in chosen + np.array(at))


def _traced(mask: _Mask) -> list[_Points]:
    """The path (N, 2) along the edges of pixels around each region, x and y, by steps of one pixel.

    OpenCV runs through the centres of border pixels. On a mask of twice the size both ends of each pixel are such
    centres, and halved they are the pixel's edges; so a single pixel has an outline too.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(rows):
        return []
    left, top = int(columns[0]), int(rows[0])
    marked = mask[top : rows[-1] + 1, left : columns[-1] + 1].astype(np.uint8)
    doubled = cv2.resize(marked, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
    found, _ = cv2.findContours(doubled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    paths = [(contour[:, 0].astype(np.int64) + 1) // 2 for contour in found]
    return [path[(path != np.roll(path, 1, axis=0)).any(axis=1)] + np.array([left, top], float) for path in paths]


def _turns(path: _Points) -> _Points:
    """Those points (N, 2) of a closed path where it turns."""
    before, after = path - np.roll(path, 1, axis=0), np.roll(path, -1, axis=0) - path
    return np.asarray(path[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]])


def _simplified(path: _Points, exact: _Points) -> Iterator[_Points]:
    """A path with fewer corners: some of its own, or some middles of its edges, between which stairs are straight."""
    for points, most in ((exact, _COARSE), ((path + np.roll(path, 1, axis=0)) / 2, _MIDDLES)):
        yield cv2.approxPolyDP(points.astype(np.float32)[:, None], most, closed=True)[:, 0].astype(np.float64)


def _alike(exact: _Points, simple: _Points) -> bool:
    """Whether two outlines (N, 2) enclose about the same, in every window that is laid over them."""
    low, high = exact.min(axis=0), exact.max(axis=0)
    width, height = (high - low).astype(int).tolist()
    one, other = (_shares(corners - low, width, height) for corners in (exact, simple))
    window = (_WINDOW, _WINDOW)
    apart = cv2.boxFilter(
        cv2.subtract(one, other, dtype=cv2.CV_16S), -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    return int(np.abs(apart).max()) <= _MOST_OFF * 255


def _shares(corners: _Points, width: int, height: int) -> NDArray[np.uint8]:
    """The share of each pixel, uint8 (h, w), that lies in an outline (N, 2); 255 is all of it."""
    fine = _FINE if width * height < _LARGE else _FINE // 2
    drawn = np.zeros((height * fine, width * fine), np.uint8)
    points = np.rint((corners * fine - 0.5) * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(drawn, [points], 255, shift=_SUBPIXEL)
    return np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
