"""Light on the part: what reaches the lens from every point, before the camera adds its own faults.

Bare metal mirrors the light from facets whose slopes scatter far more across the machining marks than along them. The
highlight is therefore an elliptical Gaussian in slope space, after Ward, "Measuring and modeling anisotropic
reflection" (SIGGRAPH 1992). That is what draws bands on brushed and spokes on turned faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin

import cv2
import numpy as np

from sightline.synth.product import BOSS, CORNER, PLATE, rounded_square
from sightline.synth.surface import Field, Grid, Surface, smoothstep, texture

_CAMERA_HEIGHT = 5.0
_POCKET = 0.945
_FIXTURE = (0.93, 0.98, 1.08)


@dataclass(frozen=True)
class Light:
    """One lamp above the station and the light that the room adds.

    Attributes:
        azimuth: Direction that the lamp stands in, radians, clockwise from the picture's right.
        elevation: Its height above the fixture, radians.
        distance: Its distance from the picture's centre, in part units.
        spread: Size of the lamp; a larger one makes wider highlights and softer shadows, 1 nominal.
        key: Its power.
        room: Power of the light from all around.
        warmth: Colour of the lamp from -1 (bluish) to 1 (yellowish).
        ground: Seed of the fixture's texture.
    """

    azimuth: float
    elevation: float
    distance: float
    spread: float
    key: float
    room: float
    warmth: float
    ground: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Light:
        """Draw the light of one shot: a lamp at the upper left that nobody has fixed very well."""
        return cls(
            azimuth=float(rng.uniform(-0.95 * pi, -0.45 * pi)),
            elevation=float(rng.uniform(0.30 * pi, 0.42 * pi)),
            distance=float(rng.uniform(2.6, 3.6)),
            spread=float(rng.uniform(0.85, 1.25)),
            key=float(rng.uniform(0.85, 1.15)),
            room=float(rng.uniform(0.8, 1.2)),
            warmth=float(rng.uniform(-1.0, 1.0)),
            ground=int(rng.integers(2**32)),
        )


@dataclass(frozen=True)
class _Rays:
    """The lamp's light at every point, float32 (H, W) each: vector to the lamp, distance, height, power left there."""

    x: Field
    y: Field
    away: Field
    z: np.float32
    power: Field

    @classmethod
    def of(cls, light: Light, grid: Grid) -> _Rays:
        """Aim the lamp at every pixel."""
        reach, z = light.distance * cos(light.elevation), light.distance * sin(light.elevation)
        x = np.float32(reach * cos(light.azimuth)) - grid.x
        y = np.float32(reach * sin(light.azimuth)) - grid.y
        away = np.sqrt(x * x + y * y + np.float32(z * z))
        power = np.float32(z * light.distance**2 * light.key) / (away * away * away)
        return cls(x, y, away, np.float32(z), np.asarray(power, np.float32))


def shade(surface: Surface, grid: Grid, light: Light) -> Field:
    """Light a part on its fixture.

    Args:
        surface: The part's layers.
        grid: Its pixels.
        light: Where the light stands.

    Returns:
        Linear radiance, float32 (H, W, 3), RGB, about 1 for a bright highlight.
    """
    rays = _Rays.of(light, grid)
    part = _part(surface, grid, light, rays) * surface.sky * surface.cover
    ground = _fixture(surface, grid, light, rays) * (1.0 - surface.cover)
    lamp = (1.0 + 0.03 * light.warmth, 1.0, 1.0 - 0.05 * light.warmth)
    return np.asarray(
        cv2.merge(
            [
                part * (tint * np.float32(lit)) + ground * np.float32(lit * share)
                for tint, lit, share in zip(surface.tint, lamp, _FIXTURE, strict=True)
            ]
        )
    )


