"""The localising tasks at export: calibrated places and boxes, thresholds, and the figures of single defects."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from torch import Tensor, nn

from sightline.boxes import Boxes
from sightline.bundle.manifest import Locate, Metric
from sightline.config.recipe import Decision
from sightline.dataset import marks
from sightline.export import calibrate, decide, histogram
from sightline.export.answer import Answer, calibration_of
from sightline.export.calibrate import Calibrator
from sightline.export.dense import BoxAnswer, RegionAnswer
from sightline.export.detection import Compared, best_thresholds, detection_figures
from sightline.export.evaluate import Scored, truth_of
from sightline.export.graph import ContractModel
from sightline.export.matching import match
from sightline.export.overkill import overkill_figure, peaks_of
from sightline.export.regions import RegionTally
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import Index, Split
from sightline.runs import RunFolder
from sightline.train import Dense
from sightline.verdict import Policy

_OVERKILL = 0.05  # share of good images at which the recall of single defects is told
_FEWEST = 10  # right and wrong boxes of a type that its calibration needs


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
    frame = calibrate.fit(raw.scores.astype(np.float64), truth_of(part, classes).astype(np.float64), exclusive=False)
    frame = calibrate.filled(frame, places)
    edges = dict(zip(classes, seen.best_edges(places), strict=True))

    def policy(outputs: Outputs) -> Policy:
        truth = truth_of(outputs.samples, classes)
        return _policy(
            decide.choose(outputs.scores, truth, classes, run.recipe.decide, exclusive=False, good=True), run
        )

    def locate(policy: Policy) -> Locate:
        peaks = {}
        for number, name in enumerate(classes):
            score = np.clip(policy.threshold(name).review, 1e-6, 1 - 1e-6)
            place = (logit(score) - frame.bias[number]) / frame.scale[number]
            peaks[name] = float(expit(place * places.scale[number] + places.bias[number]))
        return Locate(by="regions", peaks=peaks, edges=edges)

    model = ContractModel(network, RegionAnswer(places, frame), pair=network.pair)
    return Answer(model, classes, calibration_of(frame), policy, locate)


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
    calibrator = _of_boxes(compared(raw, index), len(classes), recipe.decide.iou)

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
        logits.append(logit(np.clip(one.found.scores.astype(np.float64), 1e-6, 1 - 1e-6)))
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
    if decision.rule in ("overkill", "fixed"):
        truth = truth_of(outputs.samples, classes)
        return decide.choose(outputs.scores, truth, classes, decision, exclusive=False, good=True)
    images = compared(outputs, index)
    limits = best_thresholds(images, classes, decision.iou)
    count = sum(len(one.truth) for one in images)
    why = f"best F of boxes at IoU {decision.iou:g} on {count} of the calibrate part; no guarantee"
    return decide.policy_of(dict(zip(classes, map(float, limits), strict=True)), decision, why)


def compared(outputs: Outputs, index: Index) -> list[Compared]:
    """The boxes found on each image beside those that people drew; images whose defects are not marked are left out."""
    images = []
    for sample, reading in zip(outputs.samples, outputs.readings, strict=True):
        if marks.is_marked(sample):
            found = Boxes.empty() if reading.boxes is None else reading.boxes
            images.append(Compared(sample.unit, found, marks.boxes_on(sample, index)))
    return images


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
    if locate.by == "boxes":
        limits = [scored.policy.threshold(name).ng for name in scored.classes]
        return detection_figures(compared(outputs, index), scored.classes, limits)
    tally, rows = RegionTally(scored.classes), []
    edges = [locate.edges[name] for name in scored.classes]
    for unit, heat, truth in over_frames(outputs, index):
        tally.add(heat, truth, edges, unit)
        rows.append(peaks_of(heat, truth, unit))
    at_overkill = overkill_figure(f"instance_recall_at_overkill_{_OVERKILL:.0%}".rstrip("%"), rows, _OVERKILL)
    return tally.metrics() + ((at_overkill,) if at_overkill else ())


def over_frames(outputs: Outputs, index: Index) -> Iterator[tuple[str, NDArray[np.float32], NDArray[np.bool_]]]:
    """Of each image whose defects are marked: its group, its maps (C, H, W) over the frame, and the truth (C, H, W)."""
    for sample, reading in zip(outputs.samples, outputs.readings, strict=True):
        types = marks.types_map(sample, index)
        if (types == marks.UNKNOWN).any():
            continue
        heat = np.stack([reading.place.heat_to_frame(one) for one in reading.maps])
        truth = types[None] == np.arange(1, len(heat) + 1, dtype=np.uint8)[:, None, None]
        yield sample.unit, heat, truth
