"""The product: a bearing cap of aluminium, as its drawing and its tolerances make it.

A brushed square plate with four spot-faced bolt holes, a dowel hole and an engraved mark carries a turned boss with a
rubber seal in a groove and a conical bore. It lies on a dark fixture. ``Shape.drawn`` draws one part within
its tolerances and ``build`` turns it into the layers of a ``Surface``.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import tau

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.synth.surface import Field, Grid, Surface, blend, inside, texture, trace

PLATE = 0.76
CORNER = 0.20
CHAMFER = 0.028
BOSS = 0.50
SEAL = (0.268, 0.332)

# The lathe's work as rings from the axis outwards: radius, height above the plate, share of the sky seen.
_RINGS = (
    (0.000, -0.400, 0.004),
    (0.150, -0.400, 0.010),
    (0.168, -0.380, 0.040),
    (0.172, -0.030, 0.300),
    (0.212, 0.050, 0.750),
    (0.216, 0.064, 0.900),
    (0.228, 0.078, 1.000),
    (0.262, 0.078, 1.000),
    (SEAL[0], 0.066, 0.350),
    (SEAL[1], 0.066, 0.350),
    (0.338, 0.078, 1.000),
    (0.464, 0.078, 1.000),
    (0.490, 0.062, 1.000),
    (BOSS, 0.014, 0.800),
    (0.512, 0.004, 0.620),
    (0.545, 0.000, 0.820),
    (0.640, 0.000, 1.000),
    (2.000, 0.000, 1.000),
)
_SAMPLES = 2048
_REACH = 1.25  # the table of rings ends here; every point of the part is nearer to the axis

# The engraved mark, S L - 4 0, as the corners of pen strokes; a letter is 4 wide, 6 high and takes 6.
_LETTERS: tuple[tuple[tuple[int, int], ...], ...] = (
    ((4, 0), (1, 0), (0, 1), (0, 2), (1, 3), (3, 3), (4, 4), (4, 5), (3, 6), (0, 6)),
    ((0, 0), (0, 6), (4, 6)),
    ((1, 3), (3, 3)),
    ((3, 6), (3, 0), (0, 4), (4, 4)),
    ((1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)),
)
_RETICLE = (-0.2475, 0.635)
_PEN = 0.015


def _mark() -> NDArray[np.float64]:
    """Return the strokes of the mark and of the cross in the reticle before it, (N, 4), in part units."""
    u, v = _RETICLE
    strokes = [(u - 0.053, v, u + 0.053, v), (u, v - 0.053, u, v + 0.053)]
    for place, letter in enumerate(_LETTERS):
        at = [(u + _PEN * (5.5 + 6 * place + column), v + _PEN * (row - 3)) for column, row in letter]
        strokes += [(*start, *end) for start, end in pairwise(at)]
    return np.array(strokes)


_MARK = _mark()


@dataclass(frozen=True)
class Hole:
    """One drilled hole.

    Attributes:
        u: Centre along the brushing.
        v: Centre across the brushing.
        radius: Radius of the drilled hole.
        spot: Radius of the spot face around it.
        depth: 1 for a through hole, 0 for none.
    """

    u: float
    v: float
    radius: float
    spot: float
    depth: float = 1.0


_HOLES = (
    Hole(-0.535, -0.535, 0.078, 0.122),
    Hole(0.535, -0.535, 0.078, 0.122),
    Hole(0.535, 0.535, 0.078, 0.122),
    Hole(-0.535, 0.535, 0.078, 0.122),
    Hole(0.632, 0.0, 0.038, 0.052),
)


@dataclass(frozen=True)
class Shape:
    """One part, within its tolerances.

    Attributes:
        holes: Four bolt holes and the dowel hole.
        swell: Factor on the rings' radii inside the boss.
        engraving: Depth of the mark, 1 nominal.
        shade: Factor on the metal's reflectance.
        warmth: Colour of the metal, from -1 (bluish) to 1 (yellowish).
        marking: Strength of the machining marks, 1 nominal.
        seal: Reflectance of the rubber.
        finish: Seed of the texture, so that no two parts are brushed alike.
    """

    holes: tuple[Hole, ...]
    swell: float
    engraving: float
    shade: float
    warmth: float
    marking: float
    seal: float
    finish: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Shape:
        """Draw a good part: every size within its tolerance."""
        holes = tuple(
            Hole(hole.u + du, hole.v + dv, hole.radius * size, hole.spot * size)
            for hole, (du, dv), size in zip(
                _HOLES, rng.uniform(-0.003, 0.003, (5, 2)).tolist(), rng.uniform(0.97, 1.03, 5).tolist(), strict=True
            )
        )
        return cls(
            holes=holes,
            swell=float(rng.uniform(0.992, 1.008)),
            engraving=float(rng.uniform(0.7, 1.2)),
            shade=float(rng.uniform(0.88, 1.08)),
            warmth=float(rng.uniform(-1.0, 1.0)),
            marking=float(rng.uniform(0.6, 1.3)),
            seal=float(rng.uniform(0.025, 0.05)),
            finish=int(rng.integers(2**32)),
        )

    def clearance(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far each of the (N, 2) points lies inside a plain metal face, negative where on none, (N,)."""
        r = np.hypot(*points.T)
        beyond = np.abs(points) - (PLATE - CORNER)
        edge = CORNER - CHAMFER - np.hypot(*np.maximum(beyond, 0.0).T) - np.minimum(beyond.max(axis=1), 0.0)
        face = np.where(r < BOSS, np.minimum(r - 0.342, 0.462 - r), r - 0.52)
        holes = [np.hypot(*(points - (hole.u, hole.v)).T) - hole.spot for hole in self.holes]
        return np.asarray(np.min([edge, face, *holes], axis=0))


