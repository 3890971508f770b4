"""Turns logits into probabilities, on the calibrate part only: the fits, of one scale, of a line, of rising pieces.

Each is fitted to targets drawn in from 0 and 1 by Platt's rule (Platt 1999), so that a part the network separates
perfectly does not drive scores to exactly 0 and 1, where their ranking would be lost. Which fit a classifier gets is
chosen in `sightline.export.calibrators`; places and boxes have Platt's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax

Floats = NDArray[np.float64]

FEWEST = 10
"""Positive and negative images a type needs for a Platt fit of its own."""

LOG_SCALE = (-4.0, 2.0)
"""Scales and slopes stay within e^-4 .. e^2: all rise, and none is so steep that few images decide its place."""

_SHIFT = (-10.0, 10.0)
_STRAIGHT: Floats = np.zeros(0)


def _no_knots() -> Floats:
    return np.zeros((0, 1))


@dataclass(frozen=True)
class Calibrator:
    """Calibrated logits rise with the logits: ``logits * scale + bias``, or several such lines, one after the other.

    Softmax or sigmoid follows.

    Attributes:
        method: ``none``, ``temperature``, ``platt`` or ``isotonic``.
        exclusive: Whether softmax (one type a frame) or sigmoid follows.
        scale: (K,) per output; with knots, the slope below the first.
        bias: (K,) per output.
        count: Images it was fitted on.
        log_loss_before: Mean over the calibrate part, in nats.
        log_loss_after: The same with the calibrator.
        knots: (J, K) logits at which the slope changes, rising; none of a line.
        slopes: (J, K) the slope from each knot on.
    """

    method: str
    exclusive: bool
    scale: Floats
    bias: Floats
    count: int
    log_loss_before: float
    log_loss_after: float
    knots: Floats = field(default_factory=_no_knots)
    slopes: Floats = field(default_factory=_no_knots)

    def calibrated(self, logits: Floats) -> Floats:
        """Logits (N, K) -> calibrated logits (N, K)."""
        first, *rest = pieces(logits, self.knots)
        above = sum(piece * slope for piece, slope in zip(rest, self.slopes, strict=True))
        return np.asarray(first * self.scale + self.bias + above, np.float64)

    def probabilities(self, logits: Floats) -> Floats:
        """Logits (N, K) -> probabilities (N, K)."""
        calibrated = self.calibrated(logits)
        return np.asarray(softmax(calibrated, axis=1) if self.exclusive else expit(calibrated), np.float64)

    def undone(self, calibrated: Floats) -> Floats:
        """Calibrated logits (N, K) -> logits (N, K); of softmax, up to what all outputs of a frame have in common."""
        inverse = replace(
            self,
            scale=1 / self.scale,
            bias=-self.bias / self.scale,
            knots=self.calibrated(self.knots) if len(self.knots) else self.knots,
            slopes=1 / self.slopes,
        )
        return inverse.calibrated(calibrated)


def pieces(logits: Floats, knots: Floats) -> list[Floats]:
    """How far logits go within each piece between two knots; they are their sum, and each piece rises with them.

    Sums of rising pieces keep the order of logits in floating point too, which differences of hinges do not.

    Args:
        logits: (N, ...).
        knots: (J, ...) rising.
    """
    ends = [*knots[1:], np.full_like(knots[0], np.inf)] if len(knots) else []
    first = np.minimum(logits, knots[0]) if len(knots) else logits
    return [first, *(np.maximum(np.minimum(logits, e) - k, 0.0) for k, e in zip(knots, ends, strict=True))]


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
    scale, bias = platt(logits, targets, enough(targets))
    pooled = fit_each(logits.ravel(), targets.ravel() > 0, np.zeros(logits.size, np.int64), 1)
    spare = others if pooled.method == "none" else pooled
    bare = (scale == 1) & (bias == 0)
    scale, bias = np.where(bare, spare.scale, scale), np.where(bare, spare.bias, bias)
    before, after = (log_loss(z, targets, exclusive=False) for z in (logits, logits * scale + bias))
    return replace(of_types(scale, bias, len(logits)), log_loss_before=before, log_loss_after=after)


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


def enough(targets: Floats, units: NDArray[np.int64] | None = None, fewest: int = FEWEST) -> NDArray[np.bool_]:
    """(K,) whether a type has as many positive and negative images as its fit needs; with units, of as many parts."""
    rows = np.arange(len(targets)) if units is None else units
    shown = targets.T > 0.5
    counts = [min(len(np.unique(rows[has])), len(np.unique(rows[~has]))) for has in shown]
    return np.array(counts, np.int64) >= fewest


def platt(logits: Floats, targets: Floats, fitted: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Scale and bias (K,) of independent types (Platt 1999); 1 and 0 of those that are not to be fitted."""
    scale, bias = np.ones(logits.shape[1]), np.zeros(logits.shape[1])
    for k in np.flatnonzero(fitted):
        scale[k], bias[k] = _platt(logits[:, k], targets[:, k])
    return scale, bias


