"""From a decoded frame to the model's input, and from the model's answer back to the frame."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.config import Preprocess
from sightline.errors import ImageError

PAD_GREY = 114
"""What lies beside a picture, and where nobody looks."""

_SUBPIXEL = 4  # bits of a pixel's fraction that OpenCV draws polygons with
_FINE, _LARGE = 8, 500  # times finer that outlines smaller than so many pixels are drawn

_LIGHT_MEAN, _LIGHT_SPREAD = 127.5, 38.25
"""Grey levels that `Preprocess.light` brings a frame's mean and standard deviation to: 0.5 and 0.15 of the range."""

_LEAST_SPREAD = 2.0
"""Grey levels; noise on a plain frame is not blown up to a texture."""

_LOCAL_LIGHT = 1 / 8
"""Deviation of the Gaussian window of ``light: local``, as a share of the frame's shorter side."""

_WIDE, _NARROW = 64, 32
"""Pixels; a wider window is taken on a reduced picture, on which its deviation is the second at most: time would grow
by the cube of the frame's side. Frames of up to 512 pixels keep the plain way, and with it every grey level."""


def region(image: NDArray[np.uint8], spec: Preprocess) -> NDArray[np.uint8]:
    """What is inspected of an RGB image (H, W, 3): in the colours asked for, cut out, and filled where nobody looks.

    Raises:
        ImageError: The image is smaller than its region of interest, or nothing of it is left.
    """
    if spec.colour == "grey":
        image = np.repeat(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)
    top, left, height, width = cut_out(image.shape[:2], spec)
    hidden = unseen(image.shape[:2], spec)
    image = image[top : top + height, left : left + width]
    if hidden is None:
        return image
    return np.where(hidden[..., None], np.uint8(PAD_GREY), image)


def cut_out(shape: tuple[int, int] | tuple[int, ...], spec: Preprocess) -> tuple[int, int, int, int]:
    """The bounding box of the region of interest in an image of this (height, width): top, left, height, width.

    Raises:
        ImageError: The image does not hold it.
    """
    if spec.roi is None:
        return 0, 0, shape[0], shape[1]
    corners = np.array(spec.roi)
    (left, top), (right, bottom) = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    if bottom > shape[0] or right > shape[1]:
        raise ImageError(
            f"expected an image of at least {right} x {bottom} pixels, which the region of interest reaches, "
            f"got {shape[1]} x {shape[0]}"
        )
    return int(top), int(left), int(bottom - top), int(right - left)


def unseen(shape: tuple[int, int] | tuple[int, ...], spec: Preprocess) -> NDArray[np.bool_] | None:
    """(h, w) of the region of interest: the pixels where nobody looks; None if all of it is looked at.

    Frames of one size share the answer, which cannot be written to.

    Raises:
        ImageError: The image does not hold the region, or nothing of it is left.
    """
    return None if spec.roi is None and not spec.ignore else _unseen((shape[0], shape[1]), spec)


@lru_cache(maxsize=16)
def _unseen(shape: tuple[int, int], spec: Preprocess) -> NDArray[np.bool_]:
    top, left, height, width = cut_out(shape, spec)
    hidden = np.zeros((height, width), np.uint8)
    if spec.roi is not None:
        hidden[:] = 1
        fill(hidden, np.array(spec.roi) - (left, top), 0)
    for outline in spec.ignore:
        fill(hidden, np.array(outline) - (left, top), 1)
    if hidden.all():
        raise ImageError("nothing is left to inspect: the ignored regions cover the whole region of interest")
    found = hidden.astype(bool)
    found.setflags(write=False)
    return found


def fill(found: NDArray[np.uint8], points: NDArray[np.float64], value: int) -> None:
    """Gives the pixels that lie for the most part in an outline (N, 2) a value; the smallest outline has one.

    OpenCV also fills what an edge merely touches, so that a small outline would grow by half: hence drawn finer.
    """
    low = np.maximum(np.floor(points.min(0)), 0).astype(int)
    width, height = (np.minimum(np.ceil(points.max(0)), found.shape[::-1]).astype(int) - low).clip(1).tolist()
    fine = _FINE if max(width, height) < _LARGE else 1
    drawn = np.zeros((height * fine, width * fine), np.uint8)
    corners = np.rint(((points - low) * fine - 0.5) * (1 << _SUBPIXEL)).astype(np.int32)
    cv2.fillPoly(drawn, [corners], 255, shift=_SUBPIXEL)
    shares = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)
    part = found[low[1] : low[1] + height, low[0] : low[0] + width]
    part[shares[: part.shape[0], : part.shape[1]] >= min(128, max(1, int(shares.max())))] = value


def fitted(image: NDArray[np.uint8], spec: Preprocess) -> NDArray[np.uint8]:
    """Brings what is inspected, RGB (h, w, 3), to the model's size and light."""
    top, left, height, width = content(image.shape[:2], spec)
    resized = evened(resize(image, height, width), spec.light)
    if (height, width) == (spec.height, spec.width):
        return resized
    canvas = np.full((spec.height, spec.width, 3), PAD_GREY, np.uint8)
    canvas[top : top + height, left : left + width] = resized
    return canvas


def content(shape: tuple[int, int] | tuple[int, ...], spec: Preprocess) -> tuple[int, int, int, int]:
    """Where a region of this (height, width) lies in the model's input: top, left, height, width, in pixels."""
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
    values -= _window(values.mean(axis=2), sigma)[..., None]
    spread_around = np.sqrt(_window(np.square(values).mean(axis=2), sigma))
    values *= (_LIGHT_SPREAD / np.maximum(spread_around, _LEAST_SPREAD))[..., None]
    values += _LIGHT_MEAN
    return np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)


def _window(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """The Gaussian mean around every pixel of (H, W); edges are mirrored."""
    if sigma <= _WIDE:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)
    rows, columns = values.shape
    factor = ceil(sigma / _NARROW)
    size = ceil(columns / factor), ceil(rows / factor)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    across, down = sigma * size[0] / columns, sigma * size[1] / rows
    small = cv2.GaussianBlur(small, (0, 0), across, sigmaY=down, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
