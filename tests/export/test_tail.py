"""A score says how rarely a good part gets so hot: in order, never clipped, and right for parts not seen."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import ExportError
from sightline.export.tail import TailScore, fit, score

heats = st.lists(st.floats(0, 1e4), min_size=5, max_size=200)


@given(heats, st.floats(0, 1e6), st.floats(0, 1e6))
def test_hotter_never_scores_lower_and_never_reaches_one(heat, one, other):
    tail = fit(np.array(heat))
    low, high = (float(score(tail.level(np.array(value)))) for value in sorted((one, other)))
    assert 0 <= low <= high < 1


@given(st.lists(st.floats(1, 10), min_size=8, max_size=100, unique=True))
def test_beyond_all_that_was_seen_every_difference_still_counts(heat):
    tail = fit(np.array(heat))
    far = np.array([20.0, 40.0, 80.0, 1000.0, 1e6])
    assert (np.diff(score(tail.level(far))) > 0).all()


@pytest.mark.parametrize("draw", ["exponential", "normal", "uniform", "gamma"])
@pytest.mark.parametrize("count", [20, 200])
def test_the_told_share_of_good_parts_is_what_comes(draw, count):
    """Over many calibrate parts, a good part gets p below 5 % about one time in twenty, whatever the distribution."""
    random = np.random.default_rng(0)

    def parts(size):
        drawn = {
            "exponential": lambda: random.exponential(1, size),
            "normal": lambda: np.abs(random.normal(5, 1, size)),
            "uniform": lambda: random.uniform(1, 2, size),
            "gamma": lambda: random.gamma(3, 1, size),
        }
        return drawn[draw]()

    rejected = {0.05: [], 0.01: []}
    for _ in range(300):
        level = fit(parts(count)).level(parts(200))
        for share, seen in rejected.items():
            seen.append((level >= -np.log10(share)).mean())
    assert 0.02 < np.mean(rejected[0.05]) < 0.08
    assert np.mean(rejected[0.01]) < 0.025


def test_the_graph_says_what_the_tail_says():
    random = np.random.default_rng(1)
    tail = fit(random.gamma(3, 1, 60))
    heat = np.r_[np.linspace(0, 30, 400), 1e4].astype(np.float32)
    scores, maps = TailScore(tail)(torch.from_numpy(heat)[:, None], torch.from_numpy(heat).view(1, 1, 1, -1))
    assert np.allclose(scores[:, 0].numpy(), score(tail.level(heat)), atol=2e-6)
    assert np.allclose(maps.numpy().ravel(), scores[:, 0].numpy())


def test_twins_count_once_and_by_their_hottest():
    heat, groups = np.array([1.0, 9.0, 2.0, 3.0, 4.0, 5.0]), ("a", "a", "b", "c", "d", "e")
    tail = fit(heat, groups=groups)
    assert tail.count == 5
    assert tail.level(np.array(9.0)) < fit(np.array([1.0, 2, 3, 4, 5, 6])).level(np.array(9.0))


def test_equal_parts_give_a_tail_without_a_division_by_nothing():
    tail = fit(np.full(10, 2.0))
    assert np.isfinite(tail.level(np.array([0.0, 2.0, 2.1, 1e6]))).all()
    assert np.isfinite(fit(np.zeros(10)).level(np.array([0.0, 1.0]))).all()


def test_too_few_parts_are_refused():
    with pytest.raises(ExportError, match="at least 5 different good images in the calibrate part, got 4"):
        fit(np.ones(4))
    with pytest.raises(ExportError, match="got 2"):
        fit(np.ones(6), groups=("a", "a", "a", "b", "b", "b"))


@settings(max_examples=20)
@given(st.integers(5, 40))
def test_fewer_parts_make_the_same_excess_less_surprising(count):
    heat = np.random.default_rng(count).exponential(1, 400)
    few, many = fit(heat[:count]), fit(heat)
    assert few.level(np.array(1e3)) < many.level(np.array(1e3))


@given(st.lists(st.floats(0.01, 100), min_size=5, max_size=100), st.floats(0.001, 0.999), st.floats(0.001, 0.999))
def test_below_the_coolest_that_was_seen_a_difference_counts_too(heat, one, other):
    low, high = sorted((one, other))
    told = fit(np.array(heat))
    assert float(told.level(np.array(low * min(heat)))) > 0
    if high > 1.001 * low:
        assert float(told.level(np.array(low * min(heat)))) < float(told.level(np.array(high * min(heat))))


def test_of_equal_heats_none_counts_as_rare():
    told = fit(np.r_[np.ones(80), np.linspace(2, 3, 20)])
    assert 10 ** -float(told.level(np.array(1.0))) > 0.95
