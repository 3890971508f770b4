"""The localising tasks at export: calibrated places and boxes, thresholds, and the figures of single defects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from torch import Tensor, nn

from sightline.bundle.manifest import Locate, Manifest, Metric
from sightline.config.decision import Decision
from sightline.export import calibrate, decide, histogram, told
from sightline.export.answer import Answer, calibration_of
from sightline.export.calibrate import Calibrator
from sightline.export.dense import BoxAnswer, RegionAnswer
from sightline.export.detection import LOOSE, best_thresholds, detection_figures, mean_average_precision
from sightline.export.evaluate import Scored
from sightline.export.graph import ContractModel
from sightline.export.matching import Compared, match
from sightline.export.overkill import overkill_figure, peaks_of
from sightline.export.regions import RegionTally
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import Index, Split
from sightline.runs import RunFolder
from sightline.runtime.looked import Link
from sightline.train import Dense
from sightline.verdict import Policy

_OVERKILL = 0.05  # share of good images at which the recall of single defects is told
_CLEAR = 1e-6  # of 0 and 1, so that a threshold has a finite logit


def located(network: Dense, run: RunFolder, sweeper: Sweeper) -> Answer:
    """Calibrates a localising network on the calibrate part.

    Raises:
        DataError: An image was changed since training began.
    """
    network.eval()
    return _boxed(network, run, sweeper) if run.recipe.task == "detect" else _outlined(network, run, sweeper)


class _Raw(nn.Module):
    """Raw answers of places as maps, and the highest of each type as the frame's score."""

    def forward(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        return raw.amax((2, 3)), raw


def _outlined(network: Dense, run: RunFolder, sweeper: Sweeper) -> Answer:
    index, classes = run.index, run.index.classes
    part = index.part(Split.CALIBRATE)
    raw = sweeper.sweep(ContractModel(network, _Raw(), pair=network.pair).answer, part, stage="calibrate")
    seen = histogram.of_places(raw, index)
    places = seen.calibrator()
    frame = calibrate.fit_frames(_highest(raw), told.truth(raw, index).astype(np.float64), places)
    edges = dict(zip(classes, seen.best_edges(places), strict=True))
    scale = frame.scale / places.scale
    link = Link(scale, frame.bias - places.bias * scale)

    def policy(outputs: Outputs) -> Policy:
        least = run.recipe.decide.minimum_area
        scores = told.scores_of_regions(outputs, list(edges.values()), link, least) if least else outputs.scores
        truth = told.truth(outputs, index, least)
        return _policy(decide.choose(scores, truth, classes, run.recipe.decide, exclusive=False, good=True), run)

    def locate(policy: Policy) -> Locate:
        limits = np.array([policy.threshold(name).review for name in classes])
        peaks = dict(zip(classes, map(float, link.highest(limits).clip(_CLEAR, 1)), strict=True))
        # Where the best edge lies above what the frame's threshold asks for, a region ends where it begins.
        ends = {name: min(edges[name], peaks[name]) for name in classes}
        numbers = zip(map(float, link.scale), map(float, link.bias), strict=True)
        return Locate(by="regions", peaks=peaks, edges=ends, frame=dict(zip(classes, numbers, strict=True)))

    model = ContractModel(network, RegionAnswer(places, frame), pair=network.pair)
    return Answer(model, classes, calibration_of(frame), policy, locate, link)


def _highest(raw: Outputs) -> NDArray[np.float64]:
    """(N, C) the highest of each map where somebody looks."""
    highest = [np.where(one.looked_at, one.maps, -np.inf).max((1, 2)) for one in raw.readings]
    return np.array(highest, np.float64).reshape(raw.scores.shape)


def _boxed(network: Dense, run: RunFolder, sweeper: Sweeper) -> Answer:
    recipe, index, classes = run.recipe, run.index, run.index.classes
    settings, shape = recipe.localise, (recipe.input.height, recipe.input.width)

    def model(calibrator: Calibrator) -> ContractModel:
        meaning = BoxAnswer(
            calibrator,
            stride=network.stride,
            shape=shape,
            candidates=settings.candidates,
            overlap=settings.overlap,
        )
        return ContractModel(network, meaning, pair=network.pair, boxed=True)

    raw = sweeper.sweep(model(calibrate.untouched(len(classes))).answer, index.part(Split.CALIBRATE), stage="calibrate")
    calibrator = _of_boxes(told.boxes(raw, index, recipe.decide.minimum_area), len(classes), recipe.decide.iou)

    def policy(outputs: Outputs) -> Policy:
        return _policy(_by_boxes(outputs, index, recipe.decide), run)

    def locate(policy: Policy) -> Locate:
        return Locate(by="boxes", peaks={name: policy.threshold(name).review for name in classes})

    return Answer(model(calibrator), classes, calibration_of(calibrator), policy, locate)


def _policy(chosen: Policy, run: RunFolder) -> Policy:
    return chosen.model_copy(update={"minimum_area": float(run.recipe.decide.minimum_area)})


def _of_boxes(images: list[Compared], classes: int, iou: float) -> Calibrator:
    """Calibrates boxes by whether each one is right; a type with too few of either kind stays as it is."""
    logits: list[NDArray[np.float64]] = []
    right: list[NDArray[np.bool_]] = []
    types: list[NDArray[np.int64]] = []
    for one in images:
        logits.append(logit(np.clip(one.found.scores.astype(np.float64), _CLEAR, 1 - _CLEAR)))
        right.append(match(one.found, one.truth, [iou])[0] >= 0)
        types.append(one.found.classes)
    return calibrate.fit_each(
        np.concatenate(logits) if logits else np.zeros(0),
        np.concatenate(right) if right else np.zeros(0, bool),
        np.concatenate(types) if types else np.zeros(0, np.int64),
        classes,
    )


def _by_boxes(outputs: Outputs, index: Index, decision: Decision) -> Policy:
    """The threshold of each type: the one of the best F score of its boxes, unless good parts or the recipe decide."""
    classes = index.classes
    least = decision.minimum_area
    if decision.rule in ("overkill", "fixed"):
        scores = told.scores_of_boxes(outputs, least) if least else outputs.scores
        truth = told.truth(outputs, index, least)
        return decide.choose(scores, truth, classes, decision, exclusive=False, good=True)
    images = told.boxes(outputs, index, least)
    limits = best_thresholds(images, classes, decision.iou)
    count = sum(len(one.truth) for one in images)
    why = f"best F1 of boxes at IoU {decision.iou:g} on {count} drawn ones of the calibrate part; no guarantee"
    return decide.policy_of(dict(zip(classes, map(float, limits), strict=True)), decision, why)


def figures(scored: Scored, outputs: Outputs, index: Index, locate: Locate) -> tuple[Metric, ...]:
    """The figures of single defects of one part.

    Args:
        scored: The part with its verdicts.
        outputs: The same part with maps and boxes.
        index: Tells what is true.
        locate: How single defects are told.
    """
    if not outputs.samples:
        return ()
    classes, policy = scored.classes, scored.policy
    if locate.by == "boxes":
        return detection_figures(told.boxes(outputs, index, policy.minimum_area), classes, limits(policy, classes))
    tally, rows = RegionTally(classes), []
    for one in told.regions(outputs, index, classes, policy, locate):
        sample = outputs.samples[one.row]
        tally.add(one.told, one.truth, [told.LEAST] * len(classes), sample.unit)
        if sample.good or one.truth.any():  # what is too small makes no image defective, and none good
            rows.append(peaks_of(one.heat, one.truth, sample.unit))
    at_overkill = overkill_figure(f"instance_recall_at_overkill_{_OVERKILL * 100:.0f}", rows, _OVERKILL)
    return tally.metrics() + ((at_overkill,) if at_overkill else ())


def places(outputs: Outputs, index: Index, manifest: Manifest) -> float | None:
    """How well single defects of a part are found: mAP at IoU 0.33 of boxes, mean IoU of regions; None of none."""
    locate, policy, classes = manifest.locate, manifest.policy, manifest.classes
    if locate is None:
        return None
    if locate.by == "boxes":
        value = mean_average_precision(told.boxes(outputs, index, policy.minimum_area), classes, LOOSE)
        return float(value) if np.isfinite(value) else None
    tally = RegionTally(classes)
    for one in told.regions(outputs, index, classes, policy, locate):
        tally.add(one.told, one.truth, [told.LEAST] * len(classes), outputs.samples[one.row].unit)
    return next((metric.value for metric in tally.metrics() if metric.name == "miou"), None)


def limits(policy: Policy, classes: Sequence[str]) -> list[float]:
    """(C,) the score of each type from which a box counts."""
    return [policy.threshold(name).ng for name in classes]
