"""What a trained model's answers mean: each task's way from raw outputs to scores, thresholds and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from sightline.bundle.manifest import Calibration, Metric
from sightline.export import calibrate, decide, evaluate, one_class, tail
from sightline.export.evaluate import Scored, truth_of
from sightline.export.graph import ContractModel, Probabilities, Views
from sightline.export.sweep import Outputs, sweep
from sightline.index import ANOMALY, Sample, Split
from sightline.runs import Progress, RunFolder
from sightline.train import LabelSpace, anomaly, epochs
from sightline.verdict import Policy

CALIBRATE_SUSPICIOUS = "suspicious-calibrate.csv"
"""In the run's artifacts: the good images of the calibrate part to look at first, the most unlike the others first."""


@dataclass(frozen=True)
class Answer:
    """A trained model whose scores mean something.

    Attributes:
        model: Keeps the ONNX contract.
        classes: Names of its scores.
        calibration: For the manifest; None if scores are as the network gave them.
        policy: Chooses the thresholds from what the exported model answered on the calibrate part.
    """

    model: ContractModel
    classes: tuple[str, ...]
    calibration: Calibration | None
    policy: Callable[[Outputs], Policy]


def figures(scored: Scored) -> tuple[Metric, ...]:
    """The image figures of one scored part, as its model's task has them."""
    return one_class.evaluate(scored) if scored.one_class else evaluate.evaluate(scored)


def answer(run: RunFolder, *, progress: Progress) -> Answer:
    """Loads what a run has trained and calibrates it on the calibrate part.

    Raises:
        TrainError: The run was not trained to its end.
        ExportError: The calibrate part does not suffice.
        DataError: An image was changed since training began.
    """
    return _anomalous(run, progress) if run.recipe.task == "anomaly" else _classified(run, progress)


def _classified(run: RunFolder, progress: Progress) -> Answer:
    trained, space = epochs.load(run)
    network = _views(trained, run)
    calibrator = _probabilities(network, space, run, progress)

    def policy(outputs: Outputs) -> Policy:
        truth = truth_of(outputs.samples, space.classes)
        exclusive, good = not space.multi_label, space.good
        return decide.choose(outputs.scores, truth, space.classes, run.recipe.decide, exclusive=exclusive, good=good)

    model = ContractModel(network, Probabilities(calibrator, first_defect=space.first_defect))
    return Answer(model, space.classes, _temperature(calibrator), policy)


def _anomalous(run: RunFolder, progress: Progress) -> Answer:
    network = _views(anomaly.load(run), run)
    good = [sample for sample in run.index.part(Split.CALIBRATE) if sample.good]
    heat = _sweep(network, good, run, progress).scores[:, 0]
    left_out = _suspicious(run, good, heat)
    kept = [row for row in range(len(good)) if row not in left_out]
    told = tail.fit(heat[kept], groups=tuple(good[row].unit for row in kept))

    def policy(outputs: Outputs) -> Policy:
        out = {good[row].path for row in left_out}
        keep = np.array([sample.path not in out for sample in outputs.samples], bool)
        defective = np.array([not sample.good for sample in outputs.samples], bool)[keep]
        if decide.by_overkill(defective, run.recipe.decide):
            _warn_of_few(told, run.recipe.decide.overkill)
        chosen = decide.choose_one_class(outputs.scores[keep], defective, run.recipe.decide, told)
        odd = f"; {len(left_out)} images quite unlike the others were left out" if left_out else ""
        return chosen.model_copy(update={"chosen_by": chosen.chosen_by + odd})

    model = ContractModel(network, tail.TailScore(told))
    return Answer(model, (ANOMALY,), _of_tail(told), policy)


def _warn_of_few(told: tail.Tail, asked: float) -> None:
    if asked < told.rarest:
        tqdm.write(
            f"warning: {told.count} different good parts to calibrate on are few: to tell a threshold that {asked:.1%} "
            f"of good parts reach takes {tail.wanted_for(asked):,}. Take more pictures, or raise data.split.calibrate; "
            "until then more good parts may be rejected, or defects missed."
        )


def _suspicious(run: RunFolder, good: Sequence[Sample], heat: NDArray[np.float32]) -> set[int]:
    """Rows of the calibrate part that may hide a defect and would make the threshold too high; they are listed."""
    rows = anomaly.odd(heat)
    anomaly.list_suspicious(run, CALIBRATE_SUSPICIOUS, good, heat)
    kept = run.recipe.anomaly.suspicious == "keep" or not anomaly.exceptions(rows, len(good))
    if rows:
        tqdm.write(
            f"warning: {len(rows)} images called good in the calibrate part are quite unlike the others and were "
            f"{'kept' if kept else 'left out'}; look at them: {run.artifacts / CALIBRATE_SUSPICIOUS}"
        )
    return set() if kept else set(rows)


def _views(trained: nn.Module, run: RunFolder) -> nn.Module:
    count = run.recipe.model.views
    return Views(trained, count).eval() if count > 1 else trained.eval()


def _sweep(network: nn.Module, samples: Sequence[Sample], run: RunFolder, progress: Progress) -> Outputs:
    def raw(images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.no_grad():
            scores, maps = network(torch.from_numpy(images))
        return scores.numpy(), maps.numpy()

    return sweep(raw, samples, run.index, run.recipe.input, stage="calibrate", progress=progress)


def _probabilities(network: nn.Module, space: LabelSpace, run: RunFolder, progress: Progress) -> calibrate.Calibrator:
    part = run.index.part(Split.CALIBRATE)
    outputs = _sweep(network, part, run, progress)
    sure = [s.model_copy(update={"certainty": 1.0}) for s in part]  # scores are to predict the label, not the doubt
    targets = space.targets(sure).astype(np.float64)
    return calibrate.fit(outputs.scores.astype(np.float64), targets, exclusive=not space.multi_label)


def _temperature(calibrator: calibrate.Calibrator) -> Calibration | None:
    if calibrator.method == "none":
        return None
    parameters = {f"scale/{k}": float(v) for k, v in enumerate(calibrator.scale)}
    parameters |= {f"bias/{k}": float(v) for k, v in enumerate(calibrator.bias)}
    return Calibration(
        method=calibrator.method,
        parameters=parameters,
        count=calibrator.count,
        log_loss_before=calibrator.log_loss_before,
        log_loss_after=calibrator.log_loss_after,
    )


def _of_tail(told: tail.Tail) -> Calibration:
    parameters = {f"heat/{k}": float(v) for k, v in enumerate(told.knots)}
    parameters |= {f"level/{k}": float(v) for k, v in enumerate(told.levels)}
    parameters |= {"excesses": float(told.excesses), "mean_excess": told.mean_excess}
    return Calibration(method="tail", parameters=parameters, count=told.count)