def _part(surface: Surface, grid: Grid, light: Light, rays: _Rays) -> Field:
    """Light the part alone, without colour."""
    scale = 0.125 / grid.pixel
    slope_x = cv2.Sobel(surface.height, cv2.CV_32F, 1, 0, scale=scale, borderType=cv2.BORDER_REPLICATE)
    slope_y = cv2.Sobel(surface.height, cv2.CV_32F, 0, 1, scale=scale, borderType=cv2.BORDER_REPLICATE)
    # The machining marks tilt the surface across their own direction.
    grain_x, grain_y = surface.grain
    slope_x -= grain_y * surface.marks
    slope_y += grain_x * surface.marks
    upright = 1.0 / cv2.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)

    # The slope between the surface and the facet that would mirror the lamp into the lens.
    bisect = 1.0 / (rays.z + rays.away)
    facet_x = slope_x + (rays.x - grid.x * rays.away / np.float32(_CAMERA_HEIGHT)) * bisect
    facet_y = slope_y + (rays.y - grid.y * rays.away / np.float32(_CAMERA_HEIGHT)) * bisect
    along = (facet_x * grain_x + facet_y * grain_y) * np.float32(1.0 / (0.125 * light.spread))
    across = (facet_y * grain_x - facet_x * grain_y) * np.float32(1.0 / (0.36 * light.spread))
    along, across = along * along, across * across
    broad = 1.0 / (surface.rough * surface.rough)
    glint = cv2.exp((along + across) * -broad) * broad
    haze = 1.0 / (1.0 + along * np.float32(0.18) + across * np.float32(0.6))
    shadowed = rays.power * _boss_shadow(grid, light)
    # The room is brighter on the lamp's side, so a slope that faces it mirrors more.
    facing = (slope_x * np.float32(cos(light.azimuth)) + slope_y * np.float32(sin(light.azimuth))) * upright
    mirrored = (np.float32(1.05) * glint + np.float32(0.22) * haze) * shadowed
    mirrored += np.float32(0.19 * light.room) * upright * (1.0 - np.float32(1.1) * facing)

    lambert = np.maximum(rays.z - slope_x * rays.x - slope_y * rays.y, 0.0) * upright / rays.z
    scattered = surface.albedo * (lambert * shadowed + np.float32(0.35 * light.room))
    scattered += np.float32(0.05) * rays.power * cv2.exp((facet_x * facet_x + facet_y * facet_y) * np.float32(-14.0))
    return np.asarray(scattered + surface.metal * (surface.albedo * mirrored - scattered))


def _cast(grid: Grid, light: Light, tall: float) -> tuple[Field, Field]:
    """Return the part coordinates of the point that would throw its shadow on each pixel from ``tall`` above it."""
    throw = tall / np.tan(light.elevation)
    c, s = cos(light.azimuth - grid.pose.turn), sin(light.azimuth - grid.pose.turn)
    return grid.u + np.float32(throw * c), grid.v + np.float32(throw * s)


def _boss_shadow(grid: Grid, light: Light) -> Field:
    """Return the share of the lamp that the boss leaves to each point of the plate."""
    u, v = _cast(grid, light, 0.085)
    soft = 0.035 * light.spread
    hidden = smoothstep(np.float32(BOSS) - cv2.magnitude(u, v), -soft, soft)
    hidden *= smoothstep(grid.r, 0.49, 0.51)
    return 1.0 - np.float32(0.75) * hidden


def _fixture(surface: Surface, grid: Grid, light: Light, rays: _Rays) -> Field:
    """Light the fixture: a black anodised, bead blasted plate with a pocket, and the part's shadow in it."""
    rng = np.random.default_rng(light.ground)
    blasted = texture(grid, rng, fixed=True)
    u, v = _cast(grid, light, 0.16)
    soft = 0.06 * light.spread
    lit = smoothstep(rounded_square(u, v, PLATE, CORNER), -soft, soft)
    contact = smoothstep(surface.edge, -0.02, 0.11)
    tone = np.float32(0.055) * (1.0 + np.float32(0.11) * blasted)
    tone *= rays.power * (np.float32(0.25) + np.float32(0.75) * lit) + np.float32(0.3 * light.room)
    tone *= np.float32(0.35) + np.float32(0.65) * contact
    # The pocket's wall rises outwards: the side across from the lamp faces it, the near side lies in shade.
    wall = rounded_square(grid.x, grid.y, _POCKET, 0.12)
    reach = np.maximum(cv2.magnitude(grid.x, grid.y), np.float32(0.1))
    facing = -(grid.x * np.float32(cos(light.azimuth)) + grid.y * np.float32(sin(light.azimuth))) / reach
    rise = 1.0 - np.minimum(np.abs(wall) * np.float32(1.0 / 0.016), 1.0)
    tone *= 1.0 + rise * (np.float32(0.35) + np.float32(1.3) * facing) + np.float32(0.18) * (wall > 0)
    return tone
