"""Two inspectors of the same photographs: whether they differ by more than chance, and by how much.

Who errs on photographs that both have seen is told by those on which they differ alone: McNemar's test (1947), in its
exact form the binomial test of one half (Fay 2010, "Two-sided exact tests and matching confidence intervals for
discrete data", The R Journal 2, 53-58). Twenty photographs of one part are not twenty trials, so it is parts that are
counted: those on which A errs on more photographs, and those on which B does. Where the two are alike, each part is as
likely the one as the other, whatever its photographs have in common, so the sign test of Dixon & Mood (1946) is exact;
parts on which both err as often drop out. With one photograph a part it is McNemar's.

By how much is a share, or an area under the ROC curve, in which each part weighs the same. Its interval is by the
bootstrap over parts (Efron 1979), as many of each kind being drawn, and always the same ones for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from sightline.errors import DataError
from sightline.risk import bounds
from sightline.risk.means import lower_mean, upper_mean
from sightline.risk.parts import Floats, Kind
from sightline.risk.shares import Figure

_RESAMPLES = 1000
_SIDE = 0.975  # confidence of each end of an interval

Flags = NDArray[np.bool_]


class Balance(NamedTuple):
    """Parts on which one of two errs on more photographs than the other.

    Attributes:
        a: Parts on which A does.
        b: Parts on which B does.
        p: How often chance alone would divide them as unequally or more, between two that are alike; two-sided.
    """

    a: int
    b: int
    p: float


@dataclass(frozen=True)
class Paired:
    """One figure of two inspectors of the same parts.

    Attributes:
        a: Of A.
        b: Of B.
        difference: That of B less that of A, with its interval at 95 %.
        parts: That it is of.
        photographs: Of these parts.
        balance: Parts that one of them does worse on; None of a figure that is not made of single parts.
    """

    a: float
    b: float
    difference: Figure
    parts: int
    photographs: int
    balance: Balance | None = None


def mcnemar(a: int, b: int) -> float:
    """The two-sided p of McNemar's exact test, of so many trials on which A alone errs, and so many on which B does."""
    return min(1.0, 2 * float(binom.cdf(min(a, b), a + b, 0.5)))


