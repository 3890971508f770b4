"""The calibration error and the proper scores, counted by hand and beside other people's."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as log_loss_of_sklearn

from sightline.export import reliability

RANDOM = np.random.default_rng(0)
SHARES = RANDOM.dirichlet([1, 1, 1], 200)
ONE_HOT = np.eye(3, dtype=bool)[[RANDOM.choice(3, p=p) for p in SHARES]]


def test_the_calibration_error_of_two_bins_by_hand() -> None:
    probabilities = np.array([[0.6, 0.4]] * 50 + [[0.1, 0.9]] * 50)
    first = (np.arange(100) % 5 > 0) == (np.arange(100) < 50)  # the more probable name is true of four in five
    shown = np.column_stack([first, ~first])
    assert reliability.calibration_error(probabilities, shown, exclusive=True) == pytest.approx(0.5 * 0.2 + 0.5 * 0.1)


def test_of_several_types_it_is_the_mean_over_them() -> None:
    probabilities, shown = np.full((40, 2), 0.5), np.zeros((40, 2), bool)
    shown[::2, 0] = True
    assert reliability.calibration_error(probabilities, shown, exclusive=False) == pytest.approx((0 + 0.5) / 2)


def test_proper_scores_agree_with_scikit_learn() -> None:
    ours = reliability.log_loss(SHARES, ONE_HOT, exclusive=True)
    assert ours == pytest.approx(log_loss_of_sklearn(ONE_HOT.argmax(axis=1), SHARES))
    several = reliability.brier(SHARES, ONE_HOT, exclusive=False)
    each = [brier_score_loss(ONE_HOT[:, k], SHARES[:, k]) for k in range(3)]
    assert several == pytest.approx(sum(each))
    apart = [log_loss_of_sklearn(ONE_HOT[:, k], SHARES[:, k]) for k in range(3)]
    assert reliability.log_loss(SHARES, ONE_HOT, exclusive=False) == pytest.approx(sum(apart))


@pytest.mark.parametrize("exclusive", [True, False])
def test_certainty_that_is_wrong_costs_much_but_stays_a_number(exclusive: bool) -> None:
    told, true = np.array([[1.0, 0.0]]), np.array([[False, True]])
    assert 20 < reliability.log_loss(told, true, exclusive=exclusive) < 100


def test_bins_are_of_equal_count_and_none_is_empty() -> None:
    assert [len(rows) for rows in reliability.equal_bins(np.linspace(0, 1, 95))] == [10] * 5 + [9] * 5
    assert [len(rows) for rows in reliability.equal_bins(np.array([0.3, 0.2]))] == [1, 1]
