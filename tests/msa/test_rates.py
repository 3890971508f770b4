"""Bounds are exact, rest on parts and not on repeated looks, and say when the data do not suffice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from sightline.msa import LIMITS, Grade, Rate


@pytest.mark.parametrize(("matched", "low", "high"), [(8, 0.2659, 0.7873), (13, 0.5954, 0.9834), (14, 0.6805, 0.9983)])
def test_intervals_are_those_that_minitab_prints(matched, low, high):
    """Minitab's "Example of Attribute Agreement Analysis": 15 essays, appraisers Duncan, Hayes and Simpson."""
    assert Rate(matched, 15, 15).interval == pytest.approx((low, high), abs=5e-5)


def test_an_interval_that_r_prints():
    """GenBinomApps::clopper.pearson.ci(5, 100000, CI = "two.sided"), whose level is 90 %."""
    assert Rate(5, 100_000, 100_000, 0.9).interval == pytest.approx((1.97017e-05, 0.0001051275), rel=1e-5)


@given(st.data(), st.integers(1, 300), st.sampled_from([0.9, 0.95, 0.99]))
def test_intervals_are_those_of_scipy(data, of, confidence):
    count = data.draw(st.integers(0, of))
    exact = binomtest(count, of).proportion_ci(confidence, method="exact")
    assert Rate(count, of, of, confidence).interval == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(st.data(), st.integers(1, 60), st.integers(1, 6))
def test_the_rate_lies_within_its_bounds_and_more_looks_at_the_same_parts_narrow_nothing(data, parts, trials):
    count = data.draw(st.integers(0, parts * trials))
    rate = Rate(count, parts * trials, parts)
    low, high = rate.interval
    assert 0 <= low <= rate.at_least <= rate.value <= rate.at_most <= high <= 1
    assert Rate(7 * count, 7 * parts * trials, parts).interval == pytest.approx((low, high))
    plain = Rate(count, parts * trials, parts * trials).interval
    assert low <= plain[0] + 1e-9
    assert high >= plain[1] - 1e-9


@pytest.mark.parametrize("resemblance", [0.01, 0.5, 100.0])
def test_bounds_hold_however_much_looks_at_one_part_resemble_each_other(resemblance):
    """3 looks at each of 40 parts; a part's own error rate is from a beta distribution with a mean of 4 %."""
    random = np.random.default_rng(5)
    own = random.beta(0.04 * resemblance, 0.96 * resemblance, (2000, 40))
    errors = random.binomial(3, own).sum(axis=1)
    bounds = {count: Rate(count, 120, 40) for count in set(errors.tolist())}
    assert np.mean([bounds[count].at_most < 0.04 for count in errors.tolist()]) <= 0.055
    assert np.mean([bounds[count].at_least > 0.04 for count in errors.tolist()]) <= 0.055


def test_grades_change_at_the_acceptance_figures():
    effective, miss, alarm = LIMITS.values()
    assert [effective.grade(Rate(n, 100, 100)) for n in (90, 89, 80, 79)] == [
        Grade.ACCEPTABLE,
        Grade.MARGINAL,
        Grade.MARGINAL,
        Grade.UNACCEPTABLE,
    ]
    assert [miss.grade(Rate(n, 100, 100)).value for n in (2, 3, 5, 6)] == [
        "acceptable",
        "marginal",
        "marginal",
        "unacceptable",
    ]
    assert [alarm.grade(Rate(n, 100, 100)).value for n in (5, 6, 10, 11)] == [
        "acceptable",
        "marginal",
        "marginal",
        "unacceptable",
    ]


@pytest.mark.parametrize(("name", "parts"), [("effectiveness", 29), ("miss_rate", 149), ("false_alarm_rate", 59)])
def test_the_fewest_parts_that_show_a_figure(name, parts):
    """The well-known 29, 59 and 149: 0.9²⁹, 0.95⁵⁹ and 0.98¹⁴⁹ are the first powers under 5 %."""
    limit = LIMITS[name]
    assert limit.needed() == parts
    for count, enough in ((parts, True), (parts - 1, False)):
        flawless = Rate(count if limit.rising else 0, count, count)
        assert limit.shown(flawless) is enough
        assert limit.best(count) == (flawless.at_least if limit.rising else flawless.at_most)
