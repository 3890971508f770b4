"""What can be wrong with a part. A defect alters the shape or the surface before light falls on it, never the picture.

``severity`` runs from 0 (barely visible) to 1 (obvious) and sets size and contrast together. Every defect yields its
region: the pixels that it altered. A missing or shifted hole is marked by whole discs: where the hole should be, and
where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import cos, pi, sin, tau

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.synth.product import PLATE, Hole, Shape, build
from sightline.synth.surface import Grid, Region, Surface, blend, inside, smoothstep, texture, trace

# Colours that a stain lets through: old oil, rust, coolant, soot.
_STAINS = ((0.82, 0.68, 0.46), (0.80, 0.55, 0.38), (0.72, 0.82, 0.92), (0.72, 0.71, 0.70))


def manufacture(
    shape: Shape, grid: Grid, labels: Sequence[str], severity: float, seed: Sequence[int]
) -> tuple[Surface, tuple[Region, ...]]:
    """Make a part with defects.

    Args:
        shape: The good part.
        grid: The picture's pixels.
        labels: The defects to give it, names out of ``CLASSES``.
        severity: How bad they are, 0 to 1.
        seed: Decides where they are and what they look like.

    Returns:
        The part's surface, and for every label the pixels that the defect altered, bool (H, W).
    """
    rngs = [np.random.default_rng([*seed, place]) for place in range(len(labels))]
    holes = list(shape.holes)
    order = np.random.default_rng(seed).permutation(len(holes)).tolist()
    for label, rng, index in zip(labels, rngs, order, strict=False):
        if label in _MACHINING:
            holes[index] = _misdrilled(label, rng, severity, shape, holes[index])
    surface = build(replace(shape, holes=tuple(holes)), grid)
    regions = tuple(
        _discs(grid, shape.holes[index], holes[index])
        if label in _MACHINING
        else _HANDLING[label](rng, severity, shape, grid, surface)
        for label, rng, index in zip(labels, rngs, order, strict=False)
    )
    return surface, regions


def _between(low: float, high: float, severity: float) -> float:
    """Interpolate geometrically, so that equal steps in severity change a size by equal factors."""
    return float(low * (high / low) ** severity)


def _misdrilled(label: str, rng: np.random.Generator, severity: float, shape: Shape, hole: Hole) -> Hole:
    """Drill a hole not deep enough, at full severity not at all, or beside its place but on the plate."""
    if label == "missing_hole":
        return replace(hole, depth=0.62 * (1.0 - severity))
    others = replace(shape, holes=tuple(other for other in shape.holes if other is not hole))
    shift = _between(0.018, 0.11, severity)
    angle = rng.uniform(0.0, tau, 16)
    places = np.array([hole.u, hole.v]) + shift * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    u, v = _first(places, others.clearance(places), hole.spot)
    return replace(hole, u=u, v=v)


def _discs(grid: Grid, meant: Hole, made: Hole) -> Region:
    """Mark a hole's place on the drawing and the place where it was made."""
    region = np.zeros(grid.size, bool)
    for hole in (meant, made):
        at = grid.window([(hole.u, hole.v)], hole.spot)
        away = cv2.magnitude(grid.u[at] - np.float32(hole.u), grid.v[at] - np.float32(hole.v))
        # A drill that went deep enough leaves its spot face as it should be.
        radius = meant.spot if made.depth < 0.3 or made.depth == 1.0 else meant.radius
        region[at] |= away < np.float32(max(radius, grid.pixel))
    return region


def _first(points: NDArray[np.float64], clearance: NDArray[np.float64], wanted: float) -> tuple[float, float]:
    """Return the first point that has the clearance wanted, or the one that has most if none has so much."""
    fitting = np.flatnonzero(clearance >= wanted)
    u, v = points[fitting[0] if fitting.size else clearance.argmax()].tolist()
    return u, v


def _place(rng: np.random.Generator, shape: Shape, clearance: float) -> tuple[float, float]:
    """Find a point of plain metal with that much of it around, or nearly."""
    points = rng.uniform(-PLATE, PLATE, (64, 2))
    return _first(points, shape.clearance(points), clearance)


def _scratch(rng: np.random.Generator, severity: float, shape: Shape, grid: Grid, surface: Surface) -> Region:
    """Draw something hard over the metal: a groove that tapers at both ends and shines along its own direction."""
    length = _between(0.11, 0.75, severity) * float(rng.uniform(0.8, 1.2))
    width = _between(0.0065, 0.021, severity) * float(rng.uniform(0.85, 1.15))
    strength = _between(0.35, 1.0, severity)
    path = _path(rng, shape, length)
    distance, along = trace(grid, np.hstack([path[:-1], path[1:]]), 2.0 * width + grid.pixel)
    at = grid.window(path.tolist(), 2.0 * width + grid.pixel)
    distance, along = distance[at], along[at]
    half = np.float32(width / 2) * np.clip(np.minimum(along, 1.0 - along) * np.float32(6.0), 0.25, 1.0)
    metal = surface.metal[at] * surface.cover[at] * (surface.sky[at] > 0.5)
    # A scratch finer than a pixel is as wide as one and as much fainter.
    cover = np.minimum(inside(distance - half, grid.pixel), np.float32(width / grid.pixel)) * metal
    # Beside the groove lies the metal that was pushed out of it.
    burr = np.maximum(1.0 - np.abs((distance - half) / np.float32(0.35 * width) - np.float32(1.0)), 0.0) * metal
    surface.height[at] += np.float32(0.35 * width * strength) * (np.float32(0.5) * burr - cover)
    surface.albedo[at] *= 1.0 + np.float32(strength) * (np.float32(0.45) * burr - np.float32(0.6) * cover)
    surface.rough[at] += np.float32(0.5 * strength) * cover
    du, dv = ((path[-1] - path[0]) / np.hypot(*(path[-1] - path[0]))).astype(np.float32)
    for layer, value in zip(surface.grain, grid.to_frame(du, dv), strict=True):
        blend(layer[at], value, cover * np.float32(strength))
    surface.marks[at] *= 1.0 - cover
    region = np.zeros(grid.size, bool)
    region[at] = distance < np.maximum(half + np.float32(0.5 * width), np.float32(0.71 * grid.pixel))
    return region & surface.bare()


