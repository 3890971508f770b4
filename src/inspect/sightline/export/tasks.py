"""Each task's own at export: what its answers mean, and which figures it is measured by."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from sightline.bundle.manifest import Locate, Manifest, Metric
from sightline.errors import TrainError
from sightline.export import evaluate, local, one_class, told
from sightline.export.answer import Answer, anomalous, calibrator_of, classified
from sightline.export.evaluate import Scored
from sightline.export.local import located
from sightline.export.pixels import pixel_figures
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import Index
from sightline.runs import RunFolder
from sightline.runtime.defects import defects_of
from sightline.runtime.reader import Reading
from sightline.train import Classification, Dense, Network, anomaly, compare, epochs
from sightline.verdict import Defect


def answer(run: RunFolder, sweeper: Sweeper) -> Answer:
    """Loads what a run has trained and calibrates it on the calibrate part.

    Raises:
        TrainError: The run was not trained to its end, or its weights are no numbers.
        ExportError: The calibrate part does not suffice.
        DataError: An image was changed since training began.
    """
    if run.recipe.task in ("anomaly", "compare"):
        detector = anomaly.load(run) if run.recipe.task == "anomaly" else compare.load(run)
        _check_numbers(detector, run)
        return anomalous(detector, run, sweeper)
    network, task = epochs.load(run)
    _check_numbers(network, run)
    if isinstance(task, Classification) and isinstance(network, Network):
        return classified(network, task.space, run, sweeper)
    if isinstance(network, Dense):
        return located(network, run, sweeper)
    raise TypeError(f"no answer is known for {type(task).__name__}")


def _check_numbers(network: nn.Module, run: RunFolder) -> None:
    """Refuses weights that are not finite: what such a network answers is no number either."""
    lost = [name for name, values in network.state_dict().items() if not values.isfinite().all()]
    if lost:
        raise TrainError(
            f"{run.path}: expected weights that are finite numbers, got others in {len(lost)} tensors, first {lost[0]}",
            hint="Nothing was written. Train again; if it comes back, lower train.learning_rate.",
        )


def scored(outputs: Outputs, index: Index, manifest: Manifest) -> Scored:
    """One part with its verdicts, as the runtime of a bundle gives them.

    Args:
        outputs: What the model answered on the part.
        index: Tells what is true.
        manifest: The bundle's; its figures do not matter.
    """
    one_class = manifest.method in ("anomaly", "compare")
    part = Scored(outputs.samples, outputs.scores, manifest.classes, manifest.policy, one_class)
    if manifest.locate is None:
        return replace(part, calibrator=calibrator_of(manifest.calibration, exclusive=manifest.policy.exclusive))
    located = tuple(_without_outlines(reading, manifest) for reading in outputs.readings)
    return replace(part, located=located, shows=told.truth(outputs, index, manifest.policy.minimum_area))


def _without_outlines(reading: Reading, manifest: Manifest) -> tuple[Defect, ...]:
    return tuple(replace(defect, contour=()) for defect in defects_of(reading, manifest))


def figures(scored: Scored, outputs: Outputs, index: Index, locate: Locate | None) -> tuple[Metric, ...]:
    """The figures of one scored part, as its model's task has them.

    Args:
        scored: The part with its verdicts.
        outputs: The same part with maps and boxes.
        index: Tells what is true, and where masks lie.
        locate: How single defects are told, of a task that locates them.
    """
    if scored.one_class:
        return one_class.evaluate(scored) + pixel_figures(outputs, index)
    of_frames = evaluate.evaluate(scored)
    if locate is None:
        return of_frames + pixel_figures(outputs, index)
    return local.figures(scored, outputs, index, locate) + of_frames
