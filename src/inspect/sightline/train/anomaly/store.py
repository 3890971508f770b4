"""Features of many images, computed once and kept on disk: they are looked at several times, and may not fit memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sightline.dataset.views import Views
from sightline.errors import TrainError
from sightline.index import Sample

_PLACES = 8192
"""That are looked at in one go: their distances from a few thousand vectors take some hundred MB."""

_Embed = Callable[[Tensor], tuple[Tensor, ...]]
"""Images uint8 [B, H, W, 3] to features of one or more scales, [B, C, h, w] each."""

_Progress = Callable[[int, int], None]
"""Told images done and images in all."""


class Store:
    """Features of N images.

    Args:
        values: float16 (M, C, h, w), in memory or on disk.
        rows: Which of the M they are; None for all.
    """

    def __init__(self, values: np.ndarray, rows: Sequence[int] | None = None) -> None:
        self._values = values
        self._rows = np.arange(len(values)) if rows is None else np.asarray(rows, np.int64)

    def __len__(self) -> int:
        """How many images."""
        return len(self._rows)

    def only(self, rows: Sequence[int]) -> Store:
        """Some of the images, without copying anything."""
        return Store(self._values, self._rows[np.asarray(rows, np.int64)].tolist())

    @property
    def grid(self) -> tuple[int, int]:
        """H and w."""
        return int(self._values.shape[2]), int(self._values.shape[3])

    @property
    def batch(self) -> int:
        """How many images are looked at in one go."""
        return max(1, _PLACES // (self.grid[0] * self.grid[1]))

    def every(self, batch: int | None = None) -> Iterator[Tensor]:
        """Features of all images, as `batches` gives them."""
        return self.batches(range(len(self)), batch)

    def batches(self, rows: Sequence[int], batch: int | None = None) -> Iterator[Tensor]:
        """Features of some images, float32 [B, C, h, w] of at most `batch` at a time, in the order asked for."""
        size = batch or self.batch
        for start in range(0, len(rows), size):
            some = self._rows[list(rows[start : start + size])]
            yield torch.from_numpy(self._values[some]).float()


_PREFIX = ".features-"


def sweep_up(folder: Path) -> None:
    """Removes the files of a process that was killed; no other may be at work in the folder."""
    for left in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def stored(
    embed: _Embed,
    samples: Sequence[Sample],
    views: Views,
    *,
    folder: Path,
    progress: _Progress,
) -> Iterator[tuple[Store, ...]]:
    """Computes features of images and keeps them in temporary files as long as the context lasts; a store a scale.

    Args:
        embed: The backbone.
        samples: Rows of the index; of none there is one empty store.
        views: Makes what the backbone is shown of them.
        folder: Where the temporary file goes.
        progress: Called after each batch.

    Raises:
        DataError: An image cannot be read any more, or was changed since it was scanned.
        TrainError: The disk is full.
    """

    def read(sample: Sample) -> NDArray[np.uint8]:
        return views.of(sample).image

    with tempfile.TemporaryDirectory(dir=folder, prefix=_PREFIX, ignore_cleanup_errors=True) as aside:
        shapes: list[tuple[int, ...]] = []
        try:
            with ThreadPoolExecutor() as pool, torch.no_grad():
                for start in range(0, len(samples), views.spec.batch):
                    batch = np.stack(list(pool.map(read, samples[start : start + views.spec.batch])))
                    found = [values.clamp_(-60_000, 60_000).half().numpy() for values in embed(torch.from_numpy(batch))]
                    for scale, values in enumerate(found):
                        with _file(aside, scale).open("ab") as file:
                            file.write(values.tobytes())
                    shapes = [values.shape[1:] for values in found]
                    progress(start + len(batch), len(samples))
        except OSError as error:
            raise TrainError(
                f"features cannot be kept in {folder}: {error.strerror}", hint="Make room, then train again."
            ) from error
        if not samples:
            yield (Store(np.zeros((0, 1, 1, 1), np.float16)),)
            return
        stores = tuple(
            Store(np.memmap(_file(aside, scale), np.float16, "r", shape=(len(samples), *shape)))
            for scale, shape in enumerate(shapes)
        )
        yield stores
        del stores  # Windows removes no file that is mapped


def _file(folder: str, scale: int) -> Path:
    return Path(folder) / f"scale-{scale}.f16"
