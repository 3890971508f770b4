"""Masks written as run lengths.

COCO counts pixels down the columns, CVAT along the rows; both begin with the pixels that are not marked. COCO's text
form is that of its Mask API: six bits a character, five of them payload with the lowest first, and from the fourth
count on the difference from the count before the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from sightline import MAX_IMAGE_PIXELS
from sightline.config.explain import shown
from sightline.errors import DataError

_MARKED = NDArray[np.bool_]
_MOST_BITS = 40  # of a count; more would be no number of pixels

_HINT = "Export the annotations again, with polygons say."


class _Runs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    counts: list[int] | str
    size: tuple[int, int]  # height, width


def coco_mask(written: dict[str, Any], size: tuple[int, int], *, where: str) -> _MARKED:
    """Decodes COCO's run-length mask, its counts as a list or as text.

    Args:
        written: ``counts`` and ``size`` (height, width), as the file has them.
        size: Width and height of the image in pixels; 0 if unknown.
        where: The file and entry, for the error message.

    Returns:
        What is marked, bool (H, W).

    Raises:
        DataError: It is damaged, or of another size than its image.
    """
    try:
        runs = _Runs.model_validate(written)
    except ValidationError as error:
        reason = error.errors()[0]
        told = f"{'.'.join(map(str, reason['loc'][:1]))}: {reason['msg']}"
        raise DataError(f"{where}: expected a run-length mask, but {told}", hint=_HINT) from error
    height, width = runs.size
    if all(size) and (width, height) != size:
        raise DataError(
            f"{where}: expected a run-length mask of {size[0]}x{size[1]} as its image, got {width}x{height}", hint=_HINT
        )
    counts = _counts(runs.counts, where) if isinstance(runs.counts, str) else runs.counts
    return decode(counts, (height, width), by_column=True, where=where)


def decode(counts: Sequence[int], shape: tuple[int, int], *, by_column: bool, where: str) -> _MARKED:
    """Turns run lengths into a mask.

    Args:
        counts: Pixels that are not marked, that are, that are not, and so on.
        shape: Height and width of the mask.
        by_column: Whether pixels are counted down the columns, not along the rows.
        where: The file and entry, for the error message.

    Returns:
        What is marked, bool (H, W).

    Raises:
        DataError: The runs do not fill the mask, or it is larger than any image may be.
    """
    height, width = shape
    total = height * width
    if min(height, width) < 1 or total > MAX_IMAGE_PIXELS:
        raise DataError(f"{where}: no run-length mask can be of {width}x{height} pixels", hint=_HINT)
    if any(count < 0 for count in counts) or sum(counts) != total:
        came = f"{shown(sum(counts))} in {len(counts):,} runs" if all(c >= 0 for c in counts) else "a run below 0"
        raise DataError(f"{where}: expected a run-length mask of {total} pixels, got {came}", hint=_HINT)
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(width, height).T if by_column else flat.reshape(height, width)


def encode(mask: _MARKED) -> list[int]:
    """Run lengths of a mask, bool (H, W), counted down the columns as COCO does."""
    flat = mask.T.ravel()
    ends = [*(np.flatnonzero(flat[1:] != flat[:-1]) + 1).tolist(), flat.size]
    counts = np.diff([0, *ends]).tolist()
    return [0, *counts] if flat[0] else counts


def _counts(text: str, where: str) -> list[int]:
    counts, value, bits = list[int](), 0, 0
    for number, letter in enumerate(text, start=1):
        six = ord(letter) - ord("0")
        if not 0 <= six < 64 or bits > _MOST_BITS:
            raise DataError(f"{where}: the run-length mask is damaged at its character {number:,}", hint=_HINT)
        value |= (six & 31) << bits
        bits += 5
        if six & 32:  # more to come
            continue
        value -= (1 << bits) if six & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = bits = 0
    if bits:
        raise DataError(f"{where}: the run-length mask is cut off", hint=_HINT)
    return counts
