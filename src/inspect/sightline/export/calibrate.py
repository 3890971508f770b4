"""Turns the network's logits into probabilities, on the calibrate part only.

One type a frame: temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks"). Several types
a frame: Platt scaling per type (Platt 1999). Both against targets drawn in from 0 and 1 by Platt's rule, so that a
part the network separates perfectly does not drive scores to exactly 0 and 1, where their ranking would be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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


def untouched(outputs: int) -> Calibrator:
    """Leaves the scores of independent types as they are."""
    return of_types(np.ones(outputs), np.zeros(outputs), 0)


def of_types(scale: Floats, bias: Floats, count: int) -> Calibrator:
    """Platt's numbers (C,) of independent types, those of a type that could not be fitted being 1 and 0."""
    fitted = bool(np.any(scale != 1) or np.any(bias != 0))
    nothing = float("nan")
    return Calibrator("platt" if fitted else "none", False, scale, bias, count, nothing, nothing)


def fit_frames(logits: Floats, targets: Floats, others: Calibrator) -> Calibrator:
    """Fits Platt's scaling per type; a type that cannot be fitted takes the numbers of all types together.

    Args:
        logits: (N, C) of frames.
        targets: (N, C) 0 or 1.
        others: Whose numbers it takes where all types together do not suffice either.
    """
    own = fit(logits, targets, exclusive=False)
    pooled = fit_each(logits.ravel(), targets.ravel() > 0, np.zeros(logits.size, np.int64), 1)
    spare = others if pooled.method == "none" else pooled
    bare = (own.scale == 1) & (own.bias == 0)
    scale, bias = np.where(bare, spare.scale, own.scale), np.where(bare, spare.bias, own.bias)
    after = log_loss(logits * scale + bias, targets, exclusive=False)
    return replace(of_types(scale, bias, len(logits)), log_loss_before=own.log_loss_before, log_loss_after=after)


def fit_each(logits: Floats, right: NDArray[np.bool_], types: NDArray[np.int64], outputs: int) -> Calibrator:
    """Fits Platt's scaling to single answers (N,), each of one type, by whether they are right.

    Args:
        logits: (N,).
        right: (N,).
        types: (N,) number of each one's type.
        outputs: How many types there are; one with too few right or wrong answers stays as it is.
    """
    scale, bias = np.ones(outputs), np.zeros(outputs)
    for k in range(outputs):
        rows = types == k
        if min(int(right[rows].sum()), int((~right[rows]).sum())) >= FEWEST:
            scale[k], bias[k] = _platt(logits[rows], right[rows].astype(np.float64))
    before, after = (
        float(-np.where(right, log_expit(z), log_expit(-z)).mean()) if len(z) else float("nan")
        for z in (logits, logits * scale[types] + bias[types])
    )
    return replace(of_types(scale, bias, len(logits)), log_loss_before=before, log_loss_after=after)


def platt_of_counts(logits: Floats, negative: Floats, positive: Floats) -> tuple[float, float]:
    """Platt's scale and bias of answers counted in bins.

    Args:
        logits: (N,) of each bin.
        negative: (N,) answers that are wrong.
        positive: (N,) answers that are right.
    """
    high, low = (positive.sum() + 1) / (positive.sum() + 2), 1 / (negative.sum() + 2)
    counts = np.concatenate([positive, negative])
    targets = np.concatenate([np.full(len(logits), high), np.full(len(logits), low)])
    both = np.concatenate([logits, logits])

    def loss(parameters: Floats) -> float:
        z = both * np.exp(parameters[0]) + parameters[1]
        return float(-(counts * (targets * log_expit(z) + (1 - targets) * log_expit(-z))).sum() / counts.sum())

    result = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[_LOG_SCALE, (-10, 10)])
    return float(np.exp(result.x[0])), float(result.x[1])


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
