"""A bank: vectors that good parts show, and how far from all of them a place of a frame is.

After PatchCore (Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection", arXiv 2106.08265): features
of a pretrained network, averaged over neighbouring places, against a coreset of those of good parts. What differs:

- Principal components first. A few dozen hold nearly all that good parts differ in; the rest is noise that costs time.
- Distances are taken relative to how far the vectors of the bank lie apart there, the idea of the local outlier factor
  (Breunig, Kriegel, Ng & Sander 2000): what is far from the usual is odder among parts that are all alike.
- Beyond the frame lies nothing, which counts as 0 in the averages. Vectors of the rim are shorter by that, so that the
  rim, where light and fixture vary most, weighs less.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sightline.config.anomaly import MemoryBank as Settings
from sightline.index import Sample
from sightline.train.anomaly.coreset import Coreset
from sightline.train.anomaly.store import Store

_NEAR = 5  # neighbours in the bank that tell how far apart its vectors lie
_BLUR = (0.0545, 0.2442, 0.4026, 0.2442, 0.0545)  # a Gaussian of deviation 1
_BLOCK = 2048


class Bank(nn.Module):
    """Features [B, C, h, w] to the distance of their places, blurred, [B, 1, h, w], and their mean distance [B, 1].

    Args:
        mean: float32 (C,) of good parts' features.
        axes: float32 (C, D) their principal components.
        vectors: float32 (K, D) of good parts.
        spacing: float32 (K,) how far from each its neighbours in the bank are.
        context: Places along each side of the window that features are averaged over; an odd number.
    """

    def __init__(self, mean: Tensor, axes: Tensor, vectors: Tensor, spacing: Tensor, *, context: int) -> None:
        super().__init__()
        self.context = context
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)
        self.register_buffer("vectors", vectors)
        self.register_buffer("spacing", spacing)
        self.register_buffer(
            "blur", torch.outer(torch.tensor(_BLUR), torch.tensor(_BLUR))[None, None], persistent=False
        )
        self.mean: Tensor
        self.axes: Tensor
        self.vectors: Tensor
        self.spacing: Tensor
        self.blur: Tensor

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Settings) -> Bank:
        """An empty bank of the shapes that a saved one has."""
        blank = [torch.zeros_like(state[name]) for name in ("mean", "axes", "vectors", "spacing")]
        return cls(*blank, context=settings.context)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Measures."""
        places = averaged(features, self.context).flatten(2).transpose(1, 2)
        distance = torch.unflatten(self.distances(places), 1, features.shape[2:]).unsqueeze(1)
        around = functional.pad(distance, (2, 2, 2, 2), mode="replicate")
        return functional.conv2d(around, self.blur), distance.mean((2, 3))

    def distances(self, places: Tensor) -> Tensor:
        """Distance [B, P] of places [B, P, C] to the bank: the least |x - v| / sqrt(spacing of v) over its vectors v.

        With |x - v|² / s = (|x|² - 2xv + |v|²) / s one matrix product measures all.
        """
        reduced = (places - self.mean) @ self.axes
        squares = (reduced * reduced).sum(2, keepdim=True)
        ones = torch.ones_like(squares)
        squared = (self.vectors * self.vectors).sum(1, keepdim=True)
        table = torch.cat([-2 * self.vectors, torch.ones_like(squared), squared], 1) / self.spacing[:, None]
        to_all = torch.cat([reduced, squares, ones], 2) @ table.T
        return to_all.amin(2).clamp(min=0).sqrt()


