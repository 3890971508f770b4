"""Where defects are, as the places of a feature map see it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sightline import image
from sightline.dataset.scan import read_mask
from sightline.dataset.views import Views
from sightline.index import Index, Sample


def covered(
    samples: Sequence[Sample], index: Index, views: Views, grid: tuple[int, int]
) -> tuple[Tensor, NDArray[np.bool_]]:
    """The share of each place that lies under the mask.

    Args:
        samples: N rows of the index.
        index: Tells where the masks lie.
        views: What the images went through; the masks go the same way.
        grid: h and w of the feature map.

    Returns:
        Float32 (N, 1, h, w), and bool (N,) whether the sample has a mask that shows anything.

    Raises:
        ImageError: A mask cannot be read any more.
    """
    shares = np.zeros((len(samples), 1, *grid), np.float32)
    for row, sample in enumerate(samples):
        if sample.mask is not None:
            mask = read_mask(index, sample)
            place = views.of(sample).place if views.spec.align else image.place(mask.shape[:2], views.spec)
            canvas = place.mask_to_canvas(mask)  # by means, so that nothing small is lost
            shares[row, 0] = cv2.resize(canvas, grid[::-1], interpolation=cv2.INTER_AREA)
    return torch.from_numpy(shares), np.asarray(shares.any(axis=(1, 2, 3)), bool)
