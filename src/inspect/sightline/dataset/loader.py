"""Feeds training: preprocessed images with their targets, in an order and with a randomness that hang on no state.

What is drawn for a sample is a function of (seed, epoch, sample) alone. So a run that was killed goes on exactly as it
would have, and the number of loading processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from sightline.config import Preprocess
from sightline.config.recipe import Training
from sightline.config.template import Template
from sightline.dataset.augment import Pipeline
from sightline.dataset.views import Views
from sightline.index import Index, Sample

MEMORY_SHARE = 0.5
"""Of the memory that is free, for cached images."""

_AGAIN = 1_000_000  # epochs later, as which a sample that comes again in a round is drawn

ItemT = TypeVar("ItemT")


class ImageDataset(Dataset[tuple[Tensor, Tensor]]):
    """Images of one part, preprocessed as at the edge, then augmented.

    Args:
        index: Tells where the files lie.
        samples: The part's rows.
        targets: float32 (N, K), one row a sample.
        preprocess: The recipe's.
        template: The recipe's, if images are aligned to one.
        augment: For the train part; None changes nothing.
        seed: The recipe's.
        cache: Keep preprocessed images in memory if they fit.

    Raises:
        DataError: An image cannot be read any more, or was changed since it was scanned.
    """

    def __init__(
        self,
        index: Index,
        samples: Sequence[Sample],
        targets: NDArray[np.float32],
        preprocess: Preprocess,
        *,
        template: Template | None = None,
        augment: Pipeline | None = None,
        seed: int = 0,
        cache: bool = True,
    ) -> None:
        self._samples, self._views = tuple(samples), Views.of_recipe(index, preprocess, template)
        self._targets = torch.from_numpy(targets)
        self._augment, self._seed = augment, seed
        size = len(samples) * preprocess.height * preprocess.width * 3
        self._cached: NDArray[np.uint8] | None = None
        if cache and samples and size < MEMORY_SHARE * psutil.virtual_memory().available:
            with ThreadPoolExecutor() as pool:
                self._cached = np.stack(list(pool.map(self._read, range(len(samples)))))

    def __len__(self) -> int:
        """How many samples."""
        return len(self._samples)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The image, uint8 (H, W, 3), and target, float32 (K,), of a sample in an epoch: key is (epoch, sample)."""
        epoch, number = key
        picture = self._read(number) if self._cached is None else self._cached[number]
        if self._augment is not None:
            picture = self._augment(picture, mixed(self._seed, epoch, number))
        return torch.from_numpy(np.ascontiguousarray(picture)), self._targets[number]

    def _read(self, number: int) -> NDArray[np.uint8]:
        return self._views.of(self._samples[number]).image


class EpochOrder(Sampler[tuple[int, int]]):
    """Gives (epoch, sample) keys, shuffled anew each epoch, or in order.

    Args:
        count: How many samples.
        seed: The recipe's; None keeps their order.
        epoch: The first round's.
        draws: float64 (count,), how often a shuffled round holds each sample, in the mean over rounds, with a sum of
            `count`; None holds each once. A sample that comes again is drawn as in an epoch that no run reaches.
    """

    def __init__(
        self, count: int, *, seed: int | None, epoch: int = 0, draws: NDArray[np.float64] | None = None
    ) -> None:
        self._count, self._seed, self._epoch, self._draws = count, seed, epoch, draws

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch that the next round is; Lightning calls it."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Samples of a round."""
        return self._count

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """One round."""
        keys = [(self._epoch, number) for number in range(self._count)]
        if self._seed is None:
            return iter(keys)
        random = np.random.default_rng([self._seed, self._epoch])
        if self._draws is not None:
            # Systematic sampling: as often as its share asks for, rounded up or down.
            ends = np.cumsum(self._draws) * (self._count / self._draws.sum())
            ends[-1] = self._count  # whatever was rounded
            times = np.diff(np.floor(ends + random.random()), prepend=0).astype(int)
            keys = [
                (self._epoch + _AGAIN * turn, number) for number in range(self._count) for turn in range(times[number])
            ]
        return iter([keys[place] for place in random.permutation(len(keys))])


def batches(
    dataset: Dataset[ItemT],
    settings: Training,
    *,
    seed: int | None,
    first_epoch: int = 0,
    collated: Callable[[list[ItemT]], Any] | None = None,
    draws: NDArray[np.float64] | None = None,
) -> DataLoader[Any]:
    """Batches of a dataset, in an order shuffled anew each epoch if there is a seed.

    A last batch of a single image is left out of a shuffled round: batch normalisation cannot learn from it.

    Args:
        dataset: The images, by (epoch, sample).
        settings: Images a batch, and loading processes.
        seed: The recipe's; None keeps the order.
        first_epoch: Epoch of the first round, for loading processes that begin before `EpochOrder.set_epoch` is called.
        collated: Makes a batch of what the dataset gives; None stacks tensors.
        draws: How often each image comes, as `EpochOrder` takes it.
    """
    count, size = len(cast("Sized", dataset)), settings.batch_size
    return DataLoader(
        dataset,
        batch_size=size,
        sampler=EpochOrder(count, seed=seed, epoch=first_epoch, draws=draws),
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        drop_last=seed is not None and count > size and count % size == 1,
        pin_memory=torch.cuda.is_available(),
        collate_fn=collated,
    )


def mixed(*parts: int) -> int:
    """One 32-bit seed from several numbers, so that neighbours have nothing in common."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
