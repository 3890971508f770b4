"""The interface of every method: from what was seen of good parts, and of labelled defects, to a judge of features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sightline.index import Sample
from sightline.train.anomaly.store import Store


@dataclass(frozen=True)
class Shown:
    """Images of the train part.

    Attributes:
        samples: N rows of the index.
        scales: Their features, and after them those twice as fine if the backbone gives some.
    """

    samples: Sequence[Sample]
    scales: tuple[Store, ...]

    def __len__(self) -> int:
        """How many images."""
        return len(self.samples)

    def only(self, rows: Sequence[int]) -> Shown:
        """Some of them."""
        return Shown([self.samples[row] for row in rows], tuple(store.only(rows) for store in self.scales))

    def every(self) -> Iterator[tuple[Tensor, ...]]:
        """Features of all, a batch at a time: [B, C, h, w], and those twice as fine."""
        batch = min(store.batch for store in self.scales)
        return zip(*(store.every(batch) for store in self.scales), strict=True)


@dataclass(frozen=True)
class Lesson:
    """What a method learns from.

    Attributes:
        good: N good images.
        odd: float32 (N, 1, h, w) distances of their places from a bank that did not see them.
        defects: Defective images; there may be none.
        covered: float32 (M, 1, h, w) share of each of their places under the mask.
        masked: bool (M,) whether they have a mask.
        seed: The recipe's.
    """

    good: Shown
    odd: Tensor
    defects: Shown
    covered: Tensor
    masked: NDArray[np.bool_]
    seed: int


class Judge(nn.Module):
    """Base of what methods learn: features to scores and heat, both 0 or more."""

    @classmethod
    def learned(cls, lesson: Lesson, settings: Any) -> Self:  # noqa: ANN401 - the settings of the method at hand
        """Learns."""
        raise NotImplementedError

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Any) -> Self:  # noqa: ANN401 - likewise
        """An empty judge of the shapes that a saved one has."""
        raise NotImplementedError

    def forward(self, coarse: Tensor, fine: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Features [B, C, h, w] and [B, c, 2h, 2w] to scores [B, 1] and heat [B, 1, h, w] or [B, 1, 2h, 2w]."""
        raise NotImplementedError

    def text(self) -> str:
        """What became of the lesson, for a person; nothing if there is nothing to say."""
        return ""


def under(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The part of a state that belongs to a module of this name."""
    return {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}


def frame_scores(heat: Tensor, worst: float) -> Tensor:
    """Score of each frame [B, 1]: the mean heat [B, 1, h, w] over the share of its places where it is highest."""
    places = heat.flatten(1)
    count = max(1, round(worst * places.shape[1]))
    return torch.topk(places, count, dim=1).values.mean(1, keepdim=True)


def as_fine(heat: Tensor, detail: Tensor) -> Tensor:
    """A map [B, 1, h, w] at the places of a finer one."""
    return functional.interpolate(heat, detail.shape[2:], mode="bilinear", align_corners=False)
