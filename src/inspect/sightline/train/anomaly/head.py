"""A small network over frozen features, that tells defective places and frames from good ones.

Discriminative training in the way of SimpleNet and SuperSimpleNet (Liu et al. 2023, arXiv 2303.15140; Rolih, Fučka &
Skočaj 2024, arXiv 2408.03143): each place is told from good ones, and the whole frame too, so that a defect teaches
with a mask or without. Beside a memory bank the network sees the bank's distance, too, and begins as that distance:
what no defect teaches stays as the bank has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from sightline.config.anomaly import CorrectedBank, Discriminator
from sightline.train.anomaly.judge import frame_scores

_COVERED = 1 / 3  # share of a place under the mask from which the place counts as defective
_BATCH = 64  # frames that are looked at in one go
_SMOOTH = 8.0  # places; keeps the mean over a handful of defective ones calm
_RATE = 2e-3  # peak learning rate of AdamW, in one cycle


@dataclass(frozen=True)
class Frames:
    """Frames to learn from.

    Attributes:
        features: (N, D, h, w), whitened.
        odd: (N, 1, h, w) distances from a bank that did not see the frame, standardised; 0 where there is no bank.
        covered: (N, 1, h, w) share of each place under the mask.
        masked: bool (N,) whether it is known where the defect is, as of good frames it is.
        defective: bool (N,).
    """

    features: Tensor
    odd: Tensor
    covered: Tensor
    masked: Tensor
    defective: Tensor

    def beside(self, others: Frames) -> Frames:
        """These, then others."""
        both = (torch.cat([getattr(self, name), getattr(others, name)]) for name in self.__dataclass_fields__)
        return Frames(*both)

    def take(self, rows: Tensor) -> Frames:
        """Some of them."""
        return Frames(self.features[rows], self.odd[rows], self.covered[rows], self.masked[rows], self.defective[rows])


class Head(nn.Module):
    """Whitened features [B, D, h, w] and the bank's distance [B, 1, h, w] to a logit for each place, [B, 1, h, w].

    What is said of the frame as a whole is added to every place.

    Args:
        channels: D.
        width: Channels inside.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Conv2d(channels + 1, width, 1)
        self.near = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, groups=width), nn.Conv2d(width, width, 1))
        far = nn.Conv2d(width, width, 3, padding=2, dilation=2, groups=width)
        self.far = nn.Sequential(far, nn.Conv2d(width, width, 1))
        self.place, self.frame = nn.Conv2d(width, 1, 1), nn.Linear(2 * width, 1)
        self.trust, self.bias = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(-4.0))
        for layer in (self.place, self.frame):
            for tensor in layer.parameters():
                nn.init.zeros_(tensor)

    def forward(self, features: Tensor, odd: Tensor) -> Tensor:
        """The logits."""
        places, frame = self.judge(features, odd)
        return places + frame[:, :, None, None]

    @torch.no_grad()
    def every(self, frames: Frames) -> Tensor:
        """The logits of many frames, some at a time."""
        some = zip(torch.split(frames.features, _BATCH), torch.split(frames.odd, _BATCH), strict=True)
        return torch.cat([self(features.float(), odd) for features, odd in some])

    def judge(self, features: Tensor, odd: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the places [B, 1, h, w], and what is said of the frame beside them [B, 1]."""
        found = functional.relu(self.project(torch.cat([features, odd], 1)))
        found = found + functional.relu(self.near(found))
        found = found + functional.relu(self.far(found))
        whole = torch.cat([found.mean((2, 3)), found.amax((2, 3))], 1)
        return self.place(found) + self.bias + self.trust * odd, self.frame(whole)


def teach(
    good: Frames,
    defects: Frames,
    settings: CorrectedBank | Discriminator,
    *,
    seed: int,
    spoiled: Callable[[Frames, torch.Generator], Frames] | None = None,
) -> Head:
    """Trains a head; the same seed gives the same one.

    Each step sees eight good frames, four defective ones, and of four more good ones what ``spoiled`` makes of them. Of
    frames with a mask, the places are learned; of all frames, the frame.

    Args:
        good: Good frames.
        defects: Defective frames; there may be none.
        settings: The recipe's.
        seed: Decides weights and order.
        spoiled: Makes good frames defective.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    head = Head(good.features.shape[1], settings.width)
    optimiser = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=settings.steps, pct_start=0.1)
    of_good, of_defects = _endless(len(good.odd), generator), _endless(len(defects.odd), generator)
    for _ in range(settings.steps):
        shown = good.take(of_good(8))
        if len(defects.odd):
            shown = shown.beside(defects.take(of_defects(4)))
        if spoiled is not None:
            shown = shown.beside(spoiled(good.take(of_good(4)), generator))
        loss = _loss(head, shown, settings.worst)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return head.eval().requires_grad_(False)


def _loss(head: Head, frames: Frames, worst: float) -> Tensor:
    """Of the places, defective and good ones each by themselves, and of the frames."""
    places, frame = head.judge(frames.features.float(), frames.odd)
    target = (frames.covered / _COVERED).clamp(max=1)
    each = functional.binary_cross_entropy_with_logits(places, target, reduction="none")
    known = frames.masked.float().view(-1, 1, 1, 1)
    of_places = [(each * share).sum() / (share.sum() + _SMOOTH) for share in (target * known, (1 - target) * known)]
    logits = (frame_scores(places, worst) + frame)[:, 0]
    return of_places[0] + of_places[1] + functional.binary_cross_entropy_with_logits(logits, frames.defective.float())


def _endless(count: int, generator: torch.Generator) -> Callable[[int], Tensor]:
    """Gives so many rows at a time, shuffled anew whenever all were given."""
    queue: list[int] = []

    def take(some: int) -> Tensor:
        while len(queue) < some:
            queue.extend(torch.randperm(count, generator=generator).tolist())
        taken = queue[:some]
        del queue[:some]
        return torch.tensor(taken)

    return take
