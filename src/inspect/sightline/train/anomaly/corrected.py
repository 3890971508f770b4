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
from sightline.index import Sample
from sightline.train.anomaly.bank import MemoryBank, frame_scores, learn
from sightline.train.anomaly.head import Frames, Head, teach
from sightline.train.anomaly.store import Store

FEWEST = 4
"""Groups of labelled defects below which nothing can be tried out: the bank stays alone."""

_PARTS = 4
_DRAWN_TO_BANK = 1.0  # penalty on the heads' weight
_MOST = 1.0  # of the heads: a handful of defects must not outweigh what all the good parts say


class CorrectedBank(nn.Module):
    """Features [B, C, h, w] to scores [B, 1] and heat [B, 1, h, w].

    Args:
        bank: Filled with all good frames.
        mean: Of the heat of good frames that a bank did not see.
        deviation: Of the same.
        heads: Taught without one part each; their mean counts.
        share: How much of the heads is added.
    """

    def __init__(self, bank: MemoryBank, mean: float, deviation: float, heads: Sequence[Head], share: float) -> None:
        super().__init__()
        self.bank = bank
        self.heads = nn.ModuleList(heads)
        self.register_buffer("scale", torch.tensor([mean, deviation, share]))
        self.scale: Tensor

    @classmethod
    def like(cls, state: dict[str, Tensor], settings: Settings) -> CorrectedBank:
        """An empty one of the shapes that a saved one has."""
        own = {name.removeprefix("bank."): value for name, value in state.items() if name.startswith("bank.")}
        count = len({name.split(".")[1] for name in state if name.startswith("heads.")})
        blank = [state[f"heads.{number}.mean"].flatten() for number in range(count)]
        heads = [Head(mean, mean, settings.width) for mean in blank]
        return cls(MemoryBank.like(own, settings), 0.0, 1.0, heads, 0.0)

    def text(self) -> str:
        """What became of the defects, for a person."""
        if not len(self.heads):
            return f"fewer than {FEWEST} different labelled defects in the train part: the memory bank stays alone"
        return f"labelled defects correct the memory bank with a weight of {float(self.scale[2]):.2f}"

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The bank's distance, standardised, and the heads' share; softplus keeps both above 0 and in their order."""
        heat, whole = self.bank.heat(features)
        odd, beside = (heat - self.scale[0]) / self.scale[1], whole / self.scale[1]
        if len(self.heads):
            said = torch.stack([head(features, odd) for head in self.heads]).mean(0)
            odd = odd + self.scale[2] * said
        return functional.softplus(frame_scores(odd, self.bank.worst) + beside), functional.softplus(odd)


def learn_corrected(
    good: Store,
    defects: Store,
    good_samples: Sequence[Sample],
    defect_samples: Sequence[Sample],
    covered: Tensor,
    masked: NDArray[np.bool_],
    settings: Settings,
    *,
    seed: int,
) -> CorrectedBank:
    """Fills the bank and teaches the heads.

    Args:
        good: Features of the good frames.
        defects: Features of the defective frames; there may be none.
        good_samples: Their rows in the index.
        defect_samples: Likewise.
        covered: (M, 1, h, w) share of each place of the defective frames under their masks.
        masked: (M,) whether they have a mask.
        settings: The recipe's.
        seed: The recipe's.
    """
    bank = learn(good, range(len(good)), settings)
    parts = _dealt(good_samples)
    odd, usual = _unseen(good, parts, settings)
    bank.usual.fill_(usual)
    mean, deviation = float(odd.mean()), max(float(odd.std()), 1e-6)
    of_defects = _dealt(defect_samples)
    if len({sample.unit for sample in defect_samples}) < FEWEST:
        return CorrectedBank(bank, mean, deviation, [], 0.0)
    with torch.no_grad():
        far = torch.cat([bank.heat(features)[0] for features in defects.every()])
    nowhere, everywhere = torch.zeros_like(odd), torch.ones(len(good), dtype=torch.bool)
    fine = _frames(good, (odd - mean) / deviation, nowhere, everywhere, defective=False)
    bad = _frames(defects, (far - mean) / deviation, covered, torch.from_numpy(masked), defective=True)
    heads, tried = [], []
    for part in range(_PARTS):
        keep, rest = (torch.from_numpy(np.flatnonzero(p != part)) for p in (parts, of_defects))
        head = teach(fine.take(keep), bad.take(rest), settings, seed=seed + part)
        heads.append(head)
        for frames, dealt in ((fine, parts), (bad, of_defects)):
            tried.append(_tried(head, frames.take(torch.from_numpy(np.flatnonzero(dealt == part))), settings.worst))
    share = _share(*(torch.cat(column) for column in zip(*tried, strict=True)))
    return CorrectedBank(bank, mean, deviation, heads, share)


def _dealt(samples: Sequence[Sample]) -> NDArray[np.int64]:
    """The part of each sample; groups stay whole, and each type of defect is spread over the parts."""
    part: dict[str, int] = {}
    for sample in sorted(samples, key=lambda s: (s.labels, s.unit)):
        part.setdefault(sample.unit, len(part) % _PARTS)
    return np.array([part[sample.unit] for sample in samples], np.int64)


def _unseen(good: Store, parts: NDArray[np.int64], settings: Settings) -> tuple[Tensor, float]:
    """Heat (N, 1, h, w) of each good frame by a bank without its part, and the mean distance of its places."""
    found: dict[int, Tensor] = {}
    whole = []
    for part in range(_PARTS):
        inside, outside = np.flatnonzero(parts == part), np.flatnonzero(parts != part)
        if not len(inside) or not len(outside):
            continue
        judge = learn(good, outside.tolist(), settings)
        with torch.no_grad():
            seen = [judge.heat(features) for features in good.batches(inside.tolist())]
        found |= dict(zip(inside.tolist(), torch.cat([heat for heat, _ in seen]), strict=True))
        whole += [mean for _, mean in seen]
    usual = float(torch.cat(whole).mean())
    return torch.stack([found[row] for row in range(len(parts))]) + usual, usual


def _frames(store: Store, odd: Tensor, covered: Tensor, masked: Tensor, *, defective: bool) -> Frames:
    features = torch.cat([part.half() for part in store.every()])
    return Frames(features, odd, covered, masked, torch.full((len(store),), defective))


@torch.no_grad()
def _tried(head: Head, frames: Frames, worst: float) -> tuple[Tensor, Tensor, Tensor]:
    """By bank and by head, the scores of frames that the head was not taught, and whether they are defective."""
    said = head(frames.features.float(), frames.odd)
    return frame_scores(frames.odd, worst)[:, 0], frame_scores(said, worst)[:, 0], frames.defective


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
