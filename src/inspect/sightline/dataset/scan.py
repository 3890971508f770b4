"""Looks into every image once: digest, size, depth, whether it can be read, and a thumbnail to compare it by."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.dataset.within import fitted
from sightline.errors import DataError, ImageError
from sightline.index import Index, Sample

THUMBNAIL = 64
"""Side of a thumbnail, in pixels."""

_JPEG = b"\xff\xd8\xff"
_MOST_TOLD = 5  # images that an error names
_MOST_LEVELS = 7  # of a mask, beside 0, that may be numbers of classes
_MOST_SMALL = 0.2  # share of what is marked in a mask that may be below half of its highest value, as at smooth edges
_MOST_THREADS = 8  # each holds one decoded image

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Scanned:
    """What one image file holds.

    Attributes:
        sample: The row with digest and size filled in.
        depth: Bits a channel of the file, 8 or 16.
        channels: 1 for grey, 3 for colour.
        top: Largest value of any channel.
        thumbnail: Grey, uint8 (64, 64); dark 16-bit images are brightened.
        mask_fault: What is wrong with its mask, or empty.
        mask_empty: Whether the mask shows no defect although the image is labelled defective.
        mask_blurred: Whether much of what counts as marked in the mask is hardly more than 0.
        misfit: Why what is marked on it cannot be of it, or empty.
    """

    sample: Sample
    depth: int
    channels: int
    top: int
    thumbnail: NDArray[np.uint8]
    mask_fault: str
    mask_empty: bool
    misfit: str = ""
    mask_blurred: bool = False


class _Mask(NamedTuple):
    """What a mask's file holds: see `Scanned` for what is wrong with it, and `Sample` for the digest."""

    fault: str = ""
    empty: bool = False
    blurred: bool = False
    digest: str = ""


