"""Turns the network's logits into probabilities, on the calibrate part only.

One type a frame: temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks"). Several types
a frame: Platt scaling per type (Platt 1999). Both against targets drawn in from 0 and 1 by Platt's rule, so that a
part the network separates perfectly does not drive scores to exactly 0 and 1, where their ranking would be lost.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax

Floats = NDArray[np.float64]

FEWEST = 10
"""Positive and negative images a type needs for a Platt fit of its own."""

_LOG_SCALE = (-4.0, 2.0)  # the scale stays within e^-4 .. e^2: beyond it, float32 probabilities saturate


@dataclass(frozen=True)
class Calibrator:
    """Calibrated logits are ``logits * scale + bias``; softmax or sigmoid follows.

    Attributes:
        method: ``temperature``, ``platt`` or ``none``.
        exclusive: Whether softmax (one type a frame) or sigmoid follows.
        scale: (K,) per output.
        bias: (K,) per output.
        count: Images it was fitted on.
        log_loss_before: Mean over the calibrate part, in nats.
        log_loss_after: The same with the calibrator.
    """

    method: str
    exclusive: bool
    scale: Floats
    bias: Floats
    count: int
    log_loss_before: float
    log_loss_after: float

    def probabilities(self, logits: Floats) -> Floats:
        """Logits (N, K) -> probabilities (N, K)."""
        calibrated = logits * self.scale + self.bias
        return np.asarray(softmax(calibrated, axis=1) if self.exclusive else expit(calibrated), np.float64)


def fit(logits: Floats, targets: Floats, *, exclusive: bool) -> Calibrator:
    """Fits the calibrator.

    Args:
        logits: (N, K) of the calibrate part; N may be 0, then scores stay as they are.
        targets: (N, K); one-hot (or soft) if ``exclusive``, else 0 or 1 per type.
        exclusive: Whether a frame has one type (softmax) or any number (sigmoid).
    """
    outputs = logits.shape[1]
    scale, bias, method = np.ones(outputs), np.zeros(outputs), "none"
    before = log_loss(logits, targets, exclusive=exclusive)
    if exclusive and len(logits) >= FEWEST:
        scale, method = np.full(outputs, _temperature(logits, targets)), "temperature"
    elif not exclusive:
        for k in range(outputs):
            positive = targets[:, k].sum()
            if min(positive, len(targets) - positive) >= FEWEST:
                scale[k], bias[k] = _platt(logits[:, k], targets[:, k])
                method = "platt"
    after = log_loss(logits * scale + bias, targets, exclusive=exclusive)
    return Calibrator(method, exclusive, scale, bias, len(logits), before, after)


def log_loss(logits: Floats, targets: Floats, *, exclusive: bool) -> float:
    """Mean negative log likelihood a frame, in nats; NaN of no frames."""
    if not len(logits):
        return float("nan")
    if exclusive:
        return float(-(targets * log_softmax(logits, axis=1)).sum(axis=1).mean())
    return float(-(targets * log_expit(logits) + (1 - targets) * log_expit(-logits)).sum(axis=1).mean())


def _temperature(logits: Floats, targets: Floats) -> float:
    count, outputs = targets.shape
    drawn_in = 1 / (count + 2)
    soft = targets * (1 - drawn_in) + drawn_in / outputs
    result = minimize_scalar(
        lambda log_scale: log_loss(logits * np.exp(log_scale), soft, exclusive=True),
        bounds=_LOG_SCALE,
        method="bounded",
    )
    return float(np.exp(result.x))


def _platt(logits: Floats, targets: Floats) -> tuple[float, float]:
    positive = targets.sum()
    negative = len(targets) - positive
    soft = np.where(targets > 0.5, (positive + 1) / (positive + 2), 1 / (negative + 2))[:, None]

    def loss(parameters: Floats) -> float:
        return log_loss(logits[:, None] * np.exp(parameters[0]) + parameters[1], soft, exclusive=False)

    result = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[_LOG_SCALE, (-10, 10)])
    return float(np.exp(result.x[0])), float(result.x[1])
