"""The exact bounds must be those of the tables, and more misses must never prove more."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from sightline.errors import DataError
from sightline.risk import bounds

SHARES = st.floats(0.01, 0.99)


@pytest.mark.parametrize(("misses", "count"), [(0, 20), (1, 29), (15, 148), (81, 263), (7, 7)])
def test_clopper_pearson_is_scipys(misses: int, count: int) -> None:
    exact = binomtest(misses, count).proportion_ci(0.9, method="exact")
    assert bounds.lower(misses, count, 0.95) == pytest.approx(exact.low)
    assert bounds.upper(misses, count, 0.95) == pytest.approx(exact.high)


def test_clopper_pearson_against_a_printed_table() -> None:
    # Conover (1999), Practical Nonparametric Statistics, table A4: 5 of 25 at 95 %, two-sided.
    assert bounds.lower(5, 25, 0.975) == pytest.approx(0.068, abs=5e-4)
    assert bounds.upper(5, 25, 0.975) == pytest.approx(0.407, abs=5e-4)


def test_parts_wanted_against_the_tolerance_limits_of_wilks() -> None:
    # 95 % of the population with 95 % confidence: Guba, Makai & Pál (2003), Reliability Engineering & System Safety 80.
    assert [bounds.wanted(0.05, 0.95, misses) for misses in range(6)] == [59, 93, 124, 153, 181, 208]
    assert bounds.wanted(0.05, 0.99) == 90
    assert bounds.wanted(0.005, 0.95) == 598


@pytest.mark.parametrize("count", [100, 1000, 100_000])
def test_the_rule_of_three(count: int) -> None:
    assert bounds.upper(0, count, 0.95) == pytest.approx(1 - 0.05 ** (1 / count))
    assert bounds.upper(0, count, 0.95) == pytest.approx(3 / count, rel=0.02)


def test_without_a_part_nothing_is_proved() -> None:
    assert (bounds.lower(0, 0, 0.95), bounds.upper(0, 0, 0.95)) == (0, 1)


@given(st.integers(1, 400), st.data(), SHARES)
def test_more_misses_never_lower_the_bounds(count: int, data: st.DataObject, confidence: float) -> None:
    misses = data.draw(st.integers(0, count - 1))
    assert bounds.upper(misses, count, confidence) <= bounds.upper(misses + 1, count, confidence)
    assert bounds.lower(misses, count, confidence) <= bounds.lower(misses + 1, count, confidence)
    assert bounds.upper(misses, count + 1, confidence) <= bounds.upper(misses, count, confidence)


@given(st.integers(1, 2000), SHARES, SHARES)
def test_allowed_misses_are_the_most_that_prove_the_target(count: int, target: float, confidence: float) -> None:
    most = bounds.allowed(count, target, confidence)
    proved = np.flatnonzero(binom.cdf(np.arange(count + 1), count, target) <= 1 - confidence)
    assert most == (proved[-1] if len(proved) else None)


@given(SHARES, SHARES, st.integers(0, 20))
def test_wanted_parts_are_the_fewest_that_allow_the_misses(target: float, confidence: float, misses: int) -> None:
    count = bounds.wanted(target, confidence, misses)
    assert binom.cdf(misses, count, target) <= (1 - confidence) * (1 + 1e-9)
    assert binom.cdf(misses, count - 1, target) >= (1 - confidence) * (1 - 1e-9)


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_shares_outside_of_0_to_1_are_refused(share: float) -> None:
    with pytest.raises(DataError, match="the target must lie between 0 and 1"):
        bounds.allowed(20, share, 0.95)
    with pytest.raises(DataError, match="the target must lie between 0 and 1"):
        bounds.wanted(share, 0.95)
    with pytest.raises(DataError, match="the confidence must lie between 0 and 1"):
        bounds.upper(0, 20, share)
    with pytest.raises(DataError, match="the confidence must lie between 0 and 1"):
        bounds.lower(0, 20, share)
