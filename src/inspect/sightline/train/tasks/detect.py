"""Detection: boxes around defects, told by every place of one fine map.

One stage, without anchors, in the manner of FCOS (Tian et al. 2019, "FCOS: Fully Convolutional One-Stage Object
Detection"): a place near the middle of a defect says its type, and how far its four sides are. There is one map and no
pyramid of heads, for the decoder has brought the scales together, and defects are small. How sure a place is to be of
its type is how well its box fits (Zhang et al. 2021, "VarifocalNet"), so that of several boxes the best is the surest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import complete_box_iou_loss

from sightline.dataset.scenes import Batch
from sightline.train.networks.dense import Dense, build
from sightline.train.tasks.local import LocalTask, mean

SIDES = 4
"""Numbers of a place's answer after those of its types: how far the box's sides are, left, top, right, bottom."""

_NEAR = 1.5  # places around the middle of a defect, to each side, that are to find it
_DOWN = 0.75  # weight of places that are to find nothing
_FOCUS = 2.0  # how much less those weigh that find nothing already
_BOX = 2.0  # weight of the boxes' loss


class Detection(LocalTask):
    """A run that learns boxes around defects; see `sightline.train.tasks.task.Task`."""

    def network(self) -> Dense:
        """Logits of the types, and sides of the box, of each place."""
        network = build(self._run.recipe, len(self.classes), beside=SIDES)
        nn.init.normal_(network.head[-1].get_parameter("weight"), std=0.01)  # as FCOS begins
        return network

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Of types and boxes together."""
        stride = self._run.recipe.localise.stride
        return loss(network(*self.inputs(batch)), batch[3], types=len(self.classes), stride=stride)

    def answer(self, network: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
        """The loss, and what it is the mean over."""
        return self.loss(network, batch).cpu(), torch.tensor(float(len(batch[0])))

    def figures(self, answers: Sequence[tuple[Tensor, ...]]) -> dict[str, float]:
        """The loss."""
        values, images = (torch.stack(parts).double() for parts in zip(*answers, strict=True))
        return {"loss": mean(values, images)}


def places(answer: Tensor, stride: int) -> Tensor:
    """The middle of each place of a map [B, K, h, w], as x, y in pixels of the input: [h * w, 2]."""
    rows, columns = answer.shape[2:]
    y = (torch.arange(rows, device=answer.device, dtype=torch.float32) + 0.5) * stride
    x = (torch.arange(columns, device=answer.device, dtype=torch.float32) + 0.5) * stride
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)
    return grid.reshape(-1, 2)


def boxes_of(answer: Tensor, types: int, stride: int) -> tuple[Tensor, Tensor]:
    """What a network says: logits [B, h * w, C] and boxes [B, h * w, 4] as x1, y1, x2, y2 in pixels of the input."""
    flat = answer.flatten(2).transpose(1, 2)
    logits, sides = flat[..., :types], functional.softplus(flat[..., types:]) * (2 * stride)
    middle = places(answer, stride)
    return logits, torch.cat([middle - sides[..., :2], middle + sides[..., 2:]], -1)


def assigned(middle: Tensor, truth: Tensor, stride: int) -> Tensor:
    """The defect that each place is to find: its number [B, N], or -1.

    Places inside of a defect and near its middle are to find it; one that is near several finds the smallest.

    Args:
        middle: x, y of each place, [N, 2].
        truth: Defects [B, M, 5]: x1, y1, x2, y2 in pixels of the input, and type; -1 fills the rows.
        stride: Pixels of the input a place.
    """
    corners, real = truth[..., :4], truth[..., 4] >= 0
    centre = (corners[..., :2] + corners[..., 2:]) / 2
    to_low, to_high = middle[None, :, None] - corners[:, None, :, :2], corners[:, None, :, 2:] - middle[None, :, None]
    inside = torch.minimum(to_low, to_high).amin(-1) > 0
    away = (middle[None, :, None] - centre[:, None]).abs().amax(-1)
    nearest = away <= away.amin(1, keepdim=True)  # even of a defect smaller than a place one place is to find it
    fits = ((inside & (away < _NEAR * stride)) | nearest) & real[:, None]
    sides = corners[..., 2:] - corners[..., :2]
    sizes = torch.where(fits, (sides[..., 0] * sides[..., 1])[:, None], math.inf)
    smallest, number = sizes.min(-1)
    return torch.where(smallest < math.inf, number, -1)


def loss(answer: Tensor, truth: Tensor, *, types: int, stride: int) -> Tensor:
    """Mean loss of a batch.

    Args:
        answer: The network's, [B, C + 4, h, w].
        truth: Defects [B, M, 5]; see `assigned`.
        types: C.
        stride: Pixels of the input a place.
    """
    logits, boxes = boxes_of(answer, types, stride)
    if truth.shape[1] == 0:
        truth = torch.full((len(answer), 1, 5), -1.0, device=answer.device)
    number = assigned(places(answer, stride), truth, stride)
    rows, spots = torch.nonzero(number >= 0, as_tuple=True)
    wanted = truth[rows, number[rows, spots]]
    found = boxes[rows, spots]
    with torch.no_grad():
        fit = _paired_iou(found, wanted[:, :4]).clamp(min=0.05)
        target = torch.zeros_like(logits)
        target[rows, spots, wanted[:, 4].long()] = fit
        total = fit.sum().clamp(min=1.0)
        sure = torch.sigmoid(logits)
        weight = torch.where(target > 0, target, _DOWN * sure.pow(_FOCUS))
    types_loss = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum")
    box_loss = (complete_box_iou_loss(found, wanted[:, :4]) * fit).sum()
    both: Tensor = (types_loss + _BOX * box_loss) / total
    return both


def _paired_iou(one: Tensor, other: Tensor) -> Tensor:
    """Intersection over union of each box (N, 4) with its partner (N, 4)."""
    shared = (torch.minimum(one[:, 2:], other[:, 2:]) - torch.maximum(one[:, :2], other[:, :2])).clamp(min=0).prod(1)
    union = (one[:, 2:] - one[:, :2]).prod(1) + (other[:, 2:] - other[:, :2]).prod(1) - shared
    return shared / union.clamp(min=1e-6)
