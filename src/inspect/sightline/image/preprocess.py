"""From a decoded frame to the model's input, and from the model's answer back to the frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.config import Preprocess

_PAD_GREY = 114

_LIGHT_MEAN, _LIGHT_SPREAD = 127.5, 38.25
"""Grey levels that `Preprocess.light` brings a frame's mean and standard deviation to: 0.5 and 0.15 of the range."""

_LEAST_SPREAD = 2.0
"""Grey levels; noise on a plain frame is not blown up to a texture."""

_LOCAL_LIGHT = 1 / 8
"""Deviation of the Gaussian window of ``light: local``, as a share of the frame's shorter side."""


def prepare(image: NDArray[np.uint8], spec: Preprocess) -> NDArray[np.uint8]:
    """Brings an RGB image (H, W, 3) to the model's input (spec.height, spec.width, 3), uint8."""
    if spec.colour == "grey":
        image = np.repeat(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)
    top, left, height, width = content(image.shape[:2], spec)
    resized = evened(resize(image, height, width), spec.light)
    if (height, width) == (spec.height, spec.width):
        return resized
    canvas = np.full((spec.height, spec.width, 3), _PAD_GREY, np.uint8)
    canvas[top : top + height, left : left + width] = resized
    return canvas


def content(shape: tuple[int, int] | tuple[int, ...], spec: Preprocess) -> tuple[int, int, int, int]:
    """Where an image of this (height, width) lies in the model's input: top, left, height, width, in pixels."""
    if spec.fit == "stretch":
        return 0, 0, spec.height, spec.width
    scale = min(spec.height / shape[0], spec.width / shape[1])
    height = max(1, min(spec.height, round(shape[0] * scale)))
    width = max(1, min(spec.width, round(shape[1] * scale)))
    return (spec.height - height) // 2, (spec.width - width) // 2, height, width


def resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Resizes (H, W, 3) or (H, W), each axis by what loses nothing: AREA to shrink, LINEAR to enlarge.

    INTER_LINEAR shrinks by sampling: from 5 megapixels to 224 it skips whole defects.
    """
    rows, columns = image.shape[:2]
    if height < rows or width < columns:
        smaller = (min(width, columns), min(height, rows))
        image = np.asarray(cv2.resize(image, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    if image.shape[:2] != (height, width):
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    return image


def evened(image: NDArray[np.uint8], light: str) -> NDArray[np.uint8]:
    """Takes changes of light out of an RGB image (H, W, 3), in the way that `Preprocess.light` names.

    Mean and spread are those of all channels together, so that colours keep their differences.
    """
    if light == "none":
        return image
    if light == "frame":
        mean, spread = (float(value) for value in (image.mean(), image.std()))
        levels = (np.arange(256) - mean) * (_LIGHT_SPREAD / max(spread, _LEAST_SPREAD)) + _LIGHT_MEAN
        return np.asarray(cv2.LUT(image, np.clip(np.rint(levels), 0, 255).astype(np.uint8)), np.uint8)
    sigma = _LOCAL_LIGHT * min(image.shape[:2])
    values = image.astype(np.float32)
    apart = values - _window(values.mean(axis=2), sigma)[..., None]
    spread_around = np.sqrt(_window((apart * apart).mean(axis=2), sigma))
    even = apart * (_LIGHT_SPREAD / np.maximum(spread_around, _LEAST_SPREAD))[..., None] + _LIGHT_MEAN
    return np.clip(np.rint(even), 0, 255).astype(np.uint8)


def _window(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The Gaussian mean around every pixel of (H, W); edges are mirrored."""
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def map_to_frame(heat: NDArray[np.float32], shape: tuple[int, int], spec: Preprocess) -> NDArray[np.float32]:
    """Brings a map of the model (h, w) back over the frame: float32 (H, W), padding cut away.

    Args:
        heat: One class's map, as coarse as the model gives it.
        shape: Height and width of the frame before preprocessing.
        spec: The preprocessing that the frame went through.
    """
    top, left, height, width = content(shape, spec)
    full = cv2.resize(heat, (spec.width, spec.height), interpolation=cv2.INTER_LINEAR)
    inside = np.ascontiguousarray(full[top : top + height, left : left + width])
    return np.asarray(cv2.resize(inside, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)
