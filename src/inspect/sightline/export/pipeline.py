"""From a finished run to a bundle: calibrate, decide, export, compare, measure, draw, pack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import sightline
from sightline import bundle, config, image
from sightline.bundle.manifest import INT8_MODEL, MODEL, Data, Golden, Manifest, Parity, Provenance, Templates
from sightline.config import Recipe
from sightline.dataset.views import variant_files
from sightline.errors import ExportError
from sightline.export import card, eight_bit, tasks
from sightline.export import parity as gate
from sightline.export.answer import Answer
from sightline.export.assured import Wish, assure
from sightline.export.compact import compact
from sightline.export.graph import OPSET, to_onnx
from sightline.export.record import record
from sightline.export.sweep import Outputs, Sweeper
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
        TrainError: The run was not trained to its end, or its weights are no numbers.
        BundleError: The bundle of before holds files that are none of its own, or the new one cannot be written.
        DataError: An image was changed since training began, or the calibrate part does not prove what the
            recipe wants.
    """
    bundle.check_own(run.bundle)
    recipe, index = run.recipe, run.index
    sweeper = Sweeper.of(index, recipe, progress)
    answered = tasks.answer(run, sweeper)
    exported = to_onnx(answered.model, recipe.input)
    onnx_file = compact(exported)
    session = Session(onnx_file)

    def part(split: Split) -> Outputs:
        return sweeper.sweep(session.run, index.part(split), stage=split.value, link=answered.link)

    calibrate, test = part(Split.CALIBRATE), part(Split.TEST)
    policy = answered.policy(calibrate)
    checked = test if test.samples else calibrate
    golden, frames = _golden(checked, answered.classes, sweeper)
    templates, pictures = _templates(recipe)
    manifest = _manifest(run, answered, policy, golden, templates, mlflow_run)
    small = eight_bit.add(exported, run, (calibrate, test), manifest, golden, sweeper) if recipe.model.int8 else None
    manifest = _assured(manifest, run, [calibrate, small.parts[0]] if small else [calibrate])
    manifest = manifest.model_copy(update={"parity": _compare(answered, checked, sweeper, manifest)})
    scored = tasks.scored(test, index, manifest)
    measured = tasks.figures(scored, test, index, manifest.locate)
    of_small = small.facts((calibrate, test), manifest, index) if small else None
    manifest = manifest.model_copy(update={"metrics": measured, "int8": of_small})
    text = card.write(manifest, recipe.card, size=len(onnx_file), kept=_kept(index, recipe))
    record(run, manifest, scored, test, sweeper, text)
    own = {MODEL: onnx_file, "recipe.yaml": config.dump(recipe).encode(), "card.md": text.encode()}
    files = {**own, **frames, **pictures} | ({INT8_MODEL: small.model} if small else {})
    return bundle.write(run.path / "bundle", manifest, files, replace=True, prove=self_test)


def _manifest(
    run: RunFolder,
    answered: Answer,
    policy: Policy,
    golden: Mapping[str, Golden],
    templates: Templates | None,
    mlflow_run: str | None,
) -> Manifest:
    """All that is known before anything is compared or measured."""
    recipe = run.recipe
    return Manifest(
        name=recipe.name,
        version=recipe.version,
        sector=recipe.sector,
        product=recipe.product,
        method=recipe.task,
        classes=answered.classes,
        input=recipe.input,
        opset=OPSET,
        policy=policy,
        locate=answered.locate(policy) if answered.locate else None,
        templates=templates,
        calibration=answered.calibration,
        metrics=(),
        data=_data(run.index, recipe),
        parity=Parity(images=0, largest_score_difference=0, largest_map_difference=0, verdict_flips=0),
        golden=tuple(golden.values()),
        tolerance=GOLDEN_TOLERANCE,
        provenance=_provenance(run, mlflow_run),
        runtime_needed=sightline.__version__,
        files={},
    )


def _assured(manifest: Manifest, run: RunFolder, answers: Sequence[Outputs]) -> Manifest:
    """With the thresholds that the recipe wants proved, or cheapest, on what each model says of the calibrate part."""
    wish = Wish.of(run.recipe.decide)
    if wish is None:
        return manifest
    made = assure(manifest, run.index, answers, wish)
    return manifest.model_copy(update={"policy": made.policy, "locate": made.locate})


def self_test(folder: Path) -> None:
    """Makes sure that each model of a bundle answers its golden samples as the exporter got them.

    Raises:
        BundleError: One does not, or the bundle is damaged.
    """
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


def _compare(answered: Answer, exported: Outputs, sweeper: Sweeper, manifest: Manifest) -> Parity:
    if not exported.samples:
        raise ExportError(
            "expected images to compare the exported model on, but the test and calibrate parts are empty",
            hint="Give data.split.test or data.split.calibrate a share.",
        )
    trained = sweeper.sweep(answered.model.answer, exported.samples, stage="compare", link=answered.link)
    before, after = (tasks.scored(outputs, sweeper.index, manifest).verdicts for outputs in (trained, exported))
    return gate.check(trained, exported, before, after)


def _golden(outputs: Outputs, classes: Sequence[str], sweeper: Sweeper) -> tuple[dict[str, Golden], dict[str, bytes]]:
    """Picks one frame of each class, then of each again, as long as they stay few and small.

    Returns:
        Path of the image -> golden sample, and the files of the bundle.
    """
    golden: dict[str, Golden] = {}
    files: dict[str, bytes] = {}
    for row in _round_robin([s.labels for s in outputs.samples])[:_GOLDEN_FRAMES]:
        frame, name = sweeper.frame(outputs.samples[row]), f"golden/{len(golden) + 1:03d}"
        new = {f"{name}.png": image.png(frame.image)}
        if frame.template is not None:
            new[f"{name}-template.png"] = image.png(frame.template)
        if golden and sum(map(len, files.values())) + sum(map(len, new.values())) > _GOLDEN_BYTES:
            break
        files |= new
        first, *template = new
        scores = dict(zip(classes, map(float, outputs.scores[row]), strict=True))
        beside = template[0] if template else None
        golden[frame.id] = Golden(file=first, scores=scores, template=beside, variant=frame.variant)
    return golden, files


def _templates(recipe: Recipe) -> tuple[Templates | None, dict[str, bytes]]:
    """What the manifest says of templates, and the files of variants."""
    settings = recipe.template
    if settings is None:
        return None, {}
    pictures = {name: image.read(path, bits=recipe.input.bits) for name, path in variant_files(settings).items()}
    files = {name: f"templates/{name}.png" for name in pictures}
    told = Templates(compared=settings.compared, choose=settings.choose, variants=files)
    return told, {files[name]: image.png(picture) for name, picture in pictures.items()}


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
