"""Other bounds of the mean of shares, beside which bench_escape puts the one that Sightline uses."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr
from scipy.stats import binom

from sightline.risk import Parts, bounds
from sightline.risk.means import MeanTest

Floats = NDArray[np.float64]
Proof = Callable[[Floats], bool]
"""Whether losses (P,) from 0 to 1 prove that their mean is at most the target."""


def lots(count: int, target: float, confidence: float) -> Proof:
    """What Sightline uses: the exact binomial test on every lot of one photograph a part, and a third of them agree."""
    return MeanTest(count, target, confidence, single=False).proves


def betting(count: int, target: float, confidence: float, seed: int = 0) -> Proof:
    """Waudby-Smith & Ramdas (2024), theorem 3 one-sided, with predictable plug-in bets; the seed draws the order."""
    order, number = np.random.default_rng(seed).permutation(count), np.arange(1, count + 1)
    wanted = -np.log(1 - confidence)

    def proves(losses: Floats) -> bool:
        drawn = losses[order]
        means = (np.cumsum(drawn) + 0.5) / (number + 1)
        spreads = (np.cumsum((drawn - means) ** 2) + 0.25) / (number + 1)
        bets = np.minimum(np.sqrt(2 * wanted / (count * np.append(0.25, spreads[:-1]))), 1)
        return bool(np.cumsum(np.log1p(bets * (target - drawn))).max() >= wanted)

    return proves


def hoeffding_bentkus(count: int, target: float, confidence: float) -> Proof:
    """Bates et al. (2021), section 3.1: the better one of Hoeffding's and of Bentkus's bound."""

    def proves(losses: Floats) -> bool:
        mean = float(losses.mean())
        if mean >= target:
            return False
        hoeffding = np.exp(-count * (rel_entr(mean, target) + rel_entr(1 - mean, 1 - target)))
        bentkus = np.e * binom.cdf(np.ceil(count * mean - 1e-9), count, target)
        return bool(min(hoeffding, bentkus) <= 1 - confidence)

    return proves


def worst_image(count: int, target: float, confidence: float) -> Proof:
    """The exact binomial test, where a part counts as lost if any of its photographs is."""
    allowed = bounds.allowed(count, target, confidence)
    return lambda losses: allowed is not None and int(np.count_nonzero(losses)) <= allowed


RIVALS = {"lots": lots, "betting": betting, "Hoeffding-Bentkus": hoeffding_bentkus, "worst image": worst_image}


def furthest(parts: Parts, proves: Proof) -> float:
    """The highest threshold up to which losses prove the target; minus infinity if none does."""
    thresholds = np.unique(parts.gravity)
    passed = bisect_left(
        range(len(thresholds)), True, key=lambda place: not proves(parts.below(float(thresholds[place])))
    )
    return float(thresholds[passed - 1]) if passed else -np.inf
