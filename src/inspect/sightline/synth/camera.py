"""The camera: where the part lies in the picture, and what lens, exposure and sensor make of the light."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.synth.surface import Field, Grid, Pose

_LEVELS = 4096
_WHITE = 4.0  # light beyond this is white in every picture


def drawn_pose(rng: np.random.Generator) -> Pose:
    """Draw how a part comes to lie under the camera: a little shifted, turned and nearer or farther."""
    x, y = rng.uniform(-0.06, 0.06, 2).tolist()
    return Pose(x, y, turn=float(rng.uniform(-0.14, 0.14)), scale=float(rng.uniform(0.96, 1.04)))


@dataclass(frozen=True)
class Camera:
    """Lens and sensor of one shot.

    Attributes:
        blur: Deviation of the focus blur, in part units.
        exposure: Factor on the light.
        vignette: Share of the light lost in the corners of a square picture.
        noise: Sensor noise, 1 nominal.
        seed: Seed of the noise.
    """

    blur: float
    exposure: float
    vignette: float
    noise: float
    seed: int

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Camera:
        """Draw the settings of one shot."""
        return cls(
            blur=float(rng.uniform(0.0015, 0.006)),
            exposure=float(rng.uniform(0.85, 1.2)),
            vignette=float(rng.uniform(0.1, 0.3)),
            noise=float(rng.uniform(0.6, 1.5)),
            seed=int(rng.integers(2**32)),
        )

    def develop(self, light: Field, grid: Grid) -> NDArray[np.uint8]:
        """Turn linear radiance, float32 (H, W, 3), into the picture that the sensor gives, uint8 RGB."""
        sigma = self.blur / grid.pixel
        seen = np.asarray(cv2.GaussianBlur(light, (0, 0), max(sigma, 0.2), borderType=cv2.BORDER_REPLICATE), np.float32)
        loss = 1.0 - np.float32(self.vignette / 2) * (grid.x * grid.x + grid.y * grid.y)
        seen *= (np.float32(self.exposure) * np.maximum(loss, np.float32(0.2)))[..., None]
        # Shot noise grows with the root of the light, reading adds a floor; demosaicing leaves mostly grey noise.
        grit = np.random.default_rng(self.seed).standard_normal(grid.size, dtype=np.float32)
        grit *= cv2.sqrt(seen[..., 1] * np.float32(2.5e-4) + np.float32(8e-7)) * np.float32(self.noise)
        seen += grit[..., None]
        roots = cv2.sqrt(np.clip(seen, 0.0, _WHITE)) * np.float32((_LEVELS - 1) / _WHITE**0.5)
        return np.take(_tone_curve(), roots.astype(np.uint16))


@lru_cache(maxsize=1)
def _tone_curve() -> NDArray[np.uint8]:
    """Tabulate the grey level over the root of the light: a shoulder that spares the highlights, then gamma 2.2."""
    light = np.linspace(0.0, _WHITE**0.5, _LEVELS) ** 2
    return np.round(255.0 * (1.0 - np.exp(-1.6 * light)) ** (1 / 2.2)).astype(np.uint8)
