"""From a finished run to a bundle: calibrate, decide, export, compare, measure, draw, pack."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import sightline
from sightline import bundle, config, image
from sightline.bundle.manifest import INT8_MODEL, MODEL, Data, Golden, Manifest, Parity, Provenance
from sightline.config import Recipe
from sightline.dataset.scan import read_checked
from sightline.errors import ExportError
from sightline.export import card, eight_bit, parity
from sightline.export.answer import answer, figures
from sightline.export.compact import compact
from sightline.export.evaluate import Scored
from sightline.export.graph import OPSET, ContractModel, to_onnx, torch_scores
from sightline.export.pixels import pixel_figures
from sightline.export.record import record
from sightline.export.sweep import Outputs, sweep
from sightline.index import Index, Split
from sightline.runs import Metrics, Progress, RunFolder, silent
from sightline.runtime import Inspector
from sightline.runtime.session import Session
from sightline.verdict import Policy

GOLDEN_TOLERANCE = 5e-3
"""Largest difference of a golden score that another processor or onnxruntime may show."""

_GOLDEN_FRAMES = 8
_GOLDEN_BYTES = 4_000_000


def export(run: RunFolder, *, progress: Progress = silent, mlflow_run: str | None = None) -> Path:
    """Makes the bundle of a trained run, in its ``bundle`` folder, and records figures and pictures in the run.

    Calibration and thresholds come from the calibrate part; the test part only measures. The bundle takes its place
    last: one of before stays until the new one has passed the parity gate and its own golden samples.

    Args:
        run: A run that `sightline.train.fit` has finished.
        progress: Told the stage, images done and images in all.
        mlflow_run: MLflow's id of the run, for the manifest.

    Raises:
        ExportError: The exported model differs from the trained one, or there is nothing to compare them on.
        DataError: An image was changed since training began.
    """
    recipe, index = run.recipe, run.index
    answered = answer(run, progress=progress)
    exported = to_onnx(answered.model, recipe.input)
    onnx_file = compact(exported)
    session = Session(onnx_file)

    def part(split: Split) -> Outputs:
        return sweep(session.run, index.part(split), index, recipe.input, stage=split.value, progress=progress)

    calibrate, test = part(Split.CALIBRATE), part(Split.TEST)
    policy = answered.policy(calibrate)
    checked = test if test.samples else calibrate
    golden, frames = _golden(index, checked, recipe)
    parts = [
        Scored(part.samples, part.scores, answered.classes, policy, one_class=recipe.one_class)
        for part in (calibrate, test)
    ]
    small = eight_bit.add(exported, run, parts, frames, progress) if recipe.model.int8 else None
    manifest = Manifest(
        name=recipe.name,
        version=recipe.version,
        sector=recipe.sector,
        product=recipe.product,
        method=recipe.task,
        classes=answered.classes,
        input=recipe.input,
        opset=OPSET,
        policy=policy,
        calibration=answered.calibration,
        metrics=figures(parts[1]) + pixel_figures(test, index, recipe.input),
        data=_data(index, recipe),
        parity=_compare(answered.model, checked, index, recipe, policy, answered.classes, progress),
        golden=golden,
        int8=small.facts if small else None,
        tolerance=GOLDEN_TOLERANCE,
        provenance=_provenance(run, mlflow_run),
        runtime_needed=sightline.__version__,
        files={},
    )
    text = card.write(manifest, recipe.card, size=len(onnx_file), kept=_kept(index, recipe))
    record(run, manifest, parts[1], test, text)
    files = {MODEL: onnx_file, "recipe.yaml": config.dump(recipe).encode(), "card.md": text.encode(), **frames}
    files |= {INT8_MODEL: small.model} if small else {}
    return bundle.write(run.path / "bundle", manifest, files, replace=True, prove=_self_test)


def _self_test(folder: Path) -> None:
    inspector = Inspector.open(folder, self_test=True)
    if inspector.manifest.int8 is not None:
        Inspector.open(folder, self_test=True, precision="int8")


def _kept(index: Index, recipe: Recipe) -> str:
    """What the card says of twins, told from the parts as they are."""
    crossing = len(index.divided())
    looked = "Exact copies" if recipe.data.split.near_duplicates is None else "Copies and near-duplicates"
    if crossing:
        return f"{looked} were looked for; {crossing} groups of them lie in several parts, as the data came with them."
    return f"{looked} lie in one part only."


def _compare(
    model: ContractModel,
    exported: Outputs,
    index: Index,
    recipe: Recipe,
    policy: Policy,
    classes: tuple[str, ...],
    progress: Progress,
) -> Parity:
    if not exported.samples:
        raise ExportError(
            "expected images to compare the exported model on, but the test and calibrate parts are empty",
            hint="Give data.split.test or data.split.calibrate a share.",
        )
    trained = sweep(
        lambda images: torch_scores(model, images),
        exported.samples,
        index,
        recipe.input,
        stage="compare",
        progress=progress,
    )
    map_difference = float(np.abs(trained.maps - exported.maps).max())
    paths = [s.path for s in exported.samples]
    return parity.check(paths, trained.scores, exported.scores, map_difference, policy, classes)


def _golden(index: Index, outputs: Outputs, recipe: Recipe) -> tuple[tuple[Golden, ...], dict[str, bytes]]:
    """Picks one frame of each class, then of each again, as long as they stay few and small."""
    golden: list[Golden] = []
    files: dict[str, bytes] = {}
    for row in _round_robin([s.labels for s in outputs.samples])[:_GOLDEN_FRAMES]:
        frame = image.png(read_checked(index, outputs.samples[row], bits=recipe.input.bits))
        if golden and sum(map(len, files.values())) + len(frame) > _GOLDEN_BYTES:
            break
        name = f"golden/{len(golden) + 1:03d}.png"
        files[name] = frame
        golden.append(Golden(file=name, scores=tuple(float(score) for score in outputs.scores[row])))
    return tuple(golden), files


def _round_robin(labels: Sequence[tuple[str, ...]]) -> list[int]:
    seen: dict[tuple[str, ...], int] = {}
    turns = []
    for row, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        turns.append((seen[label], label, row))
    return [row for _, _, row in sorted(turns)]


def _data(index: Index, recipe: Recipe) -> Data:
    counts = {split.value: dict(sorted(index.counts(split).items())) for split in Split}
    return Data(source=recipe.card.data or recipe.name, licence=recipe.card.licence, digest=index.digest, counts=counts)


def _trained(run: RunFolder) -> datetime:
    """When training ended: an export that is made again is the same bundle."""
    figures = [
        event.time
        for event in run.events()
        if isinstance(event, Metrics) and any(name.startswith("train/") for name in event.values)
    ]
    return datetime.fromtimestamp(max(figures, default=0) / 1000, UTC)


def _provenance(run: RunFolder, mlflow_run: str | None) -> Provenance:
    return Provenance(
        created=_trained(run).isoformat(timespec="seconds"),
        code_version=sightline.__version__,
        recipe_digest=config.digest(run.recipe),
        run=run.path.name,
        mlflow_run=mlflow_run,
        seed=run.recipe.seed,
    )
