"""Image files and camera buffers: to RGB in 8 bits a channel, whatever they hold, and back to a file."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import damage
from sightline.errors import ImageError
from sightline.image import palette

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
"""File name endings, in lower case, that are taken for images when a folder is searched."""

# What OpenCV would print about a damaged file is said once, by ImageError, with the file's name.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

_AS_STORED = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR

LARGEST_FILE = 2**31
"""Bytes; a file beyond is no image of this trade, and is not read."""


def read(path: Path, *, bits: int = 16) -> NDArray[np.uint8]:
    """Reads an image file as RGB, uint8 (H, W, 3).

    Raises:
        ImageError: The file cannot be read or decoded.
    """
    name = path.name or str(path)
    return decode(read_bytes(path, name=name), name=name, bits=bits)


def read_mask(path: Path, *, name: str, above: int = 0) -> NDArray[np.bool_]:
    """Reads a mask of any depth as bool (H, W): what is above a value in some channel is marked.

    Args:
        path: The file.
        name: What the error message calls it.
        above: The value, in the file's own numbers.

    Raises:
        ImageError: The file cannot be read or decoded.
    """
    raw = cast("NDArray[np.number[Any]]", decode_raw(read_bytes(path, name=name), name=name))
    return np.asarray((raw.reshape(*raw.shape[:2], -1) > above).any(axis=2))


def read_values(path: Path, *, name: str) -> NDArray[np.uint16]:
    """Reads a mask as the numbers it holds, uint16 (H, W); where a palette gives them colours, the numbers count.

    Raises:
        ImageError: The file cannot be read or decoded, or it holds colours or fractions.
    """
    data = read_bytes(path, name=name)
    raw, step = decode_raw(data, name=name), 1
    if _is_coloured(raw) and (grey := palette.as_grey(data)) is not None:
        raw, step = decode_raw(grey[0], name=name), grey[1]
    if raw.dtype not in (np.uint8, np.uint16) or _is_coloured(raw):
        raise ImageError(f"{name}: expected a mask of one number a pixel, got colours or {raw.dtype}")
    return np.asarray(raw if raw.ndim == 2 else raw[..., 0], np.uint16) // np.uint16(step)


def _is_coloured(raw: NDArray[np.generic]) -> bool:
    return raw.ndim == 3 and bool((raw != raw[..., :1]).any())


def read_bytes(path: Path, *, name: str) -> bytes:
    """Reads an image file as it is stored, to be decoded.

    Args:
        path: The file.
        name: What the error message calls it.

    Raises:
        ImageError: It is no file, larger than 2 GiB, or cannot be read.
    """
    try:
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST_FILE:
            raise ImageError(f"{name}: expected a file of at most 2 GiB, got {_describe(facts)}")
        return path.read_bytes()  # not cv2.imread: it cannot open non-ASCII paths on Windows
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a zero byte in the name
        raise ImageError(f"{path.name!r}: cannot be read ({error})") from error


def _describe(facts: os.stat_result) -> str:
    if stat.S_ISDIR(facts.st_mode):
        return "a folder"
    return f"one of {facts.st_size:,} bytes" if stat.S_ISREG(facts.st_mode) else "a device or pipe"


def decode(data: bytes, *, name: str = "image", bits: int = 16) -> NDArray[np.uint8]:
    """Decodes an encoded image as RGB, uint8 (H, W, 3).

    Grey is repeated over the channels, CMYK becomes RGB, transparency is dropped, EXIF orientation is obeyed.

    Raises:
        ImageError: The data is empty, damaged, too large or of an unsupported depth.
    """
    raw = decode_raw(data, name=name)
    return to_rgb(raw[..., ::-1] if raw.ndim == 3 else raw, name=name, bits=bits)


def decode_raw(data: bytes, *, name: str = "image") -> NDArray[np.generic]:
    """Decodes to what the file holds: (H, W) or (H, W, 3) in BGR order, at the file's own depth.

    Raises:
        ImageError: The data is empty, damaged or too large.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty")
    try:
        raw = _imdecode(data)
        if raw is None:
            raise ImageError(f"{name}: no image, or damaged or cut off")
        fault = damage.find(data, raw, _imdecode)
    except cv2.error as error:
        if "CV_IO_MAX_IMAGE" in str(error):
            raise ImageError(f"{name}: more than {_pixel_limit():,} pixels, not decoded") from error
        raise ImageError(f"{name}: cannot be decoded ({error.err or 'damaged'})") from error
    if fault:
        raise ImageError(f"{name}: the image is damaged: {fault}")
    return _without_alpha(raw, name)


def _imdecode(data: bytes) -> NDArray[np.generic] | None:
    tiff = data.startswith((b"II*\0", b"MM\0*"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED if tiff else _AS_STORED)


def _pixel_limit() -> int:
    return int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])


def _without_alpha(raw: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """Drops the alpha channel of a TIFF; all other formats come without one.

    Where 8-bit TIFF has transparent places, the decoder has darkened the colours there and the true ones are lost.
    """
    if raw.ndim == 2 or raw.shape[2] != 4:
        return raw
    if raw.dtype == np.uint8 and raw[..., 3].min() < 255:
        raise ImageError(f"{name}: a TIFF with transparent places cannot be decoded faithfully; store it without alpha")
    return raw[..., :3]


def to_rgb(image: NDArray[np.generic], *, name: str = "image", bits: int = 16) -> NDArray[np.uint8]:
    """Checks an image in memory and brings it to RGB, uint8 (H, W, 3).

    Depth is told by the type, never guessed from the values: a dark 16-bit frame stays dark.

    Args:
        image: uint8 or uint16, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); channels in RGB order.
        name: For the error message.
        bits: Significant bits if the type is uint16.

    Raises:
        ImageError: Another type or shape, or a value beyond ``bits``.
    """
    image = np.asarray(image)  # a subclass, such as a matrix, has rules of its own
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)) or 0 in image.shape:
        raise ImageError(f"{name}: expected an image of shape (H, W) or (H, W, 1, 3 or 4), got {image.shape}")
    if image.dtype == np.uint16:
        image = _to_8_bit(image.astype(np.uint16, copy=False), name, bits)
    elif image.dtype != np.uint8:
        raise ImageError(f"{name}: expected 8 or 16 bits a channel, got {image.dtype}")
    if image.ndim == 2:
        image = image[..., None]
    rgb = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]
    return np.ascontiguousarray(rgb, dtype=np.uint8)


def _to_8_bit(image: NDArray[np.uint16], name: str, bits: int) -> NDArray[np.uint8]:
    top = int(image.max())
    if top >> bits:
        raise ImageError(f"{name}: expected at most {bits} significant bits, got a value of {top}")
    return (image >> (bits - 8)).astype(np.uint8)


def png(image: NDArray[np.uint8]) -> bytes:
    """Encodes an RGB image (H, W, 3) or a grey one (H, W), uint8, as lossless PNG; RGB without colour as grey."""
    if image.ndim == 3 and (image == image[..., :1]).all():
        image = image[..., 0]
    done, data = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    if not done:
        raise ImageError(f"an image of shape {image.shape} cannot be encoded as PNG")
    return data.tobytes()
