"""The memory bank: vectors that good parts show, and how far from all of them a place of a frame is.

After PatchCore (Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection", arXiv 2106.08265): features
of a pretrained network, averaged over neighbouring places, against a coreset of those of good parts. What differs:

- Principal components first. A few dozen hold nearly all that good parts differ in; the rest is noise that costs time.
- Distances are taken relative to how far the vectors of the bank lie apart there, the idea of the local outlier factor
  (Breunig, Kriegel, Ng & Sander 2000): what is far from the usual is odder among parts that are all alike.
- Heat is blurred, and the frame's score counts how far its mean is above the usual, too: a defect as large as the frame
  is nowhere much hotter than elsewhere. The map does not, or the whole of a defective frame would look odd.
- Beyond the frame lies nothing, which counts as 0 in the averages. Vectors of the rim are shorter by that, so that the
  rim, where light and fixture vary most, weighs less.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.config.anomaly import MemoryBank as Settings
from sightline.train.anomaly.coreset import Coreset
from sightline.train.anomaly.store import Store

_NEAR = 5  # neighbours in the bank that tell how far apart its vectors lie
_BLUR = (0.0545, 0.2442, 0.4026, 0.2442, 0.0545)  # a Gaussian of deviation 1
_BLOCK = 2048


class MemoryBank(nn.Module):
    """Features [B, C, h, w] to scores [B, 1] and heat [B, 1, h, w].

    Args:
        mean: float32 (C,) of good parts' features.
        axes: float32 (C, D) their principal components.
        vectors: float32 (K, D) of good parts.
        spacing: float32 (K,) how far from each its neighbours in the bank are.
        context: Places along each side of the window that features are averaged over; an odd number.
        worst: Share of the places that a frame is judged by.
    """

    def __init__(
        self, mean: Tensor, axes: Tensor, vectors: Tensor, spacing: Tensor, *, context: int, worst: float
    ) -> None:
        super().__init__()
        self.context, self.worst = context, worst
        self.register_buffer("usual", torch.zeros(1))
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)
        self.register_buffer("vectors", vectors)
        self.register_buffer("spacing", spacing)
        self.register_buffer(
            "blur", torch.outer(torch.tensor(_BLUR), torch.tensor(_BLUR))[None, None], persistent=False
        )
        self.usual: Tensor
        self.mean: Tensor
        self.axes: Tensor
        self.vectors: Tensor
        self.spacing: Tensor
        self.blur: Tensor

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Settings) -> MemoryBank:
        """An empty bank of the shapes that a saved one has."""
        blank = [torch.zeros_like(state[name]) for name in ("mean", "axes", "vectors", "spacing")]
        return cls(*blank, context=settings.context, worst=settings.worst)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of the frames and heat of their places: a place's heat is the score of a frame like it, else usual."""
        heat, whole = self.heat(features)
        return frame_scores(heat, self.worst) + whole, heat

    def heat(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Heat [B, 1, h, w], and how far each frame's mean distance is above the usual one, [B, 1]."""
        places = averaged(features, self.context).flatten(2).transpose(1, 2)
        distance = torch.unflatten(self.distances(places), 1, features.shape[2:]).unsqueeze(1)
        around = functional.pad(distance, (2, 2, 2, 2), mode="replicate")
        return functional.conv2d(around, self.blur) + self.usual, distance.mean((2, 3)) - self.usual

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


def learn(store: Store, rows: Sequence[int], settings: Settings, *, share: float = 1.0) -> MemoryBank:
    """Fills a bank from some of the stored images.

    Args:
        store: Features of images.
        rows: Which of them, at least one.
        settings: The recipe's.
        share: Size of the bank, as a share of what the settings ask for.
    """
    mean, axes = _components(store, rows, settings)
    coreset = Coreset(max(_NEAR + 1, round(settings.vectors * share)))
    for features in store.batches(rows):
        coreset.add((_places(features, settings.context) - mean) @ axes)
    vectors = coreset.vectors()
    return MemoryBank(mean, axes, vectors, _spacing(vectors), context=settings.context, worst=settings.worst)


def frame_scores(heat: Tensor, worst: float) -> Tensor:
    """Score of each frame [B, 1]: the mean heat [B, 1, h, w] over the share of its places where it is highest."""
    places = heat.flatten(1)
    count = max(1, round(worst * places.shape[1]))
    return torch.topk(places, count, dim=1).values.mean(1, keepdim=True)


def _places(features: Tensor, context: int) -> Tensor:
    """One row a place of every image: (B * h * w, C)."""
    return averaged(features, context).permute(0, 2, 3, 1).flatten(0, 2)


def _components(store: Store, rows: Sequence[int], settings: Settings) -> tuple[Tensor, Tensor]:
    """Mean (C,) and principal components (C, D) of all places, in one pass; values are those that float16 holds."""
    total, outer, count = torch.zeros(()), torch.zeros(()), 0
    for features in store.batches(rows):
        places = _places(features, settings.context).double()
        total, outer, count = total + places.sum(0), outer + places.T @ places, count + len(places)
    mean = total / count
    _, vectors = torch.linalg.eigh(outer / count - torch.outer(mean, mean))
    axes = vectors.flip(1)[:, : settings.components]
    # The sign of a component is arbitrary; a rule makes it the same on every machine.
    axes = axes * axes.gather(0, axes.abs().argmax(0, keepdim=True)).sign()
    return mean.half().float(), axes.half().float()


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
