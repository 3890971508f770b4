"""Segmentation: which pixels show which type of defect, each type for itself.

The loss is the sum of binary cross entropy, in which rare types weigh more, and Dice's loss (Milletari et al. 2016,
"V-Net"), taken over the whole batch, of the types that occur in it: of one that does not, Dice's loss would say no more
than that it is nowhere, and of rare types it would say so in most batches. Both are taken at the size of the input, to
which the answer is enlarged as whoever looks at the map enlarges it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sightline.dataset.marks import UNKNOWN
from sightline.dataset.scenes import Batch
from sightline.index import Index, Split
from sightline.runs import RunFolder
from sightline.train.networks.dense import Dense, build
from sightline.train.tasks.classify import POWERS
from sightline.train.tasks.local import LocalTask, mean

_MOST = 20.0  # times as much as a sound pixel that a defective one may weigh
_SMOOTH = 20.0  # pixels; keeps Dice's loss of a handful of them calm


class Segmentation(LocalTask):
    """A run that learns which pixels show which type; see `sightline.train.tasks.task.Task`."""

    def __init__(self, run: RunFolder) -> None:
        super().__init__(run)
        self._weights = torch.from_numpy(pixel_weights(run.index, run.recipe.train.class_weights))

    def network(self) -> Dense:
        """Logits of each place."""
        return build(self._run.recipe, len(self.classes))

    def loss(self, network: torch.nn.Module, batch: Batch) -> Tensor:
        """Cross entropy and Dice's loss."""
        return loss(network(*self.inputs(batch)), batch[2], self._weights.to(batch[2].device))

    def answer(self, network: torch.nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """The loss, images, and per type the pixels that are both said and true, said, and true."""
        logits = network(*self.inputs(batch))
        said = enlarged(logits, batch[2]) > 0
        true, known = one_hot(batch[2], len(self.classes))
        counts = torch.stack([(said & true & known).sum((0, 2, 3)), (said & known).sum((0, 2, 3)), true.sum((0, 2, 3))])
        value = loss(logits, batch[2], self._weights.to(batch[2].device))
        return value.cpu(), torch.tensor(len(batch[0])), counts.cpu()

    def figures(self, answers: Sequence[tuple[Tensor, ...]]) -> dict[str, float]:
        """Loss, and the mean over types of intersection over union at probability 0.5."""
        values, images, counts = (torch.stack(parts).double() for parts in zip(*answers, strict=True))
        both, said, true = counts.sum(0)
        occurs = true > 0
        iou = (both / (said + true - both).clamp(min=1))[occurs]
        return {"loss": mean(values, images), "miou": float(iou.mean()) if len(iou) else 0.0}


def pixel_weights(index: Index, rule: str) -> np.ndarray:
    """Float32 (C,): how much more than a sound pixel a defective one of each type weighs, by how rare the type is.

    Rarity is that of the images; how few the pixels are is left to Dice's loss.
    """
    counts, total = index.counts(Split.TRAIN), max(1, len(index.part(Split.TRAIN)))
    shares = np.array([max(1, counts[name]) / total for name in index.classes])
    return np.clip((1 / shares) ** POWERS[rule], 1, _MOST).astype(np.float32)


def one_hot(types: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Of types [B, H, W]: whether each pixel shows each, bool [B, C, H, W], and whether that is known [B, 1, H, W]."""
    numbers = torch.arange(1, classes + 1, device=types.device, dtype=types.dtype).view(1, -1, 1, 1)
    return types[:, None] == numbers, types[:, None] != UNKNOWN


def enlarged(logits: Tensor, types: Tensor) -> Tensor:
    """Logits [B, C, h, w] at the size of the types [B, H, W]."""
    return functional.interpolate(logits, size=types.shape[1:], mode="bilinear", align_corners=False)


def loss(logits: Tensor, types: Tensor, weights: Tensor) -> Tensor:
    """Mean loss of a batch; pixels of which nothing is known do not count.

    Args:
        logits: The network's, [B, C, h, w].
        types: uint8 [B, H, W]; see `sightline.dataset.marks.types_map`.
        weights: (C,) from `pixel_weights`.
    """
    large = enlarged(logits, types)
    true, known = one_hot(types, logits.shape[1])
    target, counts = true.float(), known.float()
    each = functional.binary_cross_entropy_with_logits(
        large, target, counts.expand_as(large), pos_weight=weights.view(-1, 1, 1), reduction="sum"
    )
    sure = torch.sigmoid(large) * counts
    both, either = (sure * target).sum((0, 2, 3)), (sure + target * counts).sum((0, 2, 3))
    dice = 1 - (2 * both + _SMOOTH) / (either + _SMOOTH)
    occurs = target.any(3).any(2).any(0)
    return each / counts.sum().clamp(min=1) + (dice * occurs).sum() / occurs.sum().clamp(min=1)
