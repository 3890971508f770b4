"""Intervals must hold their figure, narrow with more data, and admit how little few parts prove."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.export.intervals import Ends, basic, guarded, percentile, wilson


@given(st.integers(1, 400), st.floats(0, 1))
def test_wilson_holds_the_rate_and_narrows(count: int, share: float) -> None:
    low, high = wilson(share, count)
    assert 0 <= low <= share
    assert share <= high <= 1
    narrow = wilson(share, count * 4)
    assert narrow[1] - narrow[0] <= high - low + 1e-12


def test_wilson_against_a_published_figure() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize("ends", [percentile, basic, guarded(7)])
@given(value=st.floats(0, 1), resampled=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_figure_lies_in_its_interval_however_the_resamples_fall(
    ends: Ends, value: float, resampled: list[float]
) -> None:
    low, high, _ = ends(value, np.array(resampled))
    assert 0 <= low <= value
    assert value <= high <= 1


@given(st.integers(1, 200), st.lists(st.floats(0.9, 1), min_size=2, max_size=40))
def test_a_figure_with_an_error_reaches_as_far_down_as_one_without(decisive: int, resampled: list[float]) -> None:
    flawless = guarded(decisive)(1.0, np.ones(40))
    near = guarded(decisive)(float(np.mean(resampled)), np.array(resampled))
    assert near[0] <= flawless[0]


def test_with_enough_parts_the_resamples_decide() -> None:
    resampled = np.random.default_rng(0).normal(0.8, 0.02, 500)
    assert guarded(400)(0.8, resampled) == percentile(0.8, resampled)


def test_the_basic_bootstrap_takes_the_bias_of_resampling_off() -> None:
    low, high, _ = basic(0.05, np.linspace(0.06, 0.09, 500))
    assert low == pytest.approx(0.01, abs=1e-3)
    assert high == 0.05
