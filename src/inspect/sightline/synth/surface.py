"""What the renderer draws on: the pixel grid in the part's own coordinates, and the layers of a surface.

Lengths are in part units. The picture's shorter side is two units long before the camera's zoom, so the same part
fills the same share of a picture of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, cos, floor, sin

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Region = NDArray[np.bool_]
Window = tuple[slice, slice]

_TILE = 1024
_TILE_DENSITY = 256.0


@dataclass(frozen=True)
class Pose:
    """Where the part lies under the camera.

    Args:
        x: Shift to the right, in part units.
        y: Shift downwards, in part units.
        turn: Clockwise rotation, in radians.
        scale: Zoom; 1 makes the picture's shorter side two units long.
    """

    x: float = 0.0
    y: float = 0.0
    turn: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Grid:
    """The pixel centres of one picture, in the coordinates of the frame and of the part.

    Attributes:
        x: Frame coordinate to the right of the picture's centre, float32 (H, W).
        y: Frame coordinate below the picture's centre, float32 (H, W).
        u: Part coordinate along the brushing, float32 (H, W).
        v: Part coordinate across the brushing, float32 (H, W).
        r: Distance from the part's axis, float32 (H, W).
        pixel: Side of one pixel in part units.
        pose: The pose that the part coordinates follow.
    """

    x: Field
    y: Field
    u: Field
    v: Field
    r: Field
    pixel: float
    pose: Pose

    @classmethod
    def of(cls, size: tuple[int, int], pose: Pose) -> Grid:
        """Lay the grid of a picture of ``size`` (height, width in pixels) over a part in ``pose``."""
        height, width = size
        step = 2.0 / min(size)
        column = ((np.arange(width) + 0.5 - width / 2) * step).astype(np.float32)
        row = ((np.arange(height) + 0.5 - height / 2) * step).astype(np.float32)[:, None]
        x = np.repeat(column[None, :], height, axis=0)
        y = np.repeat(row, width, axis=1)
        c, s = cos(pose.turn) / pose.scale, sin(pose.turn) / pose.scale
        u = np.float32(c) * (column - np.float32(pose.x)) + np.float32(s) * (row - np.float32(pose.y))
        v = np.float32(-s) * (column - np.float32(pose.x)) + np.float32(c) * (row - np.float32(pose.y))
        return cls(x, y, u, v, np.asarray(cv2.magnitude(u, v), np.float32), step / pose.scale, pose)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self.u.shape
        return height, width

    def window(self, points: Iterable[Sequence[float]], reach: float) -> Window:
        """Return the rows and columns that hold every pixel within ``reach`` of the part points (u, v)."""
        height, width = self.size
        step = self.pixel * self.pose.scale
        c, s = cos(self.pose.turn) * self.pose.scale, sin(self.pose.turn) * self.pose.scale
        at = [(c * u - s * v + self.pose.x, s * u + c * v + self.pose.y) for u, v in points]
        columns = [x / step + width / 2 for x, _ in at]
        rows = [y / step + height / 2 for _, y in at]
        half = reach / self.pixel + 1.0
        return _span(rows, half, height), _span(columns, half, width)

    def to_frame(self, u: Field, v: Field) -> tuple[Field, Field]:
        """Turn directions given in part coordinates into frame coordinates (unit length is kept)."""
        c, s = np.float32(cos(self.pose.turn)), np.float32(sin(self.pose.turn))
        return c * u - s * v, s * u + c * v


@dataclass(frozen=True)
class Surface:
    """The layers of a part, each float32 (H, W) unless it says otherwise; they are drawn on in place.

    Attributes:
        edge: Distance from the part's outline, negative inside, in part units.
        cover: Share of the pixel that the part covers; the rest is fixture.
        height: Height above the plate, in part units.
        albedo: Reflectance, 0 to 1.
        tint: Colour that the reflectance is multiplied with, float32 (3, H, W), RGB.
        metal: 1 where light is mirrored by bare metal, 0 where it is scattered.
        rough: Factor on the width of the highlight, 1 for the finish as machined.
        grain: Unit vector along the machining marks in frame coordinates, float32 (2, H, W).
        marks: Slope across the machining marks, without unit.
        sky: Share of the surroundings that the point sees, 0 to 1.
    """

    edge: Field
    cover: Field
    height: Field
    albedo: Field
    tint: Field
    metal: Field
    rough: Field
    grain: Field
    marks: Field
    sky: Field

    def bare(self) -> Region:
        """Return where bare metal can be seen: on the part, not on the seal, not down a hole."""
        return (self.cover > 0.5) & (self.metal > 0.5) & (self.sky > 0.5)


def _span(places: Sequence[float], half: float, end: int) -> slice:
    """Return the pixels within ``half`` of any place between the first and the last, clipped to the picture."""
    return slice(max(0, floor(min(places) - half)), max(0, min(end, ceil(max(places) + half))))


def blend(layer: Field, value: Field | float, cover: Field) -> None:
    """Draw ``value`` over ``layer`` in place, with the opacity ``cover``."""
    layer += cover * (value - layer)


def inside(distance: Field, pixel: float) -> Field:
    """Return the share of each pixel that lies inside a contour (negative distance), antialiased."""
    return np.asarray(np.clip(np.float32(0.5) - distance / np.float32(pixel), 0.0, 1.0), np.float32)


def smoothstep(value: Field, low: float, high: float) -> Field:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((value - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return np.asarray(t * t * (np.float32(3.0) - np.float32(2.0) * t), np.float32)


def trace(grid: Grid, strokes: NDArray[np.float64], reach: float) -> tuple[Field, Field]:
    """Measure how far every pixel is from the nearest of N straight strokes.

    Args:
        grid: The pixels.
        strokes: (N, 4) part coordinates u, v of each stroke's two ends.
        reach: Distance up to which to measure; pixels farther away may be given as farther still.

    Returns:
        The distance in part units, and the place of the nearest point, from 0 where the first stroke starts to 1 where
        the last one ends; both float32 (H, W).
    """
    distance = np.full(grid.size, np.float32(1e3))
    along = np.zeros(grid.size, np.float32)
    for i, (u0, v0, u1, v1) in enumerate(strokes.tolist()):
        at = grid.window([(u0, v0), (u1, v1)], reach)
        du, dv = u1 - u0, v1 - v0
        squared = du * du + dv * dv
        u, v = grid.u[at] - np.float32(u0), grid.v[at] - np.float32(v0)
        t = np.clip(u * np.float32(du / squared) + v * np.float32(dv / squared), 0.0, 1.0)
        away = np.hypot(u - t * np.float32(du), v - t * np.float32(dv))
        nearer = away < distance[at]
        np.copyto(distance[at], away, where=nearer)
        np.copyto(along[at], (np.float32(i) + t) / np.float32(len(strokes)), where=nearer)
    return distance, along


@lru_cache(maxsize=2)
def _tile(stretch: int) -> Field:
    """Make one seamless tile of noise, mean 0 and deviation 1, blurred ``stretch`` times longer along its rows."""
    noise = np.random.default_rng(stretch).standard_normal((_TILE, _TILE), dtype=np.float32)
    pad = 4 * stretch
    padded = cv2.copyMakeBorder(noise, 8, 8, pad, pad, cv2.BORDER_WRAP)
    total = np.zeros_like(noise)
    for width, weight in ((0.8, 0.75), (1.6, 0.4), (4.0, 0.15)):
        sigma = stretch * min(width, 1.0) if stretch > 1 else width
        blurred = cv2.GaussianBlur(padded, (0, 0), sigmaX=sigma, sigmaY=width)
        part = blurred[8:-8, pad:-pad]
        total += np.float32(weight) * part / part.std()
    total /= total.std()
    total.setflags(write=False)
    return total


def texture(grid: Grid, rng: np.random.Generator, *, stretch: int = 1, fixed: bool = False) -> Field:
    """Cut a random piece of noise that lies on the part like its finish does.

    Args:
        grid: The picture to fill.
        rng: Chooses the piece.
        stretch: How many times longer than wide the marks are, along u.
        fixed: True for a texture that stays with the frame instead of the part.

    Returns:
        Noise of mean 0 and deviation about 1, float32 (H, W).
    """
    offset = rng.uniform(0, _TILE, 2)
    pose = Pose() if fixed else grid.pose
    height, width = grid.size
    step = 2.0 / min(grid.size) * _TILE_DENSITY / pose.scale
    c, s = cos(pose.turn) * step, sin(pose.turn) * step
    # warpAffine is given the map from picture to tile, as WARP_INVERSE_MAP expects.
    to_tile = np.array(
        [[c, s, offset[0] - c * width / 2 - s * height / 2], [-s, c, offset[1] + s * width / 2 - c * height / 2]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(_tile(stretch), to_tile, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP))
