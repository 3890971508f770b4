"""Where defects are, as the places of a feature map see it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sightline import image
from sightline.config import Preprocess
from sightline.index import Index, Sample


def covered(
    samples: Sequence[Sample], index: Index, preprocess: Preprocess, grid: tuple[int, int]
) -> tuple[Tensor, NDArray[np.bool_]]:
    """The share of each place that lies under the mask.

    Args:
        samples: N rows of the index.
        index: Tells where the masks lie.
        preprocess: What the images went through; the masks go the same way.
        grid: h and w of the feature map.

    Returns:
        Float32 (N, 1, h, w), and bool (N,) whether the sample has a mask that shows anything.

    Raises:
        ImageError: A mask cannot be read any more.
    """
    shares = np.zeros((len(samples), 1, *grid), np.float32)
    for row, sample in enumerate(samples):
        if sample.mask is not None:
            mask = image.read_mask(index.root / sample.mask, name=sample.mask)
            shares[row, 0] = _shrunk(mask.astype(np.float32), preprocess, grid)
    return torch.from_numpy(shares), np.asarray(shares.any(axis=(1, 2, 3)), bool)


def _shrunk(mask: NDArray[np.float32], preprocess: Preprocess, grid: tuple[int, int]) -> NDArray[np.float32]:
    """A mask (H, W) in the model's input, then on its grid; each step takes means, so that nothing small is lost."""
    top, left, height, width = image.content(mask.shape, preprocess)
    canvas = np.zeros((preprocess.height, preprocess.width), np.float32)
    canvas[top : top + height, left : left + width] = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(canvas, grid[::-1], interpolation=cv2.INTER_AREA), np.float32)
