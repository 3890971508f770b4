"""The proof about a mean must be wrong no more often than its risk, and never idle where nothing is lost."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial, poisson_binom

from sightline.risk import bounds
from sightline.risk.means import MeanTest, _lots, lower_mean, upper_mean

LOSSES = st.lists(st.sampled_from([0, 0.25, 1 / 3, 0.5, 1]), min_size=1, max_size=40).map(np.array)
SHARES = st.floats(0.02, 0.98)


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("target", [0.1, 0.3, 0.6])
def test_its_risk_is_kept_whatever_the_shares_are(target: float, confidence: float) -> None:
    """Summed over all that eight parts may lose, for shares of mean ``target`` between none, half and all."""
    count = 8
    test = MeanTest(count, target, confidence, single=False)
    for halves in np.linspace(0, 2 * min(target, 1 - target), 9):
        chances = [1 - target - halves / 2, halves, target - halves / 2]
        wrong = 0.0
        for none, half in product(range(count + 1), repeat=2):
            if none + half <= count:
                numbers = [none, half, count - none - half]
                if test.proves(np.repeat([0, 0.5, 1], numbers)):
                    wrong += multinomial.pmf(numbers, count, np.clip(chances, 0, 1))
        assert wrong <= 1 - confidence + 1e-9


@given(LOSSES)
def test_all_lots_are_counted_without_drawing_one(losses: np.ndarray) -> None:
    lots = _lots(losses)
    assert lots == pytest.approx(poisson_binom.pmf(np.arange(len(lots)), losses), abs=1e-12)
    assert lots.sum() == pytest.approx(1)


@settings(deadline=None)
@given(st.integers(1, 300), st.data(), SHARES)
def test_with_one_photograph_a_part_it_is_the_exact_binomial(
    count: int, data: st.DataObject, confidence: float
) -> None:
    misses = data.draw(st.integers(0, count))
    losses = np.repeat([1.0, 0.0], [misses, count - misses])
    assert upper_mean(losses, confidence, single=True) == bounds.upper(misses, count, confidence)
    assert lower_mean(losses, confidence, single=True) == pytest.approx(bounds.lower(misses, count, confidence))
    for target in (0.05, 0.3):
        allowed = bounds.allowed(count, target, confidence)
        proves = MeanTest(count, target, confidence, single=True).proves(losses)
        assert proves == (allowed is not None and misses <= allowed)


@settings(deadline=None)
@given(st.integers(1, 300), SHARES)
def test_without_a_loss_photographs_prove_as_much_as_parts(count: int, confidence: float) -> None:
    proved = upper_mean(np.zeros(count), confidence, single=False)
    assert proved == pytest.approx(bounds.upper(0, count, confidence), abs=1e-9)


@settings(deadline=None)
@given(LOSSES, SHARES, st.data())
def test_more_losses_never_prove_more(losses: np.ndarray, confidence: float, data: st.DataObject) -> None:
    more = losses.copy()
    more[data.draw(st.integers(0, len(losses) - 1))] = 1
    assert upper_mean(losses, confidence, single=False) <= upper_mean(more, confidence, single=False) + 1e-9
    assert lower_mean(losses, confidence, single=False) <= lower_mean(more, confidence, single=False) + 1e-9
    caught = np.append(losses, 0)
    assert upper_mean(caught, confidence, single=False) <= upper_mean(losses, confidence, single=False) + 1e-9


@settings(deadline=None)
@given(LOSSES, st.floats(0.5, 0.98), st.randoms(use_true_random=False))
def test_the_order_plays_no_role_and_the_mean_lies_within(losses: np.ndarray, confidence: float, random) -> None:
    low, high = (bound(losses, confidence, single=False) for bound in (lower_mean, upper_mean))
    assert low <= losses.mean() <= high
    shuffled = losses.tolist()
    random.shuffle(shuffled)
    assert upper_mean(np.array(shuffled), confidence, single=False) == high


def test_nothing_is_divided_by_what_underflows() -> None:
    """With so many parts hardly any number of misses has a chance that a float can hold."""
    test = MeanTest(200_000, 0.3, 0.95, single=False)
    assert test.proves(np.zeros(200_000))
    assert not test.proves(np.ones(200_000))