@dataclass(frozen=True, eq=False)
class Scan:
    """What all image files hold.

    Attributes:
        files: One for each file that can be read, in the order of the index.
        unreadable: Path -> why, for the others.
        unfit: Path -> why, for those that can be read, but not be brought into the place of their template.
    """

    files: tuple[Scanned, ...]
    unreadable: dict[str, str]
    unfit: dict[str, str] = field(default_factory=dict)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The rows that can be used."""
        return tuple(file.sample for file in self.files)

    @property
    def thumbnails(self) -> NDArray[np.uint8]:
        """One for each row that can be used: uint8 (N, 64, 64)."""
        shape = (len(self.files), THUMBNAIL, THUMBNAIL)
        return np.array([file.thumbnail for file in self.files], np.uint8).reshape(shape)

    def without(self, unfit: dict[str, str]) -> Scan:
        """The same without files that do not fit their templates: path -> why."""
        files = tuple(file for file in self.files if file.sample.path not in unfit)
        return Scan(files, self.unreadable, self.unfit | unfit)

    @property
    def kinds(self) -> Counter[tuple[int, int]]:
        """Images of each depth and number of channels."""
        return Counter((file.depth, file.channels) for file in self.files)

    @property
    def sizes(self) -> Counter[tuple[int, int]]:
        """Images of each width and height."""
        return Counter((file.sample.width, file.sample.height) for file in self.files)


def scan(index: Index, *, progress: Progress | None = None) -> Scan:
    """Decodes every image of an index, several at a time; only thumbnails stay in memory.

    Args:
        index: Rows with the paths of images and masks.
        progress: Told how many of how many images are done.

    Returns:
        What they hold; boxes and outlines are cut to their image.

    Raises:
        DataError: What is marked on some images was drawn on images of another size.
    """
    files: list[Scanned] = []
    unreadable: dict[str, str] = {}
    total = len(index.samples)
    look = partial(_scanned, index, cache(file_digest))  # many images may share a template
    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))  # OpenCV and hashing let other threads run
    try:
        for done, found in enumerate(pool.map(look, index.samples), start=1):
            if isinstance(found, Scanned):
                files.append(found)
            else:
                unreadable[index.samples[done - 1].path] = found
            if progress is not None:
                progress(done, total)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for thousands of images
    _refuse_misfits(files)
    return Scan(tuple(files), unreadable)


def _refuse_misfits(files: Sequence[Scanned]) -> None:
    found = [f"  {file.sample.path}: {file.misfit}" for file in files if file.misfit]
    if found:
        more = [f"  and {len(found) - _MOST_TOLD:,} more"] if len(found) > _MOST_TOLD else []
        raise DataError(
            f"expected images as they were annotated, found boxes or outlines that are not of their image on "
            f"{len(found):,} of {len(files):,} images:\n" + "\n".join([*found[:_MOST_TOLD], *more]),
            hint="Bring back the images that were annotated, or scale the annotations as the images were scaled. If "
            "only the stated size is wrong, mend it. A photograph counts as turned as its EXIF orientation says.",
        )


def _scanned(index: Index, digest_of: Callable[[Path], str], sample: Sample) -> Scanned | str:
    """What the image holds, or why it cannot be used."""
    try:
        data = image.read_bytes(index.file(sample), name=sample.path)
        raw = image.decode_raw(data, name=sample.path)
    except ImageError as error:
        return error.message.removeprefix(f"{sample.path}: ")
    if raw.dtype not in (np.uint8, np.uint16):
        return f"expected 8 or 16 bits a channel, got {raw.dtype}"
    height, width = raw.shape[:2]
    filled, misfit = _filled(sample, data, (width, height))
    mask = _mask(index.root, filled)
    beside = {
        "mask_digest": mask.digest,
        "template_digest": digest_of(index.root / sample.template) if sample.template else "",
    }
    return Scanned(
        sample=filled.model_copy(update=beside),
        depth=raw.dtype.itemsize * 8,
        channels=1 if raw.ndim == 2 else 3,
        top=int(raw.max()),
        thumbnail=_thumbnail(cast("NDArray[np.integer[Any]]", raw)),
        mask_fault=mask.fault,
        mask_empty=mask.empty,
        misfit=misfit,
        mask_blurred=mask.blurred,
    )


def _filled(sample: Sample, data: bytes, size: tuple[int, int]) -> tuple[Sample, str]:
    """The row with its digest and size, and why its marks are not of the image, or empty."""
    told = {"digest": _digest(data), "width": size[0], "height": size[1]}
    try:
        return fitted(sample, size).model_copy(update=told), ""
    except DataError as error:
        return sample.model_copy(update=told), error.message


def read_checked(index: Index, sample: Sample, *, bits: int = 16) -> NDArray[np.uint8]:
    """Reads an image that was scanned, as RGB, uint8 (H, W, 3), and makes sure that it is still the same file.

    Args:
        index: Tells where the file lies.
        sample: Its row; without a digest nothing is compared.
        bits: Significant bits of images with 16 bits a channel.

    Raises:
        ImageError: The file cannot be read or decoded.
        DataError: It holds other bytes than those that were scanned.
    """
    return image.decode(read_same(index.file(sample), sample.digest, name=sample.path), name=sample.path, bits=bits)


def same_mask(index: Index, sample: Sample) -> Path:
    """The file of a sample's mask, after making sure that it is still the one that was scanned.

    Raises:
        ImageError, DataError: As `read_same`.
    """
    name = sample.mask or ""
    read_same(index.root / name, sample.mask_digest, name=name)
    return index.root / name


def read_mask(index: Index, sample: Sample) -> NDArray[np.bool_]:
    """Where a sample's mask marks something, whatever its values mean: bool (H, W).

    Raises:
        ImageError, DataError: As `read_same`.
    """
    return image.read_mask(same_mask(index, sample), name=sample.mask or "", above=sample.mask_above)


def read_same(file: Path, digest: str, *, name: str) -> bytes:
    """Reads a file that was scanned, as it is stored, and makes sure that it is still the same.

    Args:
        file: An image, mask or template.
        digest: SHA-256 of what was scanned, in hex; empty compares nothing.
        name: What the error message calls a file that cannot be read.

    Raises:
        ImageError: It cannot be read.
        DataError: It holds other bytes than those that were scanned.
    """
    data = image.read_bytes(file, name=name)
    if digest and (came := _digest(data)) != digest:
        raise DataError(
            f"{file} was changed since the index was made: expected SHA-256 {digest[:16]}…, got {came[:16]}…",
            hint="Bring the file back, or start a new run with the images as they are now.",
        )
    return data


def file_digest(file: Path) -> str:
    """SHA-256 of a picture's file, in hex; empty if it cannot be read."""
    try:
        return _digest(image.read_bytes(file, name=file.name))
    except ImageError:
        return ""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _thumbnail(raw: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    small = cv2.resize(raw, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) if small.ndim == 3 else small
    if grey.dtype == np.uint16:
        # It is only compared with others, so 12 bits in 16 must not make it black.
        grey = grey.astype(np.float32) * (255 / max(1, int(grey.max())))
    return np.asarray(grey, np.uint8)


def _mask(root: Path, sample: Sample) -> _Mask:
    if sample.mask is None:
        return _Mask()
    try:
        data = image.read_bytes(root / sample.mask, name=sample.mask)
        mask = cast("NDArray[np.integer[Any]]", image.decode_raw(data, name=sample.mask))
    except ImageError as error:
        return _Mask(fault=error.message.removeprefix(f"{sample.mask}: "))
    found = _Mask(digest=_digest(data))
    if mask.shape[:2] != (sample.height, sample.width):
        fault = f"is {mask.shape[1]} x {mask.shape[0]} pixels, the image {sample.width} x {sample.height}"
        return found._replace(fault=fault)
    if sample.mask_above == 0 and data.startswith(_JPEG) and ((mask > 0) & (mask < mask.max())).any():
        # Around each edge pixels are a little above 0, which would count as marked.
        return found._replace(
            fault="is a JPEG, which blurs its two levels (save masks as PNG, or set data.marked_above=127)"
        )
    blurred = not sample.mask_values and sample.mask_above == 0 and _is_blurred(mask[mask > 0])
    return found._replace(empty=not sample.good and not (mask > sample.mask_above).any(), blurred=blurred)


def _is_blurred(marked: NDArray[np.integer[Any]]) -> bool:
    """Whether the values of a mask that are not 0 are many, unlike numbers of classes, and many of them small."""
    return len(np.unique(marked)) > _MOST_LEVELS and bool((marked < marked.max() / 2).mean() > _MOST_SMALL)
