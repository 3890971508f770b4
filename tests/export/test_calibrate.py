"""Calibrated logits must rise with the logits, and the fits find what made scores dishonest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from sightline.export import calibrate
from sightline.export.calibrate import Calibrator, enough, log_loss

KNOTS = st.lists(st.floats(-20, 20), min_size=0, max_size=4).map(sorted)
SLOPES = st.floats(np.exp(-4), np.exp(2))


def _types(count: int, seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Honest logits of one type (N, 1), and whether it is shown."""
    random = np.random.default_rng(seed)
    honest = random.normal(-1, 2, (count, 1))
    return honest * spread, (random.random((count, 1)) < expit(honest)).astype(float)


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("exclusive", [True, False])
def test_temperature_undoes_overconfidence(overconfidence: float, exclusive: bool) -> None:
    random = np.random.default_rng(1)
    honest = random.normal(0, 2, (4000, 3))
    targets = np.eye(3)[[random.choice(3, p=p) for p in softmax(honest, axis=1)]]
    if not exclusive:
        targets = (random.random((4000, 3)) < expit(honest)).astype(float)
    scale = calibrate.temperature(honest * overconfidence, targets, exclusive=exclusive, highest=np.inf)
    assert scale == pytest.approx(1 / overconfidence, rel=0.1)


def test_temperature_stops_where_it_is_told_to() -> None:
    logits, targets = _types(500, 0, spread=0.5)
    assert calibrate.temperature(logits, targets, exclusive=False, highest=1.2) == pytest.approx(1.2, rel=1e-3)


def test_platt_shifts_a_type_that_training_lifted() -> None:
    logits, targets = _types(3000, 0)
    scale, bias = calibrate.platt(logits + 2.0, targets, np.array([True]))
    assert bias[0] == pytest.approx(-2.0, abs=0.35)
    assert expit((logits + 2.0) * scale + bias).mean() == pytest.approx(targets.mean(), abs=0.01)


def test_good_is_taken_back_where_training_lifted_the_types_against_it() -> None:
    random = np.random.default_rng(0)
    honest = random.normal([2, 0, 0], 2, (3000, 3))
    targets = np.eye(3)[[random.choice(3, p=p) for p in softmax(honest, axis=1)]]
    scale, bias = calibrate.lifted(honest - 3 * np.eye(3)[0], targets)
    assert (scale, bias) == pytest.approx((1, 3), abs=0.25)


def test_of_good_and_one_type_lifting_is_platts_own() -> None:
    logits, targets = _types(400, 3, spread=2.0)
    both, one_hot = np.column_stack([np.zeros(400), logits]), np.column_stack([1 - targets, targets])
    scale, bias = calibrate.lifted(both, one_hot)
    own = calibrate.platt(logits, targets, np.array([True]))
    assert (scale, -bias) == pytest.approx((own[0][0], own[1][0]), abs=0.03)  # targets are drawn in a little otherwise


def test_a_bent_line_is_found_again() -> None:
    honest, targets = _types(20_000, 0)
    logits = np.where(honest > 0, honest * 0.5, honest * 2)[:, 0]
    (low, high), bias = calibrate.rising(logits, 1 - targets[:, 0], targets[:, 0], np.zeros(1))
    assert (low, high, bias) == pytest.approx((0.5, 2, 0), abs=0.15)


def test_types_with_too_few_images_keep_their_scores() -> None:
    targets = np.zeros((30, 2))
    targets[:15, 0] = 1
    targets[:3, 1] = 1
    fitted = enough(targets)
    assert fitted.tolist() == [True, False]
    scale, bias = calibrate.platt(np.random.default_rng(0).normal(0, 1, (30, 2)), targets, fitted)
    assert (scale[1], bias[1]) == (1.0, 0.0)


def test_pictures_of_one_part_suffice_for_as_much_as_one() -> None:
    targets = np.repeat([0.0, 1.0], 30)[:, None]
    assert enough(targets, np.arange(60)).all()
    assert not enough(targets, np.arange(60) // 6).any()


@settings(deadline=None)
@given(KNOTS, st.data(), st.floats(-5, 5))
def test_bent_lines_rise_in_float32_and_can_be_undone(knots: list[float], data: st.DataObject, bias: float) -> None:
    slopes = data.draw(st.lists(SLOPES, min_size=len(knots) + 1, max_size=len(knots) + 1))
    rows = (np.reshape(each, (len(knots), 1)) for each in (knots, slopes[1:]))
    made = Calibrator("isotonic", False, np.array(slopes[:1]), np.array([bias]), 0, 0.0, 0.0, *rows)
    logits = np.linspace(-30, 30, 1201)[:, None]
    calibrated = made.calibrated(logits)
    assert (np.diff(calibrated[:, 0]) > 0).all()
    np.testing.assert_allclose(made.undone(calibrated), logits, atol=1e-9)


def test_what_lies_between_knots_adds_up_to_the_logit() -> None:
    logits = np.linspace(-5, 5, 11)
    parts = calibrate.pieces(logits, np.array([-1.0, 2.0]))
    np.testing.assert_allclose(sum(parts), logits)
    assert [float(part[-1]) for part in parts] == [-1, 3, 3]


def test_frames_of_a_type_that_cannot_be_fitted_take_the_numbers_of_all() -> None:
    logits, targets = _types(200, 0, spread=2.0)
    both = np.column_stack([logits, logits[::-1]])
    shown = np.column_stack([targets, np.zeros(200)])
    made = calibrate.fit_frames(both, shown, calibrate.untouched(2))
    assert made.method == "platt"
    assert made.scale[0] != made.scale[1]
    assert made.log_loss_after < made.log_loss_before


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 5))
def test_temperature_never_reorders_types_of_a_frame(seed: int, overconfidence: float) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2 * overconfidence, (40, 4))
    targets = np.eye(4)[random.integers(0, 4, 40)]
    scale = calibrate.temperature(logits, targets, exclusive=True, highest=np.inf)
    after = Calibrator("temperature", True, np.full(4, scale), np.zeros(4), 40, 0.0, 0.0).probabilities(logits)
    assert (logits.argsort(axis=1) == after.argsort(axis=1)).all()
    assert after.sum(axis=1) == pytest.approx(1)


def test_log_loss_is_in_nats_a_frame() -> None:
    assert log_loss(np.zeros((5, 2)), np.eye(2)[[0, 1, 0, 1, 0]], exclusive=True) == pytest.approx(np.log(2))
    assert log_loss(np.zeros((5, 2)), np.zeros((5, 2)), exclusive=False) == pytest.approx(2 * np.log(2))
    assert np.isnan(log_loss(np.zeros((0, 2)), np.zeros((0, 2)), exclusive=True))
