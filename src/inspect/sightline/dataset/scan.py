"""Looks into every image once: digest, size, depth, whether it can be read, and a thumbnail to compare it by."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.errors import ImageError
from sightline.index import Index, Sample

THUMBNAIL = 64
"""Side of a thumbnail, in pixels."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Look:
    """What one image file holds.

    Attributes:
        sample: The row with digest and size filled in.
        kind: Depth and channels, such as ``8 bit, 3 channels``.
        top: Largest value of any channel.
        thumbnail: Grey, uint8 (64, 64).
        mask_fault: What is wrong with its mask, or empty.
    """

    sample: Sample
    kind: str
    top: int
    thumbnail: NDArray[np.uint8]
    mask_fault: str


@dataclass(frozen=True, eq=False)
class Scan:
    """What all image files hold.

    Attributes:
        looks: One for each file that can be read, in the order of the index.
        unreadable: Path -> why, for the others.
    """

    looks: tuple[Look, ...]
    unreadable: dict[str, str]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The rows that can be used."""
        return tuple(look.sample for look in self.looks)

    @property
    def thumbnails(self) -> NDArray[np.uint8]:
        """uint8 (N, 64, 64)."""
        return np.stack([look.thumbnail for look in self.looks]) if self.looks else np.zeros((0, THUMBNAIL, THUMBNAIL), np.uint8)

    @property
    def kinds(self) -> Counter[str]:
        """Images of each depth and number of channels."""
        return Counter(look.kind for look in self.looks)

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """Images of each width and height."""
        return Counter((look.sample.width, look.sample.height) for look in self.looks)


def scan(index: Index, *, progress: Progress = lambda done, total: None) -> Scan:
    """Decodes every image of an index, several at a time; only thumbnails stay in memory."""
    looks: list[Look] = []
    unreadable: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        for done, (sample, found) in enumerate(zip(index.samples, pool.map(lambda s: _look(index, s), index.samples), strict=True), 1):
            if isinstance(found, Look):
                looks.append(found)
            else:
                unreadable[sample.path] = found
            progress(done, len(index.samples))
    return Scan(tuple(looks), unreadable)


def _look(index: Index, sample: Sample) -> Look | str:
    try:
        data = index.file(sample).read_bytes()
        raw = image.decode_raw(data, name=sample.path)
        if raw.dtype not in (np.uint8, np.uint16):
            return f"expected 8 or 16 bits a channel, got {raw.dtype}"
    except OSError as error:
        return error.strerror or "cannot be read"
    except ImageError as error:
        return error.message.removeprefix(f"{sample.path}: ")
    height, width = raw.shape[:2]
    grey = cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY) if raw.ndim == 3 else raw
    top = int(raw.max())
    small = cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32)
    # A thumbnail is only compared with others, so 12 bits in 16 must not make it black.
    thumbnail = (small * (255 / max(1.0, float(top))) if raw.dtype == np.uint16 else small).astype(np.uint8)
    filled = sample.model_copy(update={"digest": hashlib.sha256(data).hexdigest(), "width": width, "height": height})
    kind = f"{raw.dtype.itemsize * 8} bit, {raw.shape[2] if raw.ndim == 3 else 1} channels"
    return Look(filled, kind, top, thumbnail, _mask_fault(index, filled))


def _mask_fault(index: Index, sample: Sample) -> str:
    if sample.mask is None:
        return ""
    try:
        mask = image.decode_raw((index.root / sample.mask).read_bytes(), name=sample.mask)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ImageError as error:
        return error.message
    if mask.shape[:2] != (sample.height, sample.width):
        return f"is {mask.shape[1]} x {mask.shape[0]} pixels, the image {sample.width} x {sample.height}"
    if not sample.good and not mask.any():
        return "is empty, the image is labelled defective"
    return ""
