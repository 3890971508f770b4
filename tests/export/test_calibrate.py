"""Calibrated scores must be probabilities: honest on average, never reordered, never saturated."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from sightline.export.calibrate import fit, log_loss


def _sample(count: int, outputs: int, overconfidence: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    honest = random.normal(0, 2, (count, outputs))
    answers = np.array([random.choice(outputs, p=p) for p in softmax(honest, axis=1)])
    return honest * overconfidence, np.eye(outputs)[answers]


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 3.0])
def test_temperature_undoes_overconfidence(overconfidence: float) -> None:
    logits, targets = _sample(4000, 3, overconfidence, seed=1)
    calibrator = fit(logits, targets, exclusive=True)
    assert calibrator.scale[0] == pytest.approx(1 / overconfidence, rel=0.1)
    assert calibrator.log_loss_after <= calibrator.log_loss_before + 1e-6


def test_perfectly_separated_scores_keep_their_ranking_in_float32() -> None:
    targets = np.eye(2)[np.repeat([0, 1], 50)]
    logits = np.where(targets > 0, np.linspace(20, 60, 100)[:, None], -20.0)
    scores = fit(logits, targets, exclusive=True).probabilities(logits).astype(np.float32)
    assert scores.max() < 1
    assert len(np.unique(scores[50:, 1])) == 50


def test_platt_shifts_a_type_that_training_lifted() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(-2, 1.5, (3000, 1))
    targets = (random.random((3000, 1)) < 1 / (1 + np.exp(-honest))).astype(float)
    calibrator = fit(honest + 2.0, targets, exclusive=False)
    assert calibrator.method == "platt"
    assert calibrator.bias[0] == pytest.approx(-2.0, abs=0.35)
    assert calibrator.probabilities(honest + 2.0).mean() == pytest.approx(targets.mean(), abs=0.01)


def test_types_with_too_few_images_keep_their_scores() -> None:
    targets = np.zeros((30, 2))
    targets[:15, 0] = 1
    targets[:3, 1] = 1
    calibrator = fit(np.random.default_rng(0).normal(0, 1, (30, 2)), targets, exclusive=False)
    assert (calibrator.scale[1], calibrator.bias[1]) == (1.0, 0.0)


def test_no_images_leave_scores_as_they_are() -> None:
    calibrator = fit(np.zeros((0, 3)), np.zeros((0, 3)), exclusive=True)
    assert calibrator.method == "none"
    assert np.isnan(calibrator.log_loss_before)
    assert calibrator.probabilities(np.zeros((1, 3))) == pytest.approx(1 / 3)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.2, 5))
def test_calibration_never_reorders_types_of_a_frame(seed: int, overconfidence: float) -> None:
    logits, targets = _sample(40, 4, overconfidence, seed)
    after = fit(logits, targets, exclusive=True).probabilities(logits)
    assert (logits.argmax(axis=1) == after.argmax(axis=1)).all()
    assert after.sum(axis=1) == pytest.approx(1)


def test_log_loss_is_in_nats_a_frame() -> None:
    assert log_loss(np.zeros((5, 2)), np.eye(2)[[0, 1, 0, 1, 0]], exclusive=True) == pytest.approx(np.log(2))
    assert log_loss(np.zeros((5, 2)), np.zeros((5, 2)), exclusive=False) == pytest.approx(2 * np.log(2))