class Photographs:
    """Photographs of parts, good and defective ones, that two inspectors have answered.

    Args:
        names: (N,) of the part that each shows, such as `Sample.unit`.
        defective: (N,) whether it shows a defect; a part may have photographs that do and others that do not.
        seed: Of the bootstrap.

    Raises:
        DataError: There is none.
    """

    def __init__(self, names: Sequence[str], defective: Flags, *, seed: int = 0) -> None:
        if not len(names):
            raise DataError("expected photographs that both have answered, and there is none")
        _, self._part = np.unique(np.asarray(names), return_inverse=True)
        self._count = int(self._part.max()) + 1
        self.defective, self.seed = defective, seed

    def of(self, kind: Kind | None = None) -> Flags:
        """(N,) the photographs of a kind, or all."""
        return np.ones(len(self._part), bool) if kind is None else self.defective == (kind is Kind.DEFECTIVE)

    def parts(self, kind: Kind | None = None) -> int:
        """How many parts have such photographs."""
        return len(np.unique(self._part[self.of(kind)]))

    def rate(self, hit: Flags, kind: Kind | None = None) -> Figure:
        """The share of photographs (N,) of a kind that are hit; the interval at 95 % is exact over parts (`means`).

        Raises:
            DataError: There are none of the kind.
        """
        rows = self._some(kind)
        shares, single = self._shares(hit, rows), self.parts(kind) == int(rows.sum())
        low, high = (bound(shares, _SIDE, single=single) for bound in (lower_mean, upper_mean))
        return Figure(float(shares.mean()), low, high)

    def rates(self, a: Flags, b: Flags, kind: Kind | None = None) -> Paired:
        """The shares of photographs of a kind that A and B hit.

        A resample shows no difference that the data do not show, so the interval reaches at least as far from the
        difference as parts without any leave open: the exact bound of no miss on so many (Clopper & Pearson 1934).

        Args:
            a: (N,) photographs that A hits.
            b: Those that B does.
            kind: Of the photographs that count; all if None.

        Raises:
            DataError: There are none of the kind.
        """
        rows = self._some(kind)
        of_a, of_b = self._shares(a, rows), self._shares(b, rows)
        own = np.unique(self._part[rows])
        change = of_b - of_a
        times = self._draws[:, own]
        seen = times @ change / times.sum(axis=1)
        value, open_ = float(change.mean()), bounds.upper(0, len(own), _SIDE)
        low, high = np.quantile(seen, [1 - _SIDE, _SIDE])
        reach = Figure(value, max(-1.0, min(low, value - open_)), min(1.0, max(high, value + open_)))
        more_a, more_b = int((change < 0).sum()), int((change > 0).sum())
        balance = Balance(more_a, more_b, mcnemar(more_a, more_b))
        return Paired(float(of_a.mean()), float(of_b.mean()), reach, len(own), int(rows.sum()), balance)

    def aurocs(self, a: ArrayLike, b: ArrayLike) -> Paired:
        """The areas under the ROC curves of both's scores (N,): how often a defective part scores above a good one.

        Ties count half (Mann & Whitney 1947). The interval is the percentile bootstrap's alone: where both tell the
        kinds apart without an error there is nothing that resamples could vary, and it is the figure.

        Raises:
            DataError: A kind is missing, or a score is no finite number.
        """
        for kind in Kind:
            self._some(kind)
        ranked = [_Ranked(np.asarray(scores, np.float64), self._part, self.defective) for scores in (a, b)]
        once = np.ones(self._count, np.uint16)
        of_a, of_b = (one.auroc(once) for one in ranked)
        seen = np.array([ranked[1].auroc(times) - ranked[0].auroc(times) for times in self._draws])
        low, high = (float(end) for end in np.quantile(seen, [1 - _SIDE, _SIDE]))
        value = of_b - of_a
        reach = Figure(value, min(low, value), max(high, value))
        return Paired(of_a, of_b, reach, self._count, len(self._part))

    def _some(self, kind: Kind | None) -> Flags:
        rows = self.of(kind)
        if not rows.any():
            raise DataError(f"expected photographs of {kind} parts, and there is none", hint="Add some to the data.")
        return rows

    def _shares(self, hit: Flags, rows: Flags) -> Floats:
        """(P,) the share of the photographs of each part among some rows that is hit, in the order of their numbers."""
        _, part, sizes = np.unique(self._part[rows], return_inverse=True, return_counts=True)
        return np.asarray(np.bincount(part, hit[rows], len(sizes)) / sizes)

    @cached_property
    def _draws(self) -> NDArray[np.uint16]:
        """(R, P) how often each part comes when as many of each kind are drawn anew; the same for all figures."""
        random, shows = np.random.default_rng(self.seed), [np.zeros(self._count, bool) for _ in Kind]
        for kind, shown in zip(Kind, shows, strict=True):
            shown[self._part[self.of(kind)]] = True
        times = np.zeros((_RESAMPLES, self._count), np.uint16)
        for alike in (shows[0] & ~shows[1], shows[1] & ~shows[0], shows[0] & shows[1]):
            size = int(alike.sum())
            for row in times:
                row[alike] = np.bincount(random.integers(size, size=size), minlength=size) if size else 0
        return times


class _Ranked:
    """Photographs in the order of their scores.

    Raises:
        DataError: A score is no finite number.
    """

    def __init__(self, scores: Floats, part: NDArray[np.intp], defective: Flags) -> None:
        if lost := int((~np.isfinite(scores)).sum()):
            raise DataError(
                f"the scores of {lost} of {len(scores)} photographs are no finite numbers",
                hint="The model answered with NaN or infinity: look at these photographs, and at the training.",
            )
        _, self._level = np.unique(scores, return_inverse=True)
        self._part, self._weights = part, []
        for rows in (defective, ~defective):
            sizes = np.bincount(part[rows], minlength=int(part.max()) + 1)
            self._weights.append(np.where(rows, 1 / np.maximum(sizes, 1)[part], 0.0))

    def auroc(self, times: NDArray[np.number]) -> float:
        """The area where each part counts so often (P,)."""
        counted = times[self._part]
        above, below = (np.bincount(self._level, counted * weights) for weights in self._weights)
        lower = np.cumsum(below) - below / 2
        area = float(above @ lower / (above.sum() * below.sum()))
        return round(area, 12)  # the last digits hang on the order of the sums
