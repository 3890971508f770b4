"""What small networks learn from: features of both scales, decorrelated and of one size, as good parts vary."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.train.anomaly.bank import components
from sightline.train.anomaly.judge import Shown, under

_COMPONENTS = 128
_LEAST = 1e-4  # of the largest variance; directions in which good parts hardly vary would be all noise
_MOST = 8.0  # deviations, beyond which a feature says no more


class White(nn.Module):
    """Features [B, C, h, w] and [B, c, 2h, 2w] to [B, D, h, w], of mean 0 and deviation 1 over good places.

    Args:
        mean: float32 (C + c,).
        axes: float32 (C + c, D).
    """

    def __init__(self, mean: Tensor, axes: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)
        self.mean: Tensor
        self.axes: Tensor

    @classmethod
    def of(cls, good: Shown) -> White:
        """Measures good parts."""
        stacked = (_stacked(*scales).permute(0, 2, 3, 1).flatten(0, 2) for scales in good.every())
        mean, axes, variances = components(stacked, _COMPONENTS)
        deviations = variances.clamp(min=max(_LEAST * float(variances[0]), 1e-12)).sqrt()
        return cls(mean, (axes / deviations).half().float())

    @classmethod
    def like(cls, state: dict[str, Tensor], name: str) -> White:
        """One of the shape that a saved one has."""
        own = under(state, name)
        return cls(torch.zeros_like(own["mean"]), torch.zeros_like(own["axes"]))

    @property
    def channels(self) -> int:
        """D."""
        return int(self.axes.shape[1])

    def forward(self, coarse: Tensor, fine: Tensor | None = None) -> Tensor:
        """Whitens."""
        apart = _stacked(coarse, fine) - self.mean.view(1, -1, 1, 1)
        return functional.conv2d(apart, self.axes.T[:, :, None, None]).clamp(-_MOST, _MOST)

    @torch.no_grad()
    def every(self, shown: Shown) -> Tensor:
        """All of some images, float16 (N, D, h, w)."""
        return torch.cat([self(*scales).half() for scales in shown.every()])


def _stacked(coarse: Tensor, fine: Tensor | None = None) -> Tensor:
    return coarse if fine is None else torch.cat([coarse, functional.avg_pool2d(fine, 2, ceil_mode=True)], 1)
