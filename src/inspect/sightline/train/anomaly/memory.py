"""The memory bank: how far a frame's places are from all that good parts show.

Heat is blurred, and the frame's score counts its mean distance, too: a defect as large as the frame is nowhere much
hotter than elsewhere. The map does not, or the whole of a defective frame would look odd.

Features that know best what they see are coarse. A second bank, of features twice as fine, has no say in the score, and
half of it in the map, which then ends where the defect ends.

Among the good parts some may be none, and what they show would pass for good ever after. So the places that are most
unlike the other images are not taken into the banks, the idea of SoftPatch (Jiang et al. 2022, arXiv 2403.14233).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sightline.config.anomaly import MemoryBank as Settings
from sightline.train.anomaly.bank import Bank, dealt, learn, unseen
from sightline.train.anomaly.judge import Judge, Lesson, Shown, as_fine, frame_scores, under

FINE_STEP = 2
"""Neighbours overlap in what they average, so one of four places tells what a fine bank needs to know."""

_SMALL = 0.25
"""Of the final bank's size: enough to see how high distances usually are."""

_MEASURED = 64  # images, none the twin of another


class MemoryBank(Judge):
    """Features to scores and heat.

    Args:
        judging: Of the coarse features; scores are told by it.
        pointing: Of the fine ones, if there are any.
        level: float32 (2, 2) mean and deviation of the distances of good places from a bank that did not see them, for
            each of the two.
        worst: Share of the places that a frame is judged by.
    """

    def __init__(self, judging: Bank, pointing: Bank | None, level: Tensor, *, worst: float) -> None:
        super().__init__()
        self.judging, self.pointing, self.worst = judging, pointing, worst
        self.register_buffer("level", level)
        self.level: Tensor

    @classmethod
    def learned(cls, lesson: Lesson, settings: Settings) -> MemoryBank:
        """Fills the banks."""
        coarse, *finer = lesson.good.scales
        doubted = doubtful(lesson.odd, settings.doubt)
        judging = learn(coarse, range(len(coarse)), settings, settings.vectors, without=doubted)
        usual = level_of(lesson.odd)
        pointing, fine_usual = None, usual
        if finer and settings.fine:
            (fine,) = finer
            doubted = functional.interpolate(doubted.float(), fine.grid) > 0
            pointing = learn(fine, range(len(fine)), settings, settings.fine, step=FINE_STEP, without=doubted)
            fine_usual = _level(lesson.good, settings)
        return cls(judging, pointing, torch.tensor([usual, fine_usual]), worst=settings.worst)

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Settings) -> MemoryBank:
        """An empty one of the shapes that a saved one has."""
        fine = under(state, "pointing")
        pointing = Bank.like(fine, settings) if fine else None
        return cls(Bank.like(under(state, "judging"), settings), pointing, torch.zeros(2, 2), worst=settings.worst)

    def forward(self, coarse: Tensor, fine: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores of the frames and heat of their places: a place's heat is the score of a frame like it, else usual."""
        heat, mean = self.judging(coarse)
        return frame_scores(heat, self.worst) + mean, self.sharpened(heat, fine) + self.level[0, 0]

    def sharpened(self, heat: Tensor, fine: Tensor | None) -> Tensor:
        """Heat [B, 1, h, w] and that of the fine bank, brought to its level, in equal parts; 0 or more."""
        if self.pointing is None or fine is None:
            return heat
        detail, _ = self.pointing(fine)
        (mean, deviation), (fine_mean, fine_deviation) = self.level
        level = (detail - fine_mean) * (deviation / fine_deviation) + mean
        return functional.relu((as_fine(heat, detail) + level) / 2)


def doubtful(odd: Tensor, share: float) -> Tensor:
    """Which share of all places is the most unlike the other images, bool like the distances (N, 1, h, w)."""
    ordered = odd.flatten().sort().values
    return odd > ordered[len(ordered) - 1 - int(share * len(ordered))]


def _level(good: Shown, settings: Settings) -> tuple[float, float]:
    """Mean and deviation of the fine bank's distances, of places that it did not see."""
    firsts = list({sample.unit: row for row, sample in enumerate(good.samples)}.values())
    spread = np.linspace(0, len(firsts) - 1, min(_MEASURED, len(firsts))).astype(int)
    some = good.only([firsts[place] for place in spread])
    parts = dealt(some.samples, 2)
    vectors = round(_SMALL * settings.fine)
    heat, _ = unseen(some.scales[1], parts, settings, vectors, step=FINE_STEP)
    return level_of(heat)


def level_of(heat: Tensor) -> tuple[float, float]:
    """Mean and deviation of distances; the deviation is never 0."""
    return float(heat.mean()), max(float(heat.std()), 1e-6)
