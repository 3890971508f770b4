"""Batch normalisation that was folded into its convolutions, and how to take it apart again.

Converters for edge devices multiply batch normalisation's scale into the convolution before it and leave scale 1, mean
0 and variance 1 behind. Such weights compute the same as long as batch normalisation stays in evaluation mode; batch
statistics would change the function at once.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from sightline.train.networks.network import Trained

_TOLERANCE = 1e-4


def is_folded(network: Trained) -> bool:
    """Whether loaded weights leave batch normalisation nothing to do but to add its bias."""
    folded = {"running_mean": 0.0, "running_var": 1.0, "weight": 1.0}
    states = [norm.state_dict() for norm in network.batch_norms()]
    # Some converters subtract epsilon from the variance, so that it is 1 only after it was added again.
    untouched = all(
        torch.allclose(state[name], torch.full_like(state[name], value), rtol=0, atol=_TOLERANCE)
        for state in states
        for name, value in folded.items()
    )
    # A bias that was never trained either is no sign of folding, but of random weights.
    return untouched and any(bool((state["bias"] != 0).any()) for state in states)


@torch.no_grad()
def unfold(network: Trained, inputs: Iterable[tuple[Tensor, ...]]) -> None:
    """Gives batch normalisation the statistics of real images, and the scale and bias that keep the function as it was.

    Afterwards evaluation mode computes what it did before, and training mode, on batches like these, nearly the same.

    Args:
        network: Changed in place; left in evaluation mode.
        inputs: What the network takes, for each batch: images uint8 [B, H, W, 3], on the network's device.
    """
    network.eval()
    moments = {norm: _Moments() for norm in network.batch_norms()}
    hooks = [norm.register_forward_pre_hook(seen.add) for norm, seen in moments.items()]
    for batch in inputs:
        network(*batch)
    for hook in hooks:
        hook.remove()
    for norm, seen in moments.items():
        weight, bias = norm.get_parameter("weight"), norm.get_parameter("bias")
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        new_mean, new_variance = seen.result()
        old_deviation = (variance + norm.eps).sqrt()
        # y = (x - mean) / deviation * weight + bias, written with the new mean and deviation
        bias.add_((new_mean - mean) / old_deviation * weight)
        weight.mul_((new_variance + norm.eps).sqrt() / old_deviation)
        mean.copy_(new_mean)
        variance.copy_(new_variance)


class _Moments:
    """Mean and variance per channel of values that come in batches."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = self._squares = torch.zeros(())

    def add(self, _: nn.Module, inputs: tuple[Tensor]) -> None:
        flat = inputs[0].double().transpose(0, 1).flatten(1)
        self._count += flat.shape[1]
        self._sum = self._sum.to(flat.device) + flat.sum(1)
        self._squares = self._squares.to(flat.device) + flat.square().sum(1)

    def result(self) -> tuple[Tensor, Tensor]:
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp(min=0)
        return mean.float(), variance.float()
