"""The ways to calibrate a classifier, and the choice among them by cross-validation, on the calibrate part only.

``none`` leaves scores as they are, ``temperature`` scales all logits alike, ``platt`` fits a line, ``isotonic`` a line
with bends. All of them rise, so that of independent types the order of frames is kept. Where types exclude each other,
a line for each of them (vector scaling) is no candidate: it would rename frames by the few images of the rarest type,
and gained nothing over one temperature (Guo et al. 2017). Neither are bends: softmax tells logits by their differences
alone, which bends do not keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from sightline.bundle.manifest import Metric
from sightline.export import calibrate, intervals, reliability
from sightline.export.calibrate import FEWEST, Calibrator, Floats, enough, log_loss, log_losses

FOLDS = 10

FEWEST_BENT = 1000
"""Groups of images below which isotonic regression overfits (Niculescu-Mizil & Caruana 2005)."""

CHOSEN_BY = (
    f"log loss in {FOLDS}-fold cross-validation over groups of images; the simplest that is at most one standard error "
    "worse than the best"
)

_THIRDS = (1 / 3, 2 / 3)  # of the images of either kind, between which a type's line may bend
_SUREST = 15.0  # calibrated logit that a part may reach: from 17 on float32 makes a probability 1
_FAINTEST = 80.0  # below zero: from 87 on float32 makes it 0, or loses digits

_Fit = Callable[[Floats, Floats], Calibrator]


@dataclass(frozen=True)
class Choice:
    """The calibrator that was chosen, and what for.

    Attributes:
        calibrator: Fitted on the whole part.
        losses: Candidate -> its log loss on images that it was not fitted on, the simplest first; none of too few.
        before: Expected calibration error of the scores as they were, with interval; None of one group of images.
        after: The same of the chosen calibrator, on images that it was not fitted on.
    """

    calibrator: Calibrator
    losses: Mapping[str, float]
    before: Metric | None
    after: Metric | None


def choose(logits: Floats, targets: Floats, units: NDArray[np.int64], *, exclusive: bool, good: bool = False) -> Choice:
    """Fits the candidates, and chooses by their log loss on images that they were not fitted on.

    The simplest one is taken whose loss is at most one standard error worse than the best one's, the error being that
    of the differences in the folds (Breiman et al. 1984, Hastie et al. 2009, section 7.10); so scores that are
    calibrated mostly stay as they are. Whatever its loss, none is chosen whose scores float32 rounds to certainty.

    Args:
        logits: (N, K) of the calibrate part; N may be 0, then scores stay as they are.
        targets: (N, K) 0 or 1; one-hot if ``exclusive``.
        units: (N,) number of each image's group of twins, which lies in one fold.
        exclusive: Whether a frame has one type (softmax) or any number (sigmoid).
        good: Whether output 0 of a softmax is good.
    """
    fits = _candidates(targets, units, exclusive=exclusive, good=good)
    made = {name: fit(logits, targets) for name, fit in fits.items()}
    if len(made) == 1:
        return Choice(_judged(made["none"], logits, targets), {}, _error(logits, targets, units, exclusive), None)
    folds = folds_of(targets, units)
    unseen = {name: _out_of_fold(fit, logits, targets, folds) for name, fit in fits.items()}
    losses = {name: log_losses(calibrated, targets, exclusive=exclusive) for name, calibrated in unseen.items()}
    sane = {n: each for n, each in losses.items() if reach(made[n].calibrated(logits), exclusive=exclusive) <= 1}
    chosen = _simplest(sane, folds)
    return Choice(
        _judged(made[chosen], logits, targets),
        {name: float(each.mean()) for name, each in losses.items()},
        _error(logits, targets, units, exclusive),
        None if chosen == "none" else _error(unseen[chosen], targets, units, exclusive),
    )


def _candidates(targets: Floats, units: NDArray[np.int64], *, exclusive: bool, good: bool) -> dict[str, _Fit]:
    """What the part suffices for, the simplest first."""
    fits: dict[str, _Fit] = {"none": partial(_same, exclusive=exclusive)}
    groups, fitted = len(np.unique(units)), enough(targets, units)
    if exclusive:
        if groups >= FEWEST and targets.any(axis=0).sum() > 1:
            fits["temperature"] = partial(_scaled, exclusive=True, fitted=np.ones(len(fitted), bool))
            if good and fitted[0]:
                fits["platt"] = _lifted
    elif fitted.any():
        fits["temperature"] = partial(_scaled, exclusive=False, fitted=fitted)
        fits["platt"] = partial(_bent, fitted=fitted, bent=np.zeros(len(fitted), bool))
        bent = enough(targets, units, FEWEST * (len(_THIRDS) + 1))
        if groups >= FEWEST_BENT and bent.any():
            fits["isotonic"] = partial(_bent, fitted=fitted, bent=bent)
    return fits


def _line(method: str, scale: Floats, bias: Floats, count: int, *, exclusive: bool) -> Calibrator:
    nothing = float("nan")
    return Calibrator(method, exclusive, scale, bias, count, nothing, nothing)


def _same(logits: Floats, _: Floats, *, exclusive: bool) -> Calibrator:
    outputs = logits.shape[1]
    return _line("none", np.ones(outputs), np.zeros(outputs), len(logits), exclusive=exclusive)


def _scaled(logits: Floats, targets: Floats, *, exclusive: bool, fitted: NDArray[np.bool_]) -> Calibrator:
    far, outputs = reach(logits, exclusive=exclusive), logits.shape[1]
    highest = 1 / far if far > 0 else np.inf
    scale = calibrate.temperature(logits[:, fitted], targets[:, fitted], exclusive=exclusive, highest=highest)
    return _line("temperature", np.full(outputs, scale), np.zeros(outputs), len(logits), exclusive=exclusive)


def _lifted(logits: Floats, targets: Floats) -> Calibrator:
    (scale, bias), outputs = calibrate.lifted(logits, targets), logits.shape[1]
    return _line("platt", np.full(outputs, scale), bias * np.eye(outputs)[0], len(logits), exclusive=True)


def _bent(logits: Floats, targets: Floats, *, fitted: NDArray[np.bool_], bent: NDArray[np.bool_]) -> Calibrator:
    """A line for each type that suffices for one, bent where it suffices for that."""
    scale, bias = calibrate.platt(logits, targets, fitted & ~bent)
    if not bent.any():
        return _line("platt", scale, bias, len(logits), exclusive=False)
    knots = np.zeros((2 * len(_THIRDS), len(scale)))
    slopes = np.tile(scale, (len(knots), 1))
    for k in np.flatnonzero(bent):
        shows = targets[:, k]
        knots[:, k] = np.sort([np.quantile(logits[shows == kind, k], _THIRDS) for kind in (0, 1)], axis=None)
        (scale[k], *slopes[:, k]), bias[k] = calibrate.rising(logits[:, k], 1 - shows, shows, knots[:, k])
    return replace(_line("isotonic", scale, bias, len(logits), exclusive=False), knots=knots, slopes=slopes)


def reach(calibrated: Floats, *, exclusive: bool) -> float:
    """How near calibrated logits (N, K) come to where float32 rounds probabilities to 0 or 1; above 1 is too near.

    Of softmax the lead of the first output over the second tells how sure it is. Scaled logits reach as much farther.
    """
    if not len(calibrated):
        return 0.0
    if exclusive:
        ordered = np.sort(calibrated, axis=1)
        sure, faint = ordered[:, -1] - ordered[:, -2], ordered[:, -1] - ordered[:, 0]
    else:
        sure, faint = calibrated, -calibrated
    return float(max(sure.max() / _SUREST, faint.max() / _FAINTEST))


def folds_of(targets: Floats, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N,) the fold of each image: groups of twins lie in one, and those that show the same are dealt out evenly."""
    _, first, unit = np.unique(units, return_index=True, return_inverse=True)
    order = np.lexsort((np.random.default_rng(0).random(len(first)), *targets[first].T))
    fold = np.empty(len(first), np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[unit]


def _out_of_fold(fit: _Fit, logits: Floats, targets: Floats, folds: NDArray[np.int64]) -> Floats:
    """Calibrated logits (N, K) of each image, by what was fitted without its fold."""
    calibrated = np.empty_like(logits)
    for fold in np.unique(folds):
        held = folds == fold
        calibrated[held] = fit(logits[~held], targets[~held]).calibrated(logits[held])
    return calibrated


def _simplest(losses: Mapping[str, Floats], folds: NDArray[np.int64]) -> str:
    """The first whose loss in the folds is at most one standard error worse than the best one's."""
    means = {name: np.array([each[folds == f].mean() for f in np.unique(folds)]) for name, each in losses.items()}
    best = min(means.values(), key=np.mean)
    worse = {name: mean - best for name, mean in means.items()}
    return next(n for n, each in worse.items() if each.mean() <= each.std(ddof=1) / np.sqrt(len(each)))


def _judged(calibrator: Calibrator, logits: Floats, targets: Floats) -> Calibrator:
    before, after = (
        log_loss(z, targets, exclusive=calibrator.exclusive) for z in (logits, calibrator.calibrated(logits))
    )
    return replace(calibrator, log_loss_before=before, log_loss_after=after)


def _error(calibrated: Floats, targets: Floats, units: NDArray[np.int64], exclusive: bool) -> Metric | None:
    """The expected calibration error of calibrated logits, with its interval; None of one group of images."""
    groups = [np.flatnonzero(units == unit) for unit in np.unique(units)]
    if len(groups) < 2:
        return None
    probabilities, shown = softmax(calibrated, axis=1) if exclusive else expit(calibrated), targets > 0.5

    def figure(rows: NDArray[np.int64]) -> float:
        return reliability.calibration_error(probabilities[rows], shown[rows], exclusive=exclusive)

    return intervals.bootstrap("calibration_error", figure, groups, intervals.basic)