def _lathe(radii: NDArray[np.float64], values: NDArray[np.float64], pixel: float) -> Field:
    """Tabulate a ring property over the radius, averaged over one pixel so that thin rings do not flicker."""
    table = np.interp(np.linspace(0.0, _REACH, _SAMPLES), radii, values)
    width = max(1, round(pixel / _REACH * _SAMPLES)) | 1
    padded = np.pad(table, width // 2, mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid").astype(np.float32)


def _bulge(pixel: float) -> Field:
    """Tabulate the height by which the round seal stands out of its groove."""
    radius = np.linspace(0.0, _REACH, _SAMPLES)
    middle, half = (SEAL[0] + SEAL[1]) / 2, (SEAL[1] - SEAL[0]) / 2
    bulge = 0.7 * np.sqrt(np.clip(half**2 - (radius - middle) ** 2, 0.0, None))
    return _lathe(radius, bulge, pixel)


def rounded_square(u: Field, v: Field, half: float, corner: float) -> Field:
    """Return the distance from the outline of a square of side 2 ``half`` with round corners, negative inside."""
    qu, qv = np.abs(u) - np.float32(half - corner), np.abs(v) - np.float32(half - corner)
    outside = cv2.magnitude(np.maximum(qu, 0.0), np.maximum(qv, 0.0))
    return outside + np.minimum(np.maximum(qu, qv), 0.0) - np.float32(corner)


def build(shape: Shape, grid: Grid) -> Surface:
    """Machine the part: the layers of its surface over every pixel of the grid."""
    rng = np.random.default_rng(shape.finish)
    pixel = grid.pixel
    ring = np.minimum(grid.r * np.float32(_SAMPLES / _REACH / shape.swell), _SAMPLES - 1).astype(np.int32)
    radii, heights, skies = np.array(_RINGS).T
    edge = rounded_square(grid.u, grid.v, PLATE, CORNER)
    height = np.take(_lathe(radii, heights, pixel) + _bulge(pixel), ring)
    height -= np.maximum(edge + np.float32(CHAMFER), 0.0) * np.float32(0.6)
    rubber = np.take(_lathe(np.array([SEAL[0], *SEAL, SEAL[1]]), np.array([0.0, 1.0, 1.0, 0.0]), pixel), ring)
    turned = grid.r < np.float32(BOSS * shape.swell)
    mottle = texture(grid, rng)
    marks = np.where(turned, _grooves(rng, ring, mottle, pixel), texture(grid, rng, stretch=24))
    colour = (1.0 + 0.018 * shape.warmth, 1.0, 1.0 - 0.03 * shape.warmth)
    surface = Surface(
        edge=edge,
        cover=inside(edge, pixel),
        height=height,
        albedo=np.float32(0.62 * shape.shade) * (1.0 + np.float32(0.035 * shape.marking) * marks),
        tint=np.stack([np.full(grid.size, share, np.float32) for share in colour]),
        metal=1.0 - rubber,
        rough=1.0 + np.float32(0.05) * mottle,
        grain=_grain(grid, turned),
        marks=marks * np.float32(0.085 * shape.marking),
        sky=np.take(_lathe(radii, skies, pixel), ring),
    )
    blend(surface.albedo, shape.seal, rubber)
    for hole in shape.holes:
        _drill(surface, grid, hole)
    _engrave(surface, grid, shape.engraving)
    return surface


def _grooves(rng: np.random.Generator, ring: NDArray[np.int32], mottle: Field, pixel: float) -> Field:
    """Turn the boss: fine grooves around the axis, mean 0 and deviation about 1, a little uneven on their way."""
    noise = rng.standard_normal((1, _SAMPLES), dtype=np.float32)
    # No groove is finer than the picture can show.
    profile = np.asarray(cv2.GaussianBlur(noise, (0, 0), max(6.0, 0.4 * pixel / _REACH * _SAMPLES)), np.float32)[0]
    return np.asarray(np.take(profile / profile.std(), ring) * (1.0 + np.float32(0.25) * mottle))


def _grain(grid: Grid, turned: NDArray[np.bool_]) -> Field:
    """Return the direction of the machining marks: around the axis on the boss, along u on the plate."""
    inverse = np.float32(1.0) / np.maximum(grid.r, np.float32(1e-3))
    along_u, along_v = np.ones_like(grid.u), np.zeros_like(grid.v)
    np.copyto(along_u, -grid.v * inverse, where=turned)
    np.copyto(along_v, grid.u * inverse, where=turned)
    return np.stack(grid.to_frame(along_u, along_v))


def _drill(surface: Surface, grid: Grid, hole: Hole) -> None:
    """Cut a hole with its spot face and chamfer; a shallow one shows its floor, one of depth 0 leaves no trace."""
    at = grid.window([(hole.u, hole.v)], hole.spot)
    u, v = grid.u[at] - np.float32(hole.u), grid.v[at] - np.float32(hole.v)
    away = cv2.magnitude(u, v)
    touched = min(1.0, hole.depth / 0.3)
    face = inside(away - np.float32(hole.spot), grid.pixel) * np.float32(touched)
    surface.height[at] -= np.float32(0.012) * face
    inverse = np.asarray(1.0 / np.maximum(away, np.float32(1e-4)), np.float32)
    around = np.stack(grid.to_frame(-v * inverse, u * inverse))
    surface.grain[(slice(None), *at)] = np.where(face > 0.5, around, surface.grain[(slice(None), *at)])
    blend(surface.marks[at], np.float32(0.05) * np.sin(away * np.float32(tau / 0.017)), face)
    chamfer = np.clip((np.float32(hole.radius + 0.012) - away) / np.float32(0.012), 0.0, 1.0)
    surface.height[at] -= np.float32(0.014 * touched) * chamfer
    shaft = inside(away - np.float32(hole.radius), grid.pixel)
    # The floor rises from out of sight to the surface as the hole gets shallower, and its cone with it.
    surface.height[at] -= shaft * np.float32(hole.depth) * np.float32(0.08) * (1.0 - away / np.float32(hole.radius))
    blend(surface.sky[at], float(np.exp(-4.5 * hole.depth)), shaft)
    blend(surface.albedo[at], 0.62 * (1.0 - 0.6 * hole.depth), shaft * np.float32(touched))


def _engrave(surface: Surface, grid: Grid, depth: float) -> None:
    """Engrave the type mark below the boss, and the reticle that precedes it."""
    distance, _ = trace(grid, _MARK, 0.0055 + grid.pixel)
    at = grid.window([_RETICLE], 0.06)
    ring = np.hypot(grid.u[at] - np.float32(_RETICLE[0]), grid.v[at] - np.float32(_RETICLE[1])) - np.float32(0.0405)
    distance[at] = np.minimum(distance[at], np.abs(ring))
    at = grid.window(_MARK.reshape(-1, 2).tolist(), 0.0055 + grid.pixel)
    cut = inside(distance[at] - np.float32(0.0055), grid.pixel)
    surface.height[at] -= cut * np.float32(0.006 * depth)
    surface.sky[at] *= 1.0 - np.float32(0.45 * min(depth, 1.0)) * cut
