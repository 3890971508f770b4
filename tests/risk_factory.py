"""Photographs of parts, for the tests of thresholds with guarantees."""

from collections.abc import Sequence

import numpy as np

from sightline.risk import Kind, Parts


def parts(gravity: Sequence[float], *, each: int = 1, kind: Kind = Kind.DEFECTIVE) -> Parts:
    """Parts of one kind, each with so many of the photographs in turn."""
    return Parts.of(kind, gravity, [f"part {number // each}" for number in range(len(gravity))])


def normal(count: int, mean: float, seed: int, *, each: int = 1, kind: Kind = Kind.DEFECTIVE) -> Parts:
    """Parts of standard normal gravity about a mean, whose photographs correlate by 0.8."""
    random = np.random.default_rng(seed)
    own, shared = random.standard_normal((count, each)), random.standard_normal((count, 1))
    return parts((mean + np.sqrt(0.2) * own + np.sqrt(0.8) * shared).ravel().tolist(), each=each, kind=kind)