def averaged(features: Tensor, context: int) -> Tensor:
    """The mean over a window of places around each; beyond the frame lies nothing, which counts as 0."""
    return functional.avg_pool2d(features, context, 1, context // 2) if context > 1 else features


def learn(
    store: Store, rows: Sequence[int], settings: Settings, vectors: int, *, step: int = 1, without: Tensor | None = None
) -> Bank:
    """Fills a bank from some of the stored images.

    Args:
        store: Features of images.
        rows: Which of them, at least one.
        settings: The recipe's.
        vectors: Size of the bank.
        step: Take one of so many places, along each side.
        without: bool (N, 1, h, w) places of all the stored images that are not taken.
    """

    def places() -> Iterator[Tensor]:
        done = 0
        for features in store.batches(rows):
            found = _rows(features, settings.context, step)
            if without is not None:
                some = list(rows[done : done + len(features)])
                found = found[~without[some][:, 0, ::step, ::step].flatten()]
            done += len(features)
            yield found

    mean, axes, _ = components(places(), settings.components)
    coreset = Coreset(max(_NEAR + 1, vectors))
    for found in places():
        coreset.add((found - mean) @ axes)
    chosen = coreset.vectors()
    return Bank(mean, axes, chosen, _spacing(chosen), context=settings.context)


@torch.no_grad()
def unseen(
    store: Store,
    parts: NDArray[np.int64],
    settings: Settings,
    vectors: int,
    *,
    step: int = 1,
    without: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """What banks say of images that they were not filled from: each part is measured by a bank of the others.

    Args:
        store: Features of N images.
        parts: (N,) the part of each; at least two.
        settings: The recipe's.
        vectors: Size of the banks.
        step: Take one of so many places, along each side, into the banks.
        without: bool (N, 1, h, w) places that are not taken into them.

    Returns:
        Blurred distances (N, 1, h, w), and mean distances (N, 1).
    """
    heat = torch.zeros(len(store), 1, *store.grid)
    means = torch.zeros(len(store), 1)
    for part in np.unique(parts):
        inside, outside = np.flatnonzero(parts == part).tolist(), np.flatnonzero(parts != part).tolist()
        bank = learn(store, outside, settings, vectors, step=step, without=without)
        found = [bank(features) for features in store.batches(inside)]
        heat[inside], means[inside] = (torch.cat(column) for column in zip(*found, strict=True))
    return heat, means


def dealt(samples: Sequence[Sample], parts: int) -> NDArray[np.int64]:
    """The part of each sample; groups stay whole, each type of defect is spread, and parts get alike many."""
    groups: dict[str, list[int]] = {}
    for row, sample in enumerate(samples):
        groups.setdefault(sample.unit, []).append(row)
    ordered = sorted(groups.values(), key=lambda rows: (samples[rows[0]].labels, -len(rows), samples[rows[0]].unit))
    part, sizes = np.zeros(len(samples), np.int64), [0] * parts
    for rows in ordered:
        least = sizes.index(min(sizes))
        part[rows] = least
        sizes[least] += len(rows)
    return part


def components(blocks: Iterable[Tensor], count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (C,), principal components (C, D) and variances along them (D,) of float (N, C) blocks, in one pass.

    Mean and components are such that float16 holds them.
    """
    total, outer, rows = torch.zeros(()), torch.zeros(()), 0
    for block in blocks:
        wide = block.double()
        total, outer, rows = total + wide.sum(0), outer + wide.T @ wide, rows + len(block)
    mean = total / rows
    variances, vectors = torch.linalg.eigh(outer / rows - torch.outer(mean, mean))
    axes = vectors.flip(1)[:, :count]
    # The sign of a component is arbitrary; a rule makes it the same on every machine.
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return mean.half().float(), axes.half().float(), variances.flip(0)[:count].clamp(min=0).float()


def _rows(features: Tensor, context: int, step: int) -> Tensor:
    """One row a place of every image: (B * places, C)."""
    return averaged(features, context)[:, :, ::step, ::step].permute(0, 2, 3, 1).flatten(0, 2)


def _spacing(vectors: Tensor) -> Tensor:
    """Mean distance of each vector to its nearest others in the bank; never 0."""
    near = min(_NEAR, len(vectors) - 1)
    if near < 1:
        return torch.ones(len(vectors))
    found = [
        torch.cdist(block, vectors).topk(near + 1, largest=False).values[:, 1:].mean(1)
        for block in torch.split(vectors, _BLOCK)
    ]
    spacing = torch.cat(found)
    return spacing.clamp(min=max(1e-3 * float(spacing.median()), 1e-6))
