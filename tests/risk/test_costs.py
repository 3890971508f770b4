"""No other thresholds may cost less, and what they save must not be told better than it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from risk_factory import normal, parts
from sightline.errors import DataError
from sightline.risk import Costs, Kind, Limits, Parts, cheapest, saving

GRAVITIES = st.lists(st.integers(0, 8).map(float), min_size=1, max_size=12)
MONEY = st.floats(0, 100)
DEFECTIVE, GOOD = normal(200, 3, 0, each=2), normal(500, 0, 1, kind=Kind.GOOD)


def _cost(defective: Parts, good: Parts, costs: Costs, limits: Limits) -> float:
    """Of one part, told from what becomes of each photograph."""
    total = 0.0
    for kind, rate in ((defective, costs.defect_rate), (good, 1 - costs.defect_rate)):
        error = (costs.escape, 0) if kind is defective else (0, costs.scrap)
        for gravity, part in zip(kind.gravity, kind.part, strict=True):
            out = error[1] if gravity >= limits.ng else costs.review if gravity >= limits.review else error[0]
            total += rate * (out or 0) / kind.count / kind.sizes[part]
    return total


def test_by_hand() -> None:
    defective, good = parts([0.2, 0.8, 0.9]), parts([0.1, 0.3, 0.4, 0.5], kind=Kind.GOOD)
    dear = Costs(escape=1000, scrap=1, parts_a_day=100, defect_rate=0.1)
    assert cheapest(defective, good, dear) == pytest.approx((0.15, 0.15))  # three good parts for one escape
    cheap = Costs(escape=1, scrap=1, parts_a_day=100, defect_rate=0.1)
    assert cheapest(defective, good, cheap) == pytest.approx((0.65, 0.65))
    looked = Costs(escape=1000, scrap=10, parts_a_day=100, defect_rate=0.1, review=0.1)
    assert cheapest(defective, good, looked) == pytest.approx((0.15, 0.65))


@settings(deadline=None)
@given(GRAVITIES, GRAVITIES, MONEY, MONEY, st.none() | MONEY, st.floats(0.01, 0.99))
def test_no_other_thresholds_cost_less(
    bad, fine, escape: float, scrap: float, review: float | None, rate: float
) -> None:
    defective, good = parts(bad), parts(fine, kind=Kind.GOOD)
    costs = Costs(escape, scrap, 1.0, rate, review)
    best = cheapest(defective, good, costs)
    assert best.review <= best.ng
    assert review is not None or best.review == best.ng
    least = _cost(defective, good, costs, best)
    for one in np.arange(-0.5, 9.5):
        for other in np.arange(one, 9.5) if review is not None else (one,):
            assert least <= _cost(defective, good, costs, Limits(one, other)) + 1e-9


def test_costs_a_day_are_those_of_the_parts() -> None:
    costs, today = Costs(100, 5, 10_000, 0.01, review=1), Limits(1.0, 1.5)
    told = saving(DEFECTIVE, GOOD, costs, today)
    assert told.limits == cheapest(DEFECTIVE, GOOD, costs)
    assert told.cost_today == pytest.approx(10_000 * _cost(DEFECTIVE, GOOD, costs, today))
    assert told.cost == pytest.approx(10_000 * _cost(DEFECTIVE, GOOD, costs, told.limits))


def test_the_saving_is_told_lower_than_it_looks_on_the_parts_that_chose() -> None:
    few, costs = normal(30, 3, 2), Costs(100, 5, 10_000, 0.01)
    told = saving(few, GOOD, costs, Limits(1.5, 1.5))
    assert told.money.value < told.cost_today - told.cost
    assert told.money.low <= told.money.value <= told.money.high
    assert told.scrap.low <= told.scrap.value <= told.scrap.high
    narrow = saving(few, GOOD, costs, Limits(1.5, 1.5), 0.5)
    assert told.money.low < narrow.money.low < narrow.money.high < told.money.high


@pytest.mark.parametrize("review", [None, 1.0])
def test_the_interval_holds_what_is_truly_saved(review: float | None) -> None:
    """Of forty factories at least thirty; with the seeds fixed it cannot change."""
    costs, today, held = Costs(100, 5, 10_000, 0.01, review), Limits(1.5, 1.5), 0

    def truly(limits: Limits) -> float:
        escaped, caught = norm.cdf(limits, 3)
        looked, rejected = norm.sf(limits)
        errors = 0.01 * 100 * escaped + 0.99 * 5 * rejected
        return 10_000 * (errors + (review or 0) * (0.01 * (caught - escaped) + 0.99 * (looked - rejected)))

    for seed in range(40):
        defective, good = normal(150, 3, 2 * seed, each=2), normal(300, 0, 2 * seed + 1, kind=Kind.GOOD)
        told = saving(defective, good, costs, today)
        held += told.money.low <= truly(today) - truly(told.limits) <= told.money.high
    assert held >= 30


def test_a_band_today_needs_the_cost_of_a_review() -> None:
    with pytest.raises(DataError, match="what a review costs is not known"):
        saving(DEFECTIVE, GOOD, Costs(100, 5, 10_000, 0.01), Limits(1.0, 1.5))


@pytest.mark.parametrize(
    ("costs", "what"),
    [
        ((-1, 5, 100, 0.01), "an escape"),
        ((1, float("nan"), 100, 0.01), "a scrapped part"),
        ((1, 5, float("inf"), 0.01), "a day's parts"),
        ((1, 5, 100, 0.01, -2), "a review"),
        ((1, 5, 100, 0.0), "the defect rate"),
    ],
)
def test_costs_that_are_none_are_refused(costs: tuple[float, ...], what: str) -> None:
    with pytest.raises(DataError, match=what):
        Costs(*costs)


def test_the_confidence_of_the_interval_is_checked() -> None:
    with pytest.raises(DataError, match="the confidence must lie between 0 and 1"):
        saving(DEFECTIVE, GOOD, Costs(100, 5, 10_000, 0.01), Limits(1.0, 1.0), 95)
