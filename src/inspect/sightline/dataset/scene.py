"""One frame, or a patch of it, with all that is known to lie on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes

_VISIBLE = 0.4  # share of what a patch could show of a defect's box that it must show to be asked for it


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame as the model is shown it, and what it is to find there.

    Attributes:
        image: RGB, uint8 (h, w, 3).
        template: What it is compared with, likewise; None if it is not.
        types: uint8 (h, w): 0 none, k + 1 the k-th type, 255 not known.
        boxes: In pixels of the image.
    """

    image: NDArray[np.uint8]
    template: NDArray[np.uint8] | None
    types: NDArray[np.uint8]
    boxes: Boxes

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return self.image.nbytes + self.types.nbytes + (0 if self.template is None else self.template.nbytes)


def padded(scene: Scene, height: int, width: int) -> Scene:
    """The scene with grey on its right and below, so that it is so large."""
    rows, columns = height - scene.types.shape[0], width - scene.types.shape[1]
    if not rows and not columns:
        return scene
    sides = ((0, rows), (0, columns))

    def grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.pad(picture, (*sides, (0, 0)), constant_values=image.PAD_GREY)

    template = None if scene.template is None else grey(scene.template)
    return Scene(grey(scene.image), template, np.pad(scene.types, sides), scene.boxes)


def cut(scene: Scene, top: int, left: int, height: int, width: int) -> Scene:
    """A part of a scene, with the boxes of which enough is seen; of one larger than the part that is what fills it."""
    rows, columns = slice(top, top + height), slice(left, left + width)
    corners = scene.boxes.corners - np.array([left, top, left, top], np.float32)
    inside = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
    most = np.minimum(corners[:, 2:] - corners[:, :2], np.array([width, height], np.float32))
    shares = (inside[:, 2:] - inside[:, :2]).prod(1) / np.maximum(most.prod(1), 1e-6)
    kept = shares >= _VISIBLE
    boxes = Boxes(inside[kept], scene.boxes.scores[kept], scene.boxes.classes[kept])
    template = None if scene.template is None else scene.template[rows, columns]
    return Scene(scene.image[rows, columns], template, scene.types[rows, columns], boxes)
