"""Batch normalisation that was folded into its convolutions, and how to take it apart again.

Converters for edge devices multiply batch normalisation's scale into the convolution before it and leave scale 1, mean 0 and
variance 1 behind. Such weights compute the same as long as batch normalisation stays in evaluation mode; batch statistics
would change the function at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from sightline.train.networks.network import Network


def is_folded(network: Network) -> bool:
    """Whether loaded weights leave batch normalisation nothing to do but to add its bias."""
    norms = network.batch_norms()
    untouched = all(
        bool((norm.running_mean == 0).all() and (norm.running_var == 1).all() and (norm.weight == 1).all())
        for norm in norms
    )
    return bool(norms) and untouched and any(bool((norm.bias != 0).any()) for norm in norms)


@torch.no_grad()
def unfold(network: Network, images: Iterable[Tensor]) -> None:
    """Gives batch normalisation the statistics of real images, and the scale and bias that leave the function as it was.

    Afterwards evaluation mode computes what it did before, and training mode, on batches like these, nearly the same.

    Args:
        network: Changed in place; left in evaluation mode.
        images: Batches, uint8 [B, H, W, 3], on the network's device.
    """
    network.eval()
    moments = {norm: _Moments() for norm in network.batch_norms()}
    hooks = [norm.register_forward_pre_hook(lambda norm, inputs: moments[norm].add(inputs[0])) for norm in moments]
    for batch in images:
        network(batch)
    for hook in hooks:
        hook.remove()
    for norm, seen in moments.items():
        mean, variance = seen.result()
        old_deviation = (norm.running_var + norm.eps).sqrt()
        # y = (x - old mean) / old deviation * weight + bias, written with the new mean and variance
        norm.bias += (mean - norm.running_mean) / old_deviation * norm.weight
        norm.weight *= (variance + norm.eps).sqrt() / old_deviation
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)


class _Moments:
    """Mean and variance per channel of values that come in batches."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._squares = torch.zeros(())

    def add(self, values: Tensor) -> None:
        flat = values.detach().double().transpose(0, 1).flatten(1)
        self._count += flat.shape[1]
        self._sum = self._sum.to(flat.device) + flat.sum(1)
        self._squares = self._squares.to(flat.device) + flat.square().sum(1)

    def result(self) -> tuple[Tensor, Tensor]:
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp(min=0)
        return mean.float(), variance.float()
