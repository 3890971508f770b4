"""The memory bank: vectors that good parts show, and how far from all of them a place of a frame is.

After PatchCore (Roth et al. 2022, "Towards Total Recall in Industrial Anomaly Detection", arXiv 2106.08265): features
of a pretrained network, averaged over neighbouring places, against a coreset of those of good parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.config.anomaly import MemoryBank as Settings
from sightline.train.anomaly.coreset import Coreset
from sightline.train.anomaly.store import Store


class MemoryBank(nn.Module):
    """Features [B, C, h, w] to heat [B, 1, h, w]: the distance to the nearest vector of the bank.

    Args:
        vectors: float32 (K, C).
        context: Places along each side of the window that features are averaged over; an odd number.
    """

    def __init__(self, vectors: Tensor, context: int) -> None:
        super().__init__()
        self.context = context
        self.register_buffer("vectors", vectors)
        self.vectors: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Measures the distances, by matrix products: |x - v|² is |x|² - 2xv + |v|²."""
        around = averaged(features, self.context)
        places = around.flatten(2).transpose(1, 2)
        cross = places @ self.vectors.T
        to_all = (self.vectors * self.vectors).sum(1) - 2 * cross
        nearest = to_all.amin(2) + (places * places).sum(2)
        return torch.unflatten(nearest.clamp(min=0).sqrt(), 1, around.shape[2:]).unsqueeze(1)


def averaged(features: Tensor, context: int) -> Tensor:
    """The mean over a window of places around each; beyond the frame lies nothing, which counts as 0."""
    return functional.avg_pool2d(features, context, 1, context // 2) if context > 1 else features


def learn(store: Store, rows: Sequence[int], settings: Settings, *, seed: int, share: float = 1.0) -> MemoryBank:
    """Fills a bank from some of the stored images.

    Args:
        store: Features of images.
        rows: Which of them, at least one.
        settings: The recipe's.
        seed: The recipe's.
        share: Size of the bank, as a share of what the settings ask for.
    """
    coreset = Coreset(max(1, round(settings.vectors * share)), seed=seed)
    for features in store.batches(rows):
        coreset.add(averaged(features, settings.context).permute(0, 2, 3, 1).flatten(0, 2))
    return MemoryBank(coreset.vectors(), settings.context)


def frame_scores(heat: Tensor, worst: float) -> Tensor:
    """Score of each frame [B, 1]: the mean heat [B, 1, h, w] over the share of its places where it is highest."""
    places = heat.flatten(1)
    count = max(1, round(worst * places.shape[1]))
    return torch.topk(places, count, dim=1).values.mean(1, keepdim=True)