def _path(rng: np.random.Generator, shape: Shape, length: float) -> NDArray[np.float64]:
    """Draw the slightly bent path of a scratch, (13, 2), most of it over plain metal."""
    best, best_share = np.zeros((13, 2)), -1.0
    for _ in range(24):
        middle = _place(rng, shape, 0.02)
        heading = rng.uniform(0.0, tau) + rng.uniform(-0.7, 0.7) * np.linspace(-0.5, 0.5, 12)
        steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * (length / 12)
        path = np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])
        path += np.array(middle) - path[6]
        share = float(np.mean(shape.clearance(path) > 0.0))
        if share > best_share:
            best, best_share = path, share
        if share >= 0.85:
            break
    return best


def _dent(rng: np.random.Generator, severity: float, shape: Shape, grid: Grid, surface: Surface) -> Region:
    """Knock a bowl into the metal, with a low rim where the metal went."""
    radius = max(_between(0.035, 0.115, severity) * float(rng.uniform(0.85, 1.15)), 1.5 * grid.pixel)
    steep = _between(0.14, 0.85, severity)
    aspect, tilt = float(rng.uniform(0.7, 1.0)), float(rng.uniform(0.0, pi))
    u, v = _place(rng, shape, 0.75 * radius)
    at = grid.window([(u, v)], 1.3 * radius)
    du, dv = grid.u[at] - np.float32(u), grid.v[at] - np.float32(v)
    c, s = np.float32(cos(tilt) / radius), np.float32(sin(tilt) / radius)
    q = cv2.magnitude(c * du + s * dv, (c * dv - s * du) / np.float32(aspect))
    bowl = np.maximum(1.0 - q * q, 0.0)
    rim = np.maximum(1.0 - np.abs(q - np.float32(1.0)) * np.float32(4.0), 0.0)
    # The bowl's steepest slope is 1.54 times its depth over its radius.
    depth = np.float32(steep * radius / 1.54)
    surface.height[at] += depth * (np.float32(0.12) * rim * rim - bowl * bowl)
    surface.albedo[at] *= 1.0 - np.float32(0.25 * severity) * bowl * surface.metal[at]
    surface.marks[at] *= 1.0 - np.float32(0.5 * severity) * (q < 1.0)
    region = np.zeros(grid.size, bool)
    region[at] = (q < 1.2) & (surface.cover[at] > 0.5) & (surface.sky[at] > 0.15)
    return region


def _stain(rng: np.random.Generator, severity: float, shape: Shape, grid: Grid, surface: Surface) -> Region:
    """Let something dry on the metal: it darkens, colours and dulls, most of all along its edge."""
    radius = max(_between(0.05, 0.20, severity) * float(rng.uniform(0.85, 1.15)), 1.5 * grid.pixel)
    strength = _between(0.22, 1.0, severity)
    colour = _STAINS[int(rng.integers(len(_STAINS)))]
    u, v = _place(rng, shape, min(0.6 * radius, 0.05))
    waves = rng.normal(0.0, 1.0, (4, 2)) * np.array([0.16, 0.11, 0.07, 0.05])[:, None]
    cloud = texture(grid, rng)
    at = grid.window([(u, v)], 1.8 * radius)
    du, dv = grid.u[at] - np.float32(u), grid.v[at] - np.float32(v)
    angle = np.arctan2(dv, du)
    outline = np.ones_like(angle)
    for k, (a, b) in enumerate(waves.tolist(), start=2):
        outline += np.float32(a) * np.cos(np.float32(k) * angle) + np.float32(b) * np.sin(np.float32(k) * angle)
    q = cv2.magnitude(du, dv) / (np.float32(radius) * np.clip(outline, 0.5, 1.6)) + np.float32(0.025) * cloud[at]
    body = smoothstep(-q, -1.04, -0.94)
    edge = cv2.exp(np.square((q - np.float32(0.92)) / np.float32(0.07)) * np.float32(-1.0))
    film = np.clip(np.float32(0.5) + np.float32(0.45) * edge + np.float32(0.10) * cloud[at], 0.0, 1.0)
    film *= body * np.float32(strength) * surface.metal[at] * surface.cover[at] * (surface.sky[at] > 0.5)
    surface.albedo[at] *= 1.0 - np.float32(0.5) * film
    for layer, share in zip(surface.tint, colour, strict=True):
        layer[at] *= 1.0 + film * np.float32(share - 1.0)
    surface.rough[at] += np.float32(0.25) * film
    region = np.zeros(grid.size, bool)
    region[at] = q < 1.0
    return region & surface.bare()


_MACHINING = ("missing_hole", "shifted_hole")
_HANDLING: dict[str, Callable[[np.random.Generator, float, Shape, Grid, Surface], Region]] = {
    "dent": _dent,
    "scratch": _scratch,
    "stain": _stain,
}

CLASSES: tuple[str, ...] = tuple(sorted([*_MACHINING, *_HANDLING]))
"""The names of the defects, sorted."""
