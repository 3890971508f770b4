"""Whether a mean over independent parts is proved to be small, where each part gives a share of its photographs.

Draw one photograph of each part by lot. Those lost among them are Binomial(parts, mean), however the shares are
distributed, so the exact binomial test judges the lot. But a lot is arbitrary, and the other photographs lie idle; so
all lots vote. A test at a third of the risk is wrong on the average lot with at most a third of the risk, so by
Markov's inequality a third of all lots are wrong at once with at most the risk itself (Meinshausen, Meier & Bühlmann
2009; for repeated splits of data, Romano & DiCiccio 2019). How many lots vote for it needs no drawing: over all lots,
the number lost is Poisson-binomial. The test is the uniformly most powerful one (Lehmann & Romano 2005, theorem 3.4.1),
whose vote on the number at its edge is a fraction, so parts without a loss prove as much as in the plain binomial test.

Where each part has one photograph there is one lot, and the exact binomial test decides at the whole risk. The proof
falls with every loss, rises with the target and with the risk, and does not hang on the order of the parts. Betting
(Waudby-Smith & Ramdas 2024) proves somewhat more where the photographs of a part differ, but another order of the same
parts gives another threshold; the bounds of Hoeffding and of Bentkus prove less, and counting a part as lost with its
worst photograph far less (`scripts/bench_escape`).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom

from sightline.risk import bounds
from sightline.risk.parts import Floats

_QUORUM = 1 / 3
"""Share of the lots that must agree where there are several; a smaller one helps where the photographs of a part differ
much, and a larger one where most parts have a single photograph."""


class MeanTest:
    """Whether the mean of what parts lose is proved to be at most a target.

    Args:
        count: Parts.
        target: The mean in question, between 0 and 1.
        confidence: Of the proof, between 0 and 1.
        single: Whether each part has one photograph, by the data's making and not by chance.
    """

    def __init__(self, count: int, target: float, confidence: float, *, single: bool) -> None:
        self._quorum = 1.0 if single else _QUORUM
        self._votes = _votes(count, count, target, self._quorum * (1 - confidence))

    def proves(self, losses: Floats) -> bool:
        """Whether losses (P,) from 0 to 1 prove it."""
        lots = _lots(losses)
        return bool(lots @ self._votes[: len(lots)] >= self._quorum)


def upper_mean(losses: Floats, confidence: float, *, single: bool) -> float:
    """The one-sided upper bound: the lowest target that losses (P,) from 0 to 1 prove."""
    count = len(losses)
    if single:
        return bounds.upper(round(losses.sum()), count, confidence)
    lots = _lots(losses)

    def surplus(target: float) -> float:
        return float(lots @ _votes(len(lots) - 1, count, target, _QUORUM * (1 - confidence))) - _QUORUM

    return float(brentq(surplus, 0, 1, xtol=1e-12)) if surplus(1) > 0 else 1.0


def lower_mean(losses: Floats, confidence: float, *, single: bool) -> float:
    """The one-sided lower bound, likewise."""
    return 1 - upper_mean(1 - losses, confidence, single=single)


def _lots(losses: Floats) -> Floats:
    """(K,) the share of all lots that lose 0, 1, 2, ... parts: the Poisson-binomial, by its characteristic function."""
    shares, counts = np.unique(losses[(losses > 0) & (losses < 1)], return_counts=True)
    size = int(counts.sum()) + 1
    turns = np.exp(-2j * np.pi * np.arange(size) / size)
    transformed = np.prod((1 - shares[:, None] + shares[:, None] * turns) ** counts[:, None], axis=0)
    certain = int((losses == 1).sum())
    return np.concatenate([np.zeros(certain), np.fft.ifft(transformed).real])


def _votes(most: int, count: int, target: float, risk: float) -> Floats:
    """(most + 1,) how far the most powerful test at a risk takes 0, 1, 2, ... misses of ``count`` for proof: 0 to 1."""
    misses = np.arange(most + 1)
    fewer, here = binom.cdf(misses - 1, count, target), binom.pmf(misses, count, target)
    proved = (fewer < risk).astype(np.float64)  # where so many misses are too rare to divide by
    return np.asarray(np.divide(risk - fewer, here, out=proved, where=here > 1e-300).clip(0, 1))