def _platt(logits: Floats, targets: Floats) -> tuple[float, float]:
    (slope,), bias = rising(logits, 1 - targets, targets)
    return slope, bias


def platt_of_counts(logits: Floats, negative: Floats, positive: Floats) -> tuple[float, float]:
    """Platt's scale and bias of answers counted in bins.

    Args:
        logits: (N,) of each bin.
        negative: (N,) answers that are wrong.
        positive: (N,) answers that are right.
    """
    (slope,), bias = rising(logits, negative, positive)
    return slope, bias


def rising(
    logits: Floats, negative: Floats, positive: Floats, knots: Floats = _STRAIGHT
) -> tuple[tuple[float, ...], float]:
    """The most likely rising line through logits, bent at knots; without one it is Platt's.

    Args:
        logits: (N,).
        negative: (N,) how many answers at each are wrong.
        positive: (N,) how many are right.
        knots: (J,) logits, rising.

    Returns:
        The J + 1 slopes, and the bias.
    """
    high, low = (positive.sum() + 1) / (positive.sum() + 2), 1 / (negative.sum() + 2)
    counts = positive + negative
    wanted = positive * high + negative * low
    parts = np.stack([*pieces(logits, knots), np.ones(len(logits))])

    def loss(parameters: Floats) -> tuple[float, Floats]:
        z = parameters @ parts
        value = -(wanted * log_expit(z) + (counts - wanted) * log_expit(-z)).sum()
        return float(value / counts.sum()), parts @ (counts * expit(z) - wanted) / counts.sum()

    start = np.array([1.0] * (len(parts) - 1) + [0.0])
    bounds = [tuple(np.exp(LOG_SCALE))] * (len(parts) - 1) + [_SHIFT]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-12, "gtol": 1e-8}).x
    return tuple(map(float, found[:-1])), float(found[-1])


def log_loss(logits: Floats, targets: Floats, *, exclusive: bool) -> float:
    """Mean negative log likelihood a frame, in nats; NaN of no frames."""
    return float(log_losses(logits, targets, exclusive=exclusive).mean()) if len(logits) else float("nan")


def log_losses(logits: Floats, targets: Floats, *, exclusive: bool) -> Floats:
    """(N,) negative log likelihood of each frame, in nats."""
    if exclusive:
        losses: Floats = -(targets * log_softmax(logits, axis=1)).sum(axis=1)
    else:
        losses = -(targets * log_expit(logits) + (1 - targets) * log_expit(-logits)).sum(axis=1)
    return losses


def drawn_in(targets: Floats, *, exclusive: bool) -> Floats:
    """Targets (N, K) drawn in from 0 and 1, by Platt's rule; of softmax towards all outputs alike."""
    count, outputs = targets.shape
    if exclusive:
        return np.asarray(targets * (1 - 1 / (count + 2)) + 1 / (count + 2) / outputs, np.float64)
    positive = targets.sum(axis=0)
    soft = np.where(targets > 0.5, (positive + 1) / (positive + 2), 1 / (count - positive + 2))
    return np.asarray(soft, np.float64)


def temperature(logits: Floats, targets: Floats, *, exclusive: bool, highest: float) -> float:
    """The one scale of all logits (Guo et al. 2017, "On Calibration of Modern Neural Networks").

    Args:
        logits: (N, K).
        targets: (N, K) 0 or 1.
        exclusive: Whether softmax follows.
        highest: What it must not pass.
    """
    soft, top = drawn_in(targets, exclusive=exclusive), min(LOG_SCALE[1], float(np.log(highest)))
    result = minimize_scalar(
        lambda log_scale: log_loss(logits * np.exp(log_scale), soft, exclusive=exclusive),
        bounds=(min(LOG_SCALE[0], top - 1), top),
        method="bounded",
    )
    return float(np.exp(result.x))


def lifted(logits: Floats, targets: Floats) -> tuple[float, float]:
    """Platt's scaling where types exclude each other: one scale, and a bias of output 0, good, against all types.

    The order of the types on a frame stays, and at one scale that of frames by how surely they are defective too.
    Of good and one type it is Platt's own. Training that weighs rare types more lifts them against good; this is what
    takes that back (bias-corrected temperature scaling, Alexandari et al. 2020, with one bias alone).

    Args:
        logits: (N, K), output 0 of them good.
        targets: (N, K) one-hot.

    Returns:
        The scale of all outputs and the bias of output 0.
    """
    soft, good = drawn_in(targets, exclusive=True), np.eye(logits.shape[1])[0]

    def loss(parameters: Floats) -> float:
        return log_loss(logits * np.exp(parameters[0]) + parameters[1] * good, soft, exclusive=True)

    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[LOG_SCALE, _SHIFT]).x
    return float(np.exp(found[0])), float(found[1])
