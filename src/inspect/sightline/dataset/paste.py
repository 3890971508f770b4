"""Pastes the defects of one scene upon another, so that few of them are seen on many surfaces.

After Ghiasi et al. 2021, "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation". A defect
keeps its place, for at an edge of a part other defects lie than in its middle, and takes on the light around it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.boxes import joined, overlaps
from sightline.dataset.marks import UNKNOWN
from sightline.dataset.scene import Scene

_SEAM = 3  # pixels around what is marked that come along, for marks are seldom exact
_RING = 12  # pixels beyond, of which the light is compared
_GAIN = 2.0  # times as bright, or as dark, as a defect may become


def pasted(scene: Scene, donor: Scene) -> Scene:
    """The scene with the donor's defects upon it; the scene itself if there are none, or they would hide its own.

    Args:
        scene: What is pasted upon.
        donor: A scene of the same size.
    """
    marked = _region(donor)
    if not marked.any() or UNKNOWN in donor.types or UNKNOWN in scene.types:
        return scene
    taken = _grown(marked, _SEAM)
    if (taken & _region(scene)).any() or overlaps(scene.boxes.corners, donor.boxes.corners).any():
        return scene
    share = cv2.GaussianBlur(taken.astype(np.float32), (0, 0), _SEAM / 2)
    share = np.maximum(share, marked)[..., None]
    lit = donor.image * _gain(scene, donor, _grown(taken, _RING) & ~taken)
    mixed = np.clip(np.round(scene.image * (1 - share) + lit * share), 0, 255).astype(np.uint8)
    types = np.where(marked & (donor.types > 0), donor.types, scene.types)
    return Scene(mixed, scene.template, types, joined([scene.boxes, donor.boxes]))


def _region(scene: Scene) -> NDArray[np.bool_]:
    """Where defects are: their pixels, and the whole of a box in which none is known."""
    found = scene.types > 0
    for left, top, right, bottom in scene.boxes.corners.round().astype(int):
        inside = found[top : max(bottom, top + 1), left : max(right, left + 1)]
        if not inside.any():
            inside[:] = True
    return np.asarray(found)


def _grown(region: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * by + 1, 2 * by + 1))
    return np.asarray(cv2.dilate(region.astype(np.uint8), disc) > 0)


def _gain(scene: Scene, donor: Scene, ring: NDArray[np.bool_]) -> float:
    """How much brighter it is where the defects come to than where they come from."""
    if not ring.any():
        return 1.0
    here, there = (float(np.median(one.image[ring])) for one in (scene, donor))
    return float(np.clip((here + 1) / (there + 1), 1 / _GAIN, _GAIN))
