"""Tasks that say where, from training to a bundle: with and without a template, whole and in tiles."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

import bundle_factory
from sightline import image, train
from sightline.bundle import Bundle
from sightline.config import Recipe
from sightline.export import export, tasks
from sightline.export.evaluate import evaluate
from sightline.export.sweep import Outputs
from sightline.image import Place
from sightline.index import Box, Index, Sample, Split
from sightline.runs import RunFolder
from sightline.runtime import Inspector
from sightline.runtime.reader import Reading
from sightline.synth import render
from sightline.verdict import Frame

SIDE = 64
LABELS = [(), ("stain",), (), ("dent",)]
PARTS = (Split.TRAIN, Split.TRAIN, Split.VALIDATE, Split.CALIBRATE, Split.TEST)
SMALL = {"backbone": "mobilenet_v3_small", "weights": None}
LEARN = {"epochs": 1, "batch_size": 4, "workers": 0}


def _write(root: Path, labels, *, side=SIDE, template=False, lacking="", count=24) -> Index:
    """An index of synthetic parts, each with the same part free of defects as its template if that is wanted.

    The type that is lacking is in the train part alone.
    """
    samples = []
    for number in range(count):
        shown, split = labels[number % len(labels)], PARTS[number // len(labels) % len(PARTS)]
        if lacking in shown and split is not Split.TRAIN:
            continue
        part = render(number, defects=shown, severity=1.0, size=(side, side))
        name, row = f"{number:03}", {}
        content = image.png(part.image)
        (root / f"{name}.png").write_bytes(content)
        if template:
            whole = render(number, defects=(), severity=1.0, size=(side, side)).image
            whole[0, 0] ^= 1  # for a frame is not compared with itself
            (root / f"{name}-template.png").write_bytes(image.png(whole))
            row["template"] = f"{name}-template.png"
        if shown:
            cv2.imwrite(str(root / f"{name}-mask.png"), part.mask)
            row["mask"] = f"{name}-mask.png"
            row["boxes"] = [dict(zip(("x1", "y1", "x2", "y2", "label"), box, strict=True)) for box in part.boxes]
            row["boxes"] = tuple(Box(**box) for box in row["boxes"])
        sample = Sample(
            path=f"{name}.png",
            labels=shown,
            split=split,
            group=name,
            digest=hashlib.sha256(content).hexdigest(),
            width=side,
            height=side,
            **row,
        )
        samples.append(sample)
    return Index.build(root, samples)


def _run(folder: Path, task: str, labels=LABELS, *, tiles=None, template=False, lacking="", **settings) -> RunFolder:
    root = folder / "parts"
    root.mkdir()
    values = {
        "name": "tiny",
        "task": task,
        "data": {"root": str(root)},
        "input": {"height": SIDE, "width": SIDE, "tiles": tiles},
        "model": {**SMALL, **settings.pop("model", {})},
        "localise": {"stride": 8, "width": 8, "candidates": 20},
        "train": LEARN,
        **({"template": {}} if template else {}),
        **settings,
    }
    side = SIDE if tiles is None else SIDE + 32
    index = _write(root, labels, side=side, template=template, lacking=lacking)
    run = RunFolder.create(folder / "runs", Recipe.model_validate(values), index)
    train.fit(run)
    return run


def _verdicts(run: RunFolder) -> dict[str, dict[str, str]]:
    table = (run.artifacts / "test" / "verdicts.csv").read_text(encoding="utf-8")
    return {row["path"]: row for row in csv.DictReader(table.splitlines())}


def _said_alike(run: RunFolder, made: Path) -> None:
    inspector, rows = Inspector.open(made, self_test=True), _verdicts(run)
    assert len(rows) == len(run.index.part(Split.TEST)) > 0
    for sample in run.index.part(Split.TEST):
        own = image.read(run.index.root / sample.template, bits=16) if sample.template else None
        verdict = inspector.inspect(Frame(image.read(run.index.file(sample), bits=16), sample.path, own))
        assert verdict.outcome.value == rows[sample.path]["outcome"], verdict
        for name, score in verdict.scores.items():
            assert score == pytest.approx(float(rows[sample.path][name]), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "template", "tiles"),
    [
        ("segment", True, None),
        ("segment", False, {"overlap": 16}),
        ("detect", False, None),
        ("detect", True, {"overlap": 16}),
    ],
)
def test_the_runtime_says_what_the_exporter_measured(tmp_path: Path, task: str, template: bool, tiles) -> None:
    run = _run(tmp_path, task, template=template, tiles=tiles)
    made = export(run)
    _said_alike(run, made)
    manifest = Bundle.open(made).manifest
    assert manifest.locate is not None
    assert (manifest.templates is not None) == template
    assert manifest.headline[0].name == {"segment": "miou", "detect": "map_33"}[task]


@pytest.fixture(scope="module", params=["segment", "detect"])
def finished(request, tmp_path_factory) -> RunFolder:
    run = _run(tmp_path_factory.mktemp(request.param), request.param, model={"int8": True})
    export(run)
    return run


@pytest.mark.slow
def test_reviewers_find_pictures_and_a_table_of_single_defects(finished: RunFolder) -> None:
    folder = finished.artifacts / "test"
    drawn = {path.name for path in folder.iterdir()}
    wanted = {"misses.png", "defect-types.png", "recall-by-size.png", "defects.csv", "verdicts.csv"}
    curves = {"detect": "boxes-precision-recall.png", "segment": "regions-precision-recall.png"}
    assert drawn >= wanted | {curves[finished.recipe.task]}
    assert "worst-misses.png" not in drawn
    for path in folder.glob("*.png"):
        assert cv2.imread(str(path)).std() > 1
    rows = list(csv.DictReader((folder / "defects.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["outcome"] for row in rows} <= {"right", "misnamed", "missed", "invented"}
    assert {row["path"] for row in rows} <= {sample.path for sample in finished.index.part(Split.TEST)}
    logged = {name for event in finished.events() if event.kind == "metrics" for name in event.values}
    assert ("test/miou" if finished.recipe.task == "segment" else "test/map_50") in logged
    assert not any(name.startswith(("test/auroc/", "test/dice/", "test/ap_33/")) for name in logged)


@pytest.mark.slow
def test_the_card_says_how_defects_are_told(finished: RunFolder) -> None:
    text = (finished.artifacts / "card.md").read_text(encoding="utf-8")
    assert "## How defects are told" in text
    assert text.index("### Single defects") < text.index("### Whole frames") < text.index("### Type by type")
    assert "`misses.png`" in text
    assert f"`{'boxes' if finished.recipe.task == 'detect' else 'regions'}-precision-recall.png`" in text


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segment", "detect"])
def test_small_defects_that_do_not_count_pass_in_both(tmp_path: Path, task: str) -> None:
    """With a threshold that all reach, and an area that nothing has, every frame is OK."""
    decide = {"rule": "fixed", "threshold": 1e-6, "minimum_area": SIDE * SIDE + 1}
    run = _run(tmp_path, task, decide=decide)
    _said_alike(run, export(run))
    assert {row["outcome"] for row in _verdicts(run).values()} == {"OK"}


@pytest.mark.slow
@pytest.mark.parametrize(("task", "rule"), [("segment", "overkill"), ("segment", "auto"), ("detect", "auto")])
def test_only_defective_parts_and_types_that_parts_lack_make_a_bundle(tmp_path: Path, task: str, rule: str) -> None:
    run = _run(tmp_path, task, [("stain",), ("dent",)], lacking="dent", decide={"rule": rule})
    manifest = Bundle.open(export(run)).manifest
    assert manifest.classes == ("dent", "stain")
    names = {metric.name for metric in manifest.metrics}
    assert "overkill_rate" not in names
    assert np.isfinite([metric.value for metric in manifest.metrics]).all()


@pytest.mark.slow
def test_a_test_part_whose_defects_nobody_marked_has_figures_of_frames(tmp_path: Path) -> None:
    run = _run(tmp_path, "detect")
    bare = [
        sample.model_copy(update={"mask": None, "boxes": ()}) if sample.split is Split.TEST else sample
        for sample in run.index.samples
    ]
    other = RunFolder.create(tmp_path / "others", run.recipe, Index.build(run.index.root, bare))
    train.fit(other)
    names = {metric.name for metric in Bundle.open(export(other)).manifest.metrics}
    assert "exact_match" in names
    assert "map_50" not in names


@pytest.mark.parametrize(("least", "escapes"), [(0, 1.0), (20, None)])
def test_a_frame_whose_marks_are_all_too_small_is_not_defective_in_its_figures(
    tmp_path: Path, least: float, escapes: float | None
) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[4:7, 4:7] = 255
    (tmp_path / "mask.png").write_bytes(image.png(mask))
    described, _ = bundle_factory.local_contents()
    policy = described.policy.model_copy(update={"minimum_area": least})
    speck = Sample(path="speck.png", labels=("red",), mask="mask.png", width=SIDE, height=SIDE)
    samples = (speck, Sample(path="good.png", width=SIDE, height=SIDE))
    place = Place((SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE))
    reading = Reading(np.full(3, 0.1, np.float32), np.full((3, 8, 8), 0.1, np.float32), None, place)
    outputs = Outputs(samples, np.stack([reading.scores] * 2), (reading,) * 2)
    index = Index(root=tmp_path, classes=described.classes, samples=samples)
    scored = tasks.scored(outputs, index, described.model_copy(update={"policy": policy}))
    figures = {metric.name: metric.value for metric in evaluate(scored)}
    assert figures.get("escape_rate") == escapes
