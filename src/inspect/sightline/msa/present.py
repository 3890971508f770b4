"""A frame as the camera would see the part again: shifted, turned, under other light, and with other noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.errors import ConfigError

SHIFT, ROTATION, LIGHT, NOISE, NOTHING = KINDS = ("shift", "rotation", "light", "noise", "nothing")
"""What is changed from one presentation to the next."""


@dataclass(frozen=True)
class Changes:
    """How much a frame may change when its part is presented again; 0 leaves it as it is.

    Attributes:
        shift: Along each axis at most so many pixels of the frame, to either side.
        turn: At most so many degrees about the middle of the frame, to either side.
        light: At most so large a share brighter or darker.
        noise: Standard deviation of what is added to each channel of each pixel, in grey levels of 8 bits.

    Raises:
        ConfigError: One is negative or no number, or the light could go out.
    """

    shift: float = 2.0
    turn: float = 1.0
    light: float = 0.1
    noise: float = 2.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            most = 1.0 if name == "light" else np.inf
            if not 0 <= value < most:
                limit = " and below 1" if name == "light" else ""
                raise ConfigError(f"{name}: expected a number from 0{limit}, got {value}")

    @property
    def kinds(self) -> dict[str, Changes]:
        """Each kind of change alone, those of magnitude 0 left out; the unchanged frame if none is left."""
        none = Changes(0, 0, 0, 0)
        alone = {
            SHIFT: replace(none, shift=self.shift),
            ROTATION: replace(none, turn=self.turn),
            LIGHT: replace(none, light=self.light),
            NOISE: replace(none, noise=self.noise),
        }
        return {kind: one for kind, one in alone.items() if one != none} or {NOTHING: none}


def present(frame: NDArray[np.uint8], changes: Changes, random: np.random.Generator) -> NDArray[np.uint8]:
    """Changes a frame a little; shift, angle and light are drawn evenly from their ranges.

    What comes into view at an edge repeats the edge, and what grows too bright is cut at white, as a camera does.

    Args:
        frame: RGB, uint8 (H, W, 3).
        changes: How much.
        random: Draws.
    """
    x, y, angle, light = random.uniform(-1, 1, 4) * (changes.shift, changes.shift, changes.turn, changes.light)
    if changes.shift or changes.turn:
        height, width = frame.shape[:2]
        moved = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), float(angle), 1.0)
        moved[:, 2] += (x, y)
        # Cubic, for what is linear between pixels blurs as well, which would be one more change.
        warped = cv2.warpAffine(frame, moved, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        frame = np.asarray(warped, np.uint8)
    if changes.light or changes.noise:
        lit = frame.astype(np.float32) * np.float32(1 + light)
        if changes.noise:
            lit += random.standard_normal(frame.shape, np.float32) * np.float32(changes.noise)
        frame = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    return frame
