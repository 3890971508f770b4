"""What a trained model's answers mean: each task's way from raw outputs to scores, thresholds and figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from sightline.bundle.manifest import Calibration, Locate
from sightline.errors import ExportError
from sightline.export import calibrators, decide, grouped, tail
from sightline.export.calibrate import Calibrator
from sightline.export.calibrators import Choice
from sightline.export.evaluate import truth_of
from sightline.export.graph import ContractModel, Probabilities, Views
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import ANOMALY, Sample, Split
from sightline.runs import RunFolder
from sightline.runtime.looked import Link
from sightline.train import LabelSpace, anomaly
from sightline.train.networks import Network
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
        locate: Says how single defects are told once thresholds are known; None of a task that does not locate them.
        link: How scores follow from maps; None of a task where they do not.
    """

    model: ContractModel
    classes: tuple[str, ...]
    calibration: Calibration | None
    policy: Callable[[Outputs], Policy]
    locate: Callable[[Policy], Locate] | None = None
    link: Link | None = None


def classified(network: Network, space: LabelSpace, run: RunFolder, sweeper: Sweeper) -> Answer:
    """Calibrates a classifier on the calibrate part.

    Raises:
        DataError: An image was changed since training began.
        ExportError: What the network answers is no number.
    """
    viewed = _views(network, run)
    choice = _probabilities(viewed, space, run, sweeper)

    def policy(outputs: Outputs) -> Policy:
        truth = truth_of(outputs.samples, space.classes)
        exclusive, good = not space.multi_label, space.good
        return decide.choose(outputs.scores, truth, space.classes, run.recipe.decide, exclusive=exclusive, good=good)

    model = ContractModel(viewed, Probabilities(choice.calibrator, first_defect=space.first_defect))
    return Answer(model, space.classes, _chosen(choice), policy)


def anomalous(trained: nn.Module, run: RunFolder, sweeper: Sweeper) -> Answer:
    """Calibrates a model of good parts on those of the calibrate part.

    Raises:
        ExportError: There are too few of them.
        DataError: An image was changed since training began.
    """
    network = _views(trained, run)
    good = [sample for sample in run.index.part(Split.CALIBRATE) if sample.good]
    heat = _sweep(network, good, sweeper, pair=run.recipe.pair).scores[:, 0]
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

    model = ContractModel(network, tail.TailScore(told), pair=run.recipe.pair)
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


class _Raw(nn.Module):
    """Takes raw answers for scores and maps as they are."""

    def forward(self, scores: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        return scores, maps


def _sweep(network: nn.Module, samples: Sequence[Sample], sweeper: Sweeper, *, pair: bool = False) -> Outputs:
    return sweeper.sweep(ContractModel(network, _Raw(), pair=pair).answer, samples, stage="calibrate")


def _probabilities(network: nn.Module, space: LabelSpace, run: RunFolder, sweeper: Sweeper) -> Choice:
    part = run.index.part(Split.CALIBRATE)
    outputs = _sweep(network, part, sweeper)
    sure = [s.model_copy(update={"certainty": 1.0}) for s in part]  # scores are to predict the label, not the doubt
    targets = space.targets(sure).astype(np.float64)
    units, count = grouped.numbered([sample.unit for sample in part])
    good = space.first_defect > 0
    choice = calibrators.choose(
        _finite(outputs).astype(np.float64), targets, units, exclusive=not space.multi_label, good=good
    )
    if not choice.losses:
        tqdm.write(
            f"warning: {count} different images to calibrate on are too few, or show too few of a kind: scores stay as "
            "the network gave them. Take more pictures, or raise data.split.calibrate."
        )
    return choice


def _finite(outputs: Outputs) -> NDArray[np.float32]:
    """The scores (N, C), if all of them are numbers.

    Raises:
        ExportError: They are not; the images are named.
    """
    lost = [s.path for s, row in zip(outputs.samples, outputs.scores, strict=True) if not np.isfinite(row).all()]
    if lost:
        raise ExportError(
            f"expected scores that are finite numbers, got others of {len(lost)} images, first {lost[0]}",
            hint="Nothing was written. Train again; if it comes back, lower train.learning_rate.",
        )
    return outputs.scores


def _chosen(choice: Choice) -> Calibration | None:
    """What the manifest says of a classifier's probabilities; None without images to tell it of."""
    if not choice.calibrator.count:
        return None
    return _told(choice.calibrator).model_copy(
        update={
            "candidates": dict(choice.losses),
            "chosen_by": calibrators.CHOSEN_BY if choice.losses else "too few images to fit anything",
            "error_before": choice.before,
            "error_after": choice.after,
        }
    )


def calibration_of(calibrator: Calibrator) -> Calibration | None:
    """What the manifest says of the probabilities of places or boxes; None if they are as the network gave them."""
    return None if calibrator.method == "none" else _told(calibrator)


def _told(calibrator: Calibrator) -> Calibration:
    parameters = {}
    if calibrator.method != "none":
        parameters = {f"scale/{k}": float(v) for k, v in enumerate(calibrator.scale)}
        parameters |= {f"bias/{k}": float(v) for k, v in enumerate(calibrator.bias)}
        for name, rows in (("knot", calibrator.knots), ("slope", calibrator.slopes)):
            parameters |= {f"{name}/{k}/{j}": float(v) for (j, k), v in np.ndenumerate(rows)}
    return Calibration(
        method=calibrator.method,
        parameters=parameters,
        count=calibrator.count,
        log_loss_before=calibrator.log_loss_before,
        log_loss_after=calibrator.log_loss_after,
    )


def calibrator_of(calibration: Calibration | None, *, exclusive: bool) -> Calibrator | None:
    """What made the scores from logits, as the manifest tells it; None if nothing did.

    Args:
        calibration: The manifest's.
        exclusive: Whether a frame shows at most one type.
    """
    given = calibration.parameters if calibration else {}
    outputs = sum(key.startswith("scale/") for key in given)
    if calibration is None or not outputs:
        return None
    bends = sum(key.startswith("knot/0/") for key in given)
    scale, bias = (np.array([given[f"{name}/{k}"] for k in range(outputs)]) for name in ("scale", "bias"))
    knots, slopes = (
        np.array([[given[f"{name}/{k}/{j}"] for k in range(outputs)] for j in range(bends)]).reshape(bends, outputs)
        for name in ("knot", "slope")
    )
    nothing = float("nan")
    return Calibrator(calibration.method, exclusive, scale, bias, calibration.count, nothing, nothing, knots, slopes)


def _of_tail(told: tail.Tail) -> Calibration:
    parameters = {f"heat/{k}": float(v) for k, v in enumerate(told.knots)}
    parameters |= {f"level/{k}": float(v) for k, v in enumerate(told.levels)}
    parameters |= {"excesses": float(told.excesses), "mean_excess": told.mean_excess}
    return Calibration(method="tail", parameters=parameters, count=told.count)
