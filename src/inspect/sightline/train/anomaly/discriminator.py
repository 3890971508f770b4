"""A network that tells good parts from made-up defects in their features, and from labelled ones if there are any.

After SuperSimpleNet (Rolih, Fučka & Skočaj 2024, arXiv 2408.03143): noise is added to the features of good frames, in
patches of any shape, and a small network learns where. Features are whitened first, so that the noise goes as far in
directions in which good parts hardly vary, as in those in which they vary much.

Nothing is compared with a bank, so it is the fastest method. With none or few labelled defects a bank sees more.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from sightline.config.anomaly import Discriminator as Settings
from sightline.train.anomaly.head import Frames, Head, teach
from sightline.train.anomaly.judge import Judge, Lesson, frame_scores
from sightline.train.anomaly.memory import level_of
from sightline.train.anomaly.white import White

_NOISE = (0.3, 1.5)  # deviations of the noise, from frame to frame
_PATCHES = (0.02, 0.3)  # share of the frame that is spoiled
_COARSEST, _FINEST = 2, 8  # bumps along each side of the field that patches are cut from


class Discriminator(Judge):
    """Features to scores and heat.

    Args:
        white: Whitens them.
        head: Tells which are good.
        level: float32 (2,) mean and deviation of what it says of good places. In units of them scores of good parts lie
            where softplus is nearly straight, so that their tail is none that softplus made.
        worst: Share of the places that a frame is judged by.
    """

    def __init__(self, white: White, head: Head, level: Tensor, *, worst: float) -> None:
        super().__init__()
        self.white, self.head, self.worst = white, head, worst
        self.register_buffer("level", level)
        self.level: Tensor

    @classmethod
    def learned(cls, lesson: Lesson, settings: Settings) -> Discriminator:
        """Trains it."""
        white = White.of(lesson.good)
        features = white.every(lesson.good)
        nowhere = torch.zeros(len(features), 1, *features.shape[2:])
        everywhere = torch.ones(len(features), dtype=torch.bool)
        good = Frames(features, nowhere, nowhere, everywhere, ~everywhere)
        defects = good.take(torch.tensor([], dtype=torch.long))
        if len(lesson.defects):
            known = torch.zeros_like(lesson.covered)
            every = torch.ones(len(lesson.defects), dtype=torch.bool)
            masked = torch.from_numpy(lesson.masked)
            defects = Frames(white.every(lesson.defects), known, lesson.covered, masked, every)
        head = teach(good, defects, settings, seed=lesson.seed, spoiled=spoiled)
        return cls(white, head, torch.tensor(level_of(head.every(good))), worst=settings.worst)

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Settings) -> Discriminator:
        """An empty one of the shapes that a saved one has."""
        white = White.like(state, "white")
        return cls(white, Head(white.channels, settings.width), torch.zeros(2), worst=settings.worst)

    def forward(self, coarse: Tensor, fine: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Softplus keeps the logits' order, and above 0."""
        seen = self.white(coarse, fine)
        places, frame = self.head.judge(seen, torch.zeros_like(seen[:, :1]))
        mean, deviation = self.level
        scores = frame_scores(places, self.worst) + frame
        heat = places + frame[:, :, None, None]
        return functional.softplus((scores - mean) / deviation), functional.softplus((heat - mean) / deviation)


def spoiled(good: Frames, generator: torch.Generator) -> Frames:
    """Good frames with noise in patches of their features, and where it is."""
    where = torch.cat([_patches((good.features.shape[2], good.features.shape[3]), generator) for _ in good.odd])
    low, high = _NOISE
    strength = low + (high - low) * torch.rand((len(where), 1, 1, 1), generator=generator)
    noise = strength * torch.randn(good.features.shape, generator=generator)
    return Frames(
        good.features + where * noise, good.odd, where, torch.ones_like(good.masked), torch.ones_like(good.defective)
    )


def _patches(grid: tuple[int, int], generator: torch.Generator) -> Tensor:
    """(1, 1, h, w) 1 in patches, 0 elsewhere: where a smooth random field is highest."""
    bumps = int(torch.randint(_COARSEST, _FINEST + 1, (1,), generator=generator))
    field = functional.interpolate(torch.randn((1, 1, bumps, bumps), generator=generator), grid, mode="bicubic")
    low, high = _PATCHES
    share = low + (high - low) * float(torch.rand(1, generator=generator))
    return (field >= torch.quantile(field, 1 - share)).float()
