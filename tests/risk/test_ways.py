"""The three ways out must keep what was asked for, tell what to expect, and say what could be kept instead."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from risk_factory import normal, parts
from sightline.errors import DataError
from sightline.risk import Aims, Kind, Limits, choose, expect, guarantee_escape, guarantee_overkill

DEFECTIVE, GOOD = normal(400, 3, 0, each=2), normal(500, 0, 1, kind=Kind.GOOD)
REVIEW = guarantee_escape(DEFECTIVE, 0.05, 0.95).threshold


def _reviewed(limits: Limits, rate: float) -> float:
    shares = [np.mean(p.below(limits.ng) - p.below(limits.review)) for p in (DEFECTIVE, GOOD)]
    return float(rate * shares[0] + (1 - rate) * shares[1])


def test_without_a_budget_or_a_largest_overkill_both_thresholds_are_one() -> None:
    choice = choose(DEFECTIVE, None, Aims(0.05))
    assert choice.limits == (REVIEW, REVIEW)
    assert choice.escape == guarantee_escape(DEFECTIVE, 0.05, 0.95)
    assert (choice.overkill, choice.remarks) == (None, ())


def test_a_largest_overkill_sends_to_review_what_it_takes() -> None:
    choice = choose(DEFECTIVE, GOOD, Aims(0.05, max_overkill=0.02))
    assert choice.overkill == guarantee_overkill(GOOD, 0.02, 0.95)
    assert choice.limits == (REVIEW, choice.overkill.threshold)
    assert choice.limits.ng > REVIEW


def test_an_overkill_that_is_kept_anyway_needs_no_review() -> None:
    choice = choose(DEFECTIVE, GOOD, Aims(0.05, max_overkill=0.9))
    assert choice.limits == (REVIEW, REVIEW)
    assert choice.overkill.threshold < REVIEW


@pytest.mark.parametrize("budget", [0.001, 0.01, 0.03, 0.08])
def test_a_budget_makes_overkill_as_small_as_it_can(budget: float) -> None:
    limits = choose(DEFECTIVE, GOOD, Aims(0.05, review_budget=budget, defect_rate=0.01)).limits
    assert limits.review == REVIEW
    assert _reviewed(limits, 0.01) <= budget
    graver = GOOD.gravity[GOOD.gravity >= limits.ng]
    assert _reviewed(Limits(REVIEW, np.nextafter(graver[0], np.inf)), 0.01) > budget


def test_a_budget_is_not_spent_where_it_saves_no_good_part() -> None:
    limits = choose(DEFECTIVE, GOOD, Aims(0.05, review_budget=0.9, defect_rate=0.01)).limits
    assert limits.ng == np.nextafter(GOOD.gravity[-1], np.inf)


def test_a_largest_overkill_within_the_budget_leaves_the_rest_of_it() -> None:
    both = Aims(0.05, max_overkill=0.05, review_budget=0.5, defect_rate=0.01)
    assert choose(DEFECTIVE, GOOD, both).limits == choose(DEFECTIVE, GOOD, Aims(0.05, max_overkill=0.05)).limits


def test_aims_that_contradict_each_other_are_told_with_what_could_be_kept() -> None:
    aims = {"max_escape": 0.05, "max_overkill": 0.02, "review_budget": 0.01, "defect_rate": 0.01}
    with pytest.raises(DataError, match="an escape rate of 5%, an overkill of 2% and a review budget of 1%") as told:
        choose(DEFECTIVE, GOOD, Aims(**aims))
    shares = [float(share) / 100 for share in re.findall(r"([\d.]+)%", told.value.hint)]
    assert len(shares) == 3
    for name, share in zip(("review_budget", "max_overkill", "max_escape"), shares, strict=True):
        assert share > aims[name]
        choose(DEFECTIVE, GOOD, Aims(**{**aims, name: share}))
        with pytest.raises(DataError, match="at once"):
            choose(DEFECTIVE, GOOD, Aims(**{**aims, name: 0.97 * share}))


def test_what_could_be_kept_holds_for_each_type_too() -> None:
    types = {"dent": normal(100, 2, 5)}
    aims = {"max_escape": 0.05, "max_overkill": 0.02, "review_budget": 0.01, "defect_rate": 0.01}
    with pytest.raises(DataError) as told:
        choose(DEFECTIVE, GOOD, Aims(**aims), types)
    escape = float(re.search(r"escape rate of ([\d.]+)%", told.value.hint)[1]) / 100
    choose(DEFECTIVE, GOOD, Aims(**{**aims, "max_escape": escape}), types)


def test_gravities_that_are_all_equal_reject_everything_and_say_so() -> None:
    choice = choose(parts([0.5] * 100), parts([0.5] * 100, kind=Kind.GOOD), Aims(0.05))
    assert choice.limits == (0.5, 0.5)
    assert choice.remarks == (
        "every good part reaches the threshold: the scores do not tell them from the least grave defective ones",
    )


@pytest.mark.parametrize("more", [{"max_overkill": 0.1}, {"review_budget": 0.1, "defect_rate": 0.01}])
def test_an_ng_threshold_of_its_own_needs_good_parts(more: dict[str, float]) -> None:
    with pytest.raises(DataError, match="expected good parts to choose the NG threshold on, and there is none"):
        choose(DEFECTIVE, None, Aims(0.05, **more))


def test_too_few_good_parts_for_the_overkill_are_told_how_many_it_takes() -> None:
    with pytest.raises(DataError, match=r"30 good parts: they prove 9\.504% at best; 299 are needed, 269 more"):
        choose(DEFECTIVE, normal(30, 0, 0, kind=Kind.GOOD), Aims(0.05, max_overkill=0.01))


def test_a_budget_needs_the_defect_rate() -> None:
    with pytest.raises(DataError, match="the share of defective ones among them is not known"):
        choose(DEFECTIVE, GOOD, Aims(0.05, review_budget=0.03))


@pytest.mark.parametrize(
    ("aims", "what"),
    [
        (Aims(0.05, review_budget=1.0, defect_rate=0.01), "the review budget"),
        (Aims(0.05, review_budget=0.03, defect_rate=0.0), "the defect rate"),
        (Aims(0.05, max_overkill=0.0), "the target"),
        (Aims(1.5), "the target"),
    ],
)
def test_aims_out_of_range_are_refused(aims: Aims, what: str) -> None:
    with pytest.raises(DataError, match=f"{what} must lie between 0 and 1"):
        choose(DEFECTIVE, GOOD, aims)


def test_what_to_expect_by_hand() -> None:
    defective = parts([0.1, 0.5, 0.6, *[0.9] * 17])
    good = parts([0.1] * 90 + [0.5] * 6 + [0.9] * 4, kind=Kind.GOOD)
    told = expect(defective, good, Limits(0.5, 0.8), 0.1)
    escape, overkill = (binomtest(*seen).proportion_ci(0.95, method="exact") for seen in ((1, 20), (4, 100)))
    assert told.escape == pytest.approx((1 / 20, escape.low, escape.high))
    assert told.overkill == pytest.approx((4 / 100, overkill.low, overkill.high))
    found, other = (binomtest(*seen).proportion_ci(0.975, method="exact") for seen in ((2, 20), (6, 100)))
    ends = (0.1 * found.low + 0.9 * other.low, 0.1 * found.high + 0.9 * other.high)
    assert told.review == pytest.approx((0.1 * 0.1 + 0.9 * 0.06, *ends))


def test_without_a_band_nothing_goes_to_review() -> None:
    assert expect(DEFECTIVE, GOOD, Limits(1.0, 1.0), 0.01).review == (0, 0, 0)


@settings(max_examples=30, deadline=None)
@given(st.floats(-2, 5), st.floats(0, 3), st.floats(0.001, 0.5))
def test_expected_shares_lie_in_their_intervals(review: float, width: float, rate: float) -> None:
    for figure in vars(expect(DEFECTIVE, GOOD, Limits(review, review + width), rate)).values():
        assert 0 <= figure.low <= figure.value + 1e-12
        assert figure.value <= figure.high + 1e-12
        assert figure.high <= 1 + 1e-12


@pytest.mark.parametrize(("rate", "confidence", "what"), [(0.0, 0.95, "the defect rate"), (0.1, 1.0, "the confidence")])
def test_rates_out_of_range_are_refused(rate: float, confidence: float, what: str) -> None:
    with pytest.raises(DataError, match=f"{what} must lie between 0 and 1"):
        expect(DEFECTIVE, GOOD, Limits(1.0, 1.0), rate, confidence)
