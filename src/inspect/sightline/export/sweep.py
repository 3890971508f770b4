"""Runs one part of the data through a model, in batches, with the preprocessing of the edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.config import Preprocess
from sightline.dataset.scan import read_checked
from sightline.index import Index, Sample
from sightline.runs import Progress

Model = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""uint8 (B, H, W, 3) -> scores (B, C) and maps (B, C, h, w)."""


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a model answered on N images.

    Attributes:
        samples: The N rows of the index.
        scores: float32 (N, C).
        maps: float32 (N, C, h, w).
    """

    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]
    maps: NDArray[np.float32]


def sweep(
    model: Model, samples: Sequence[Sample], index: Index, preprocess: Preprocess, *, stage: str, progress: Progress
) -> Outputs:
    """Scores samples in order.

    Args:
        model: Network, exported session, or anything of that face.
        samples: Rows of the index.
        index: Tells where the files lie.
        preprocess: The recipe's.
        stage: Name for the progress bar.
        progress: Called after each batch.

    Raises:
        ImageError: An image cannot be read any more.
        DataError: An image was changed since the index was made.
    """
    scores, maps = [], []
    for start in range(0, len(samples), preprocess.batch):
        part = samples[start : start + preprocess.batch]
        images = [image.prepare(read_checked(index, s, bits=preprocess.bits), preprocess) for s in part]
        batch_scores, batch_maps = model(np.stack(images))
        scores.append(batch_scores)
        maps.append(batch_maps)
        progress(stage, start + len(part), len(samples))
    if not scores:  # the shape of the outputs is known only from an answer
        probe = model(np.zeros((2, preprocess.height, preprocess.width, 3), np.uint8))
        return Outputs((), probe[0][:0], probe[1][:0])
    return Outputs(tuple(samples), np.concatenate(scores), np.concatenate(maps))
