"""The memory bank corrected by what labelled defects teach; without any it is the bank.

Nothing judges what it has seen. The good frames are dealt into parts, and so are the defects, by groups; a frame's
distance comes from a bank without its part, and each of several heads is taught without one part and tried on it. From
these trials it is told how much of the heads to add to the bank: with few or misleading defects, little.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional

from sightline.config.anomaly import CorrectedBank as Settings
from sightline.train.anomaly.bank import dealt, unseen
from sightline.train.anomaly.head import Frames, Head, teach
from sightline.train.anomaly.judge import Judge, Lesson, as_fine, frame_scores, under
from sightline.train.anomaly.memory import MemoryBank, doubtful, level_of
from sightline.train.anomaly.white import White

FEWEST = 4
"""Groups of labelled defects below which nothing can be tried out: the bank stays alone."""

_PARTS = 4
_DRAWN_TO_BANK = 1.0  # penalty on the heads' weight
_MOST = 1.0  # of the heads: a handful of defects must not outweigh what all the good parts say


class CorrectedBank(Judge):
    """Features to scores and heat.

    Args:
        bank: Filled with all good frames.
        white: What the heads see.
        heads: Taught without one part each; their mean counts. None if there were too few defects.
        share: How much of the heads is added.
    """

    def __init__(self, bank: MemoryBank, white: White, heads: Sequence[Head], share: float) -> None:
        super().__init__()
        self.bank, self.white, self.heads = bank, white, nn.ModuleList(heads)
        self.register_buffer("share", torch.tensor(share))
        self.share: Tensor

    @classmethod
    def learned(cls, lesson: Lesson, settings: Settings) -> CorrectedBank:
        """Fills the bank and teaches the heads."""
        white = White.of(lesson.good)
        if len({sample.unit for sample in lesson.defects.samples}) < FEWEST:
            return cls(MemoryBank.learned(lesson, settings), white, [], 0.0)
        parts, of_defects = dealt(lesson.good.samples, _PARTS), dealt(lesson.defects.samples, _PARTS)
        doubted = doubtful(lesson.odd, settings.doubt)
        odd, of_good = unseen(lesson.good.scales[0], parts, settings, settings.vectors, without=doubted)
        mean, deviation = level_of(odd)
        bank = MemoryBank.learned(lesson, settings)
        with torch.no_grad():
            found = [bank.judging(features) for features in lesson.defects.scales[0].every()]
            far, of_bad = (torch.cat(column) for column in zip(*found, strict=True))
        nowhere, everywhere = torch.zeros_like(odd), torch.ones(len(odd), dtype=torch.bool)
        good = Frames(white.every(lesson.good), (odd - mean) / deviation, nowhere, everywhere, ~everywhere)
        masked = torch.from_numpy(lesson.masked)
        every = torch.ones_like(masked)
        bad = Frames(white.every(lesson.defects), (far - mean) / deviation, lesson.covered, masked, every)
        heads, tried = [], []
        for part in range(_PARTS):
            keep, rest = (torch.from_numpy(np.flatnonzero(p != part)) for p in (parts, of_defects))
            head = teach(good.take(keep), bad.take(rest), settings, seed=lesson.seed + part)
            heads.append(head)
            for frames, whole, dealt_to in ((good, of_good, parts), (bad, of_bad, of_defects)):
                rows = torch.from_numpy(np.flatnonzero(dealt_to == part))
                tried.append(_tried(head, frames.take(rows), (whole[rows, 0] - mean) / deviation, settings))
        bank.level[0] = torch.tensor([mean, deviation])
        return cls(bank, white, heads, _share(*(torch.cat(column) for column in zip(*tried, strict=True))))

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Settings) -> CorrectedBank:
        """An empty one of the shapes that a saved one has."""
        white = White.like(state, "white")
        count = len({name.split(".")[1] for name in state if name.startswith("heads.")})
        heads = [Head(white.channels, settings.width) for _ in range(count)]
        return cls(MemoryBank.like(under(state, "bank"), settings), white, heads, 0.0)

    def text(self) -> str:
        """What became of the defects, for a person."""
        if not len(self.heads):
            return f"fewer than {FEWEST} different labelled defects in the train part: the memory bank stays alone"
        return f"labelled defects correct the memory bank with a weight of {float(self.share):.2f}"

    def forward(self, coarse: Tensor, fine: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The bank's distance, standardised, and the heads' share; softplus keeps both above 0 and in their order."""
        far, whole = self.bank.judging(coarse)
        mean, deviation = self.bank.level[0]
        odd, heat = (far - mean) / deviation, (self.bank.sharpened(far, fine) - mean) / deviation
        if len(self.heads):
            seen = self.white(coarse, fine)
            said = self.share * torch.stack([head(seen, odd) for head in self.heads]).mean(0)
            odd, heat = odd + said, heat + as_fine(said, heat)
        scores = frame_scores(odd, self.bank.worst) + (whole - mean) / deviation
        return functional.softplus(scores), functional.softplus(heat)


def _tried(head: Head, frames: Frames, whole: Tensor, settings: Settings) -> tuple[Tensor, Tensor, Tensor]:
    """By bank and by head, the scores of frames that the head was not taught, and whether they are defective."""
    bank, heads = (frame_scores(heat, settings.worst)[:, 0] for heat in (frames.odd, head.every(frames)))
    return bank + whole, heads, frames.defective


def _share(bank: Tensor, head: Tensor, defective: Tensor) -> float:
    """How much of the head belongs to the bank, by logistic regression on both: no weight below 0, classes balanced."""
    a, b, truth = (part.double().numpy() for part in (bank, head, defective))
    weight = np.where(truth > 0, 1.0, truth.sum() / max(1.0, (1 - truth).sum()))

    def loss(parameters: NDArray[np.float64]) -> float:
        logits = parameters[0] * a + parameters[1] * b + parameters[2]
        each = np.logaddexp(0, logits) - truth * logits
        return float((weight * each).sum() + _DRAWN_TO_BANK * parameters[1] ** 2)

    found = minimize(loss, np.array([1.0, 0.1, 0.0]), method="L-BFGS-B", bounds=[(0.05, 20), (0, 20), (-50, 50)]).x
    return min(_MOST, float(found[1] / found[0]))
