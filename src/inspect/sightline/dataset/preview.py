"""A contact sheet: what the model will be shown, before anything is trained."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.config import Recipe
from sightline.dataset.augment import Pipeline
from sightline.dataset.loader import mixed
from sightline.errors import DataError
from sightline.files import write_whole
from sightline.index import Index, Sample, Split

_GAP, _LABEL, _SHORTEST = 6, 22, 96
_OUTLINE, _INK = (230, 57, 70), (48, 52, 63)


def contact_sheet(index: Index, recipe: Recipe, path: Path, *, rows: int = 2, columns: int = 7) -> Path:
    """Draws samples of the train part: first as preprocessed, with the outline of the mask, then augmented.

    Args:
        index: The images with their splits.
        recipe: Its ``input`` and ``augment`` are shown.
        path: The PNG to write.
        rows: Samples a class.
        columns: Pictures a sample.

    Raises:
        DataError: There is no image to show, or the sheet cannot be written.
    """
    samples = index.part(Split.TRAIN) or index.samples
    names = {label for s in samples for label in s.names}
    if not samples:
        raise DataError("expected images to show, but the index has none")
    augment = Pipeline(recipe.augment, recipe.input)
    lines = []
    for name in sorted(names):
        of_class = [s for s in samples if name in s.names]
        lines += [_line(index, sample, name, recipe, augment, columns) for sample in of_class[:rows]]
    try:
        write_whole(path, image.png(np.vstack(lines)))
    except OSError as error:
        raise DataError(f"the preview cannot be written to {path}: {error.strerror}") from error
    return path


def _line(
    index: Index, sample: Sample, name: str, recipe: Recipe, augment: Pipeline, columns: int
) -> NDArray[np.uint8]:
    plain = image.prepare(image.read(index.file(sample), bits=recipe.input.bits), recipe.input)
    shown = [_outlined(plain, index, sample, recipe)]
    shown += [augment(plain, mixed(recipe.seed, column, 0)) for column in range(1, columns)]
    scale = max(1, -(-_SHORTEST // min(plain.shape[:2])))
    tiles = [_framed(np.repeat(np.repeat(tile, scale, 0), scale, 1)) for tile in shown]
    row = np.hstack(tiles)
    head = np.full((_LABEL, row.shape[1], 3), 255, np.uint8)
    text = f"{name}: {sample.path}, as preprocessed, then augmented".encode("ascii", "replace").decode()
    cv2.putText(head, text, (_GAP, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, _INK, 1, cv2.LINE_AA)
    return np.vstack([head, row])


def _outlined(plain: NDArray[np.uint8], index: Index, sample: Sample, recipe: Recipe) -> NDArray[np.uint8]:
    if sample.mask is None:
        return plain
    marked = image.read_mask(index.root / sample.mask, name=sample.mask).astype(np.uint8) * 255
    top, left, height, width = image.content(marked.shape, recipe.input)
    fitted = np.zeros(plain.shape[:2], np.uint8)
    fitted[top : top + height, left : left + width] = image.resize(marked, height, width) > 0
    drawn = plain.copy()
    outlines, _ = cv2.findContours(fitted, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(drawn, outlines, -1, _OUTLINE, 1)
    return drawn


def _framed(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.pad(tile, ((0, _GAP), (_GAP, 0), (0, 0)), constant_values=255)
