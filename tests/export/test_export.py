"""A trained run becomes a bundle that scores as torch does, or a refusal that names the images."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from sightline import bundle
from sightline.config import Preprocess, Recipe
from sightline.config.recipe import Model
from sightline.errors import BundleError, ExportError, TrainError
from sightline.export import export
from sightline.export.calibrate import Calibrator
from sightline.export.graph import ContractModel, Probabilities, Views, to_onnx
from sightline.index import Index, Sample, Split
from sightline.runs import RunFolder
from sightline.runtime import Inspector
from sightline.runtime.session import Session
from sightline.synth import render
from sightline.train import LabelSpace, checkpoint
from sightline.train.networks import build
from sightline.train.origin import origin
from sightline.verdict import Outcome

SIZE = 64
LABELS = [(), ("dent",), ("scratch",)]
PARTS = (Split.TRAIN, Split.CALIBRATE, Split.TEST)


def _images(root: Path, labels: list[tuple[str, ...]], bits: int, parts: tuple[Split, ...], count: int = 24) -> Index:
    samples = []
    for number in range(count):
        shown = labels[number % len(labels)]
        path = root / f"{number:03d}.png"
        frame = render(number, defects=shown, severity=1.0, size=(SIZE, SIZE)).image[..., ::-1]
        cv2.imwrite(str(path), frame if bits == 8 else frame.astype(np.uint16) << (bits - 8))
        part = parts[number // len(labels) % len(parts)]
        samples.append(
            Sample(
                path=path.name,
                labels=shown,
                group=path.stem,
                split=part,
                digest=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )
    return Index.build(root, samples)


def _run(
    folder: Path,
    labels: list[tuple[str, ...]],
    *,
    bits: int = 8,
    parts: tuple[Split, ...] = PARTS,
    count: int = 24,
) -> RunFolder:
    """A run folder as training leaves it, but with random weights."""
    images = folder / "images"
    images.mkdir(parents=True)
    recipe = Recipe.model_validate(
        {
            "name": "tiny",
            "data": {"root": str(images)},
            "input": {"height": SIZE, "width": SIZE, "bits": bits},
            "model": {"backbone": "resnet18", "layer": "layer1", "weights": None},
        }
    )
    run = RunFolder.create(folder / "runs", recipe, _images(images, labels, bits, parts, count))
    torch.manual_seed(0)
    space = LabelSpace.of(run.index, multi_label=recipe.multi_label)
    network = build(recipe.model, space.outputs, recipe.input)
    torch.nn.init.normal_(network.head.weight, std=2.0)  # so that scores differ between frames
    checkpoint.save(
        {"network": network.state_dict(), "epoch": 0, "figures": {}, "run": origin(run)}, run.checkpoints / "best.pt"
    )
    run.metrics({"train/loss": 1.0}, step=0)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return _run(tmp_path_factory.mktemp("run"), LABELS)


@pytest.fixture(scope="module")
def made(run: RunFolder) -> Path:
    return export(run)


def test_the_bundle_holds_what_the_runtime_and_a_reader_need(made: Path, run: RunFolder) -> None:
    opened = bundle.Bundle.open(made)
    manifest = opened.manifest
    assert manifest.classes == ("dent", "scratch")
    assert manifest.policy.good_known
    assert manifest.parity.images == len(run.index.part(Split.TEST))
    assert manifest.parity.largest_score_difference <= 1e-4
    assert manifest.data.counts["calibrate"]["good"] > 0
    assert {m.name for m in manifest.metrics} >= {"accuracy", "macro_f1", "auroc", "escape_rate", "overkill_rate"}
    assert b"name: tiny" in opened.read("recipe.yaml")
    assert "## Limits" in opened.read("card.md").decode()


def test_the_way_to_probabilities_is_chosen_and_what_came_of_it_is_told(tmp_path: Path) -> None:
    run = _run(tmp_path, LABELS, parts=(Split.TRAIN, Split.CALIBRATE, Split.CALIBRATE, Split.TEST), count=84)
    opened = bundle.Bundle.open(export(run))
    told = opened.manifest.calibration
    assert told is not None
    assert told.method == "temperature"  # weights of chance are far too sure of themselves
    assert told.candidates["temperature"] < told.candidates["none"]
    assert told.error_before is not None
    assert told.error_after is not None
    assert told.error_after.value < told.error_before.value
    figures = {metric.name: metric.value for metric in opened.manifest.metrics}
    assert figures["log_loss"] < figures["log_loss_before"]
    assert figures["calibration_error"] < figures["calibration_error_before"]
    assert "temperature scaling, on 42 calibrate images" in opened.read("card.md").decode()


def test_too_few_images_to_calibrate_on_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened = bundle.Bundle.open(export(_run(tmp_path, LABELS)))
    told = opened.manifest.calibration
    assert told is not None
    assert (told.method, told.candidates) == ("none", {})
    assert "warning: 9 different images to calibrate on are too few" in "".join(capsys.readouterr())


def test_golden_samples_show_every_class_and_pass_the_self_test(made: Path) -> None:
    golden = bundle.Bundle.open(made).manifest.golden
    assert len(golden) >= 3
    assert all(set(sample.scores) == {"dent", "scratch"} for sample in golden)
    Inspector.open(made, self_test=True)


def test_the_runtime_scores_as_the_trained_network_does(made: Path, run: RunFolder) -> None:
    rows, inspector = _verdicts(run), Inspector.open(made)
    for sample in run.index.part(Split.TEST):
        verdict = inspector.inspect(run.index.file(sample))
        assert verdict.outcome.value == rows[sample.path]["outcome"]
        assert verdict.scores["dent"] == pytest.approx(float(rows[sample.path]["dent"]), abs=1e-5)


def test_frames_of_12_bits_score_as_the_same_frames_of_8(tmp_path: Path, made: Path, run: RunFolder) -> None:
    """Nothing on the way, from the sweep to the golden samples and the runtime, may read them as 16 bits."""
    deep = _run(tmp_path, LABELS, bits=12)
    inspector = Inspector.open(export(deep), self_test=True)
    before, after = _verdicts(run), _verdicts(deep)
    for sample in deep.index.part(Split.TEST):
        expected = float(before[sample.path]["dent"])
        assert float(after[sample.path]["dent"]) == pytest.approx(expected, abs=1e-5)
        assert inspector.inspect(deep.index.file(sample)).scores["dent"] == pytest.approx(expected, abs=1e-5)


def _verdicts(run: RunFolder) -> dict[str, dict[str, str]]:
    table = (run.artifacts / "test" / "verdicts.csv").read_text(encoding="utf-8")
    return {row["path"]: row for row in csv.DictReader(table.splitlines())}


def test_reviewers_find_figures_and_pictures_in_the_run(made: Path, run: RunFolder) -> None:
    drawn = {path.name for path in (run.artifacts / "test").iterdir()}
    assert drawn >= {"confusion.png", "roc.png", "precision-recall.png", "reliability.png", "worst-misses.png"}
    for path in (run.artifacts / "test").glob("*.png"):
        assert cv2.imread(str(path)).std() > 1
    logged = {name for event in run.events() if event.kind == "metrics" for name in event.values}
    assert {"test/accuracy", "test/macro_f1", "test/auroc"} <= logged


def test_an_export_can_be_made_again(made: Path, run: RunFolder) -> None:
    before = bundle.Bundle.open(made).digest
    again = export(run)
    assert again == made
    assert bundle.Bundle.open(again).digest == before


def test_the_model_tells_nothing_of_the_machine_it_was_made_on(made: Path) -> None:
    model = bundle.Bundle.open(made).read("model.onnx")
    for folder in (Path(__file__).parents[2], Path(torch.__file__).parent):
        assert str(folder).encode() not in model


def test_a_model_that_scores_differently_once_exported_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(tmp_path, LABELS)
    monkeypatch.setattr("sightline.export.pipeline.to_onnx", _slightly_wrong)
    with pytest.raises(ExportError, match=r"\.png"):
        export(run)
    assert not list((run.path).glob("bundle/*/bundle.json"))


def _slightly_wrong(model: ContractModel, preprocess: Preprocess) -> bytes:
    model.meaning.scale += 0.01  # as a forgotten temperature would
    try:
        return to_onnx(model, preprocess)
    finally:
        model.meaning.scale -= 0.01


def test_weights_that_are_no_numbers_are_refused_and_the_old_bundle_stays(tmp_path: Path) -> None:
    run = _run(tmp_path, LABELS)
    before = bundle.Bundle.open(export(run)).digest
    kept = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    best = checkpoint.load(run.checkpoints / "best.pt")
    best["network"]["head.bias"].fill_(float("nan"))
    checkpoint.save(best, run.checkpoints / "best.pt")
    with pytest.raises(TrainError, match=r"expected weights that are finite numbers, .* head\.bias") as caught:
        export(run)
    assert "Train again" in caught.value.hint
    assert bundle.Bundle.open(run.bundle).digest == before
    changed = {path.name for path in run.path.rglob("*") if path.is_file() and path.read_bytes() != kept.get(path)}
    assert changed == {"best.pt"}


def test_files_beside_the_bundles_own_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    run = _run(tmp_path, LABELS)
    run.bundle.mkdir(parents=True)
    (run.bundle / "notes.txt").touch()
    with pytest.raises(BundleError, match=r"found notes\.txt"):
        export(run)
    assert not (run.artifacts / "test").exists()


def test_nothing_to_compare_on_is_refused(tmp_path: Path) -> None:
    run = _run(tmp_path, LABELS, parts=(Split.TRAIN,))
    with pytest.raises(ExportError, match="empty"):
        export(run)


def test_several_types_a_frame(tmp_path: Path) -> None:
    run = _run(tmp_path, [(), ("dent",), ("dent", "scratch"), ("scratch",)])
    manifest = bundle.Bundle.open(export(run)).manifest
    assert not manifest.policy.exclusive
    assert set(manifest.policy.thresholds) == {"dent", "scratch"}
    assert {m.name for m in manifest.metrics} >= {"exact_match", "recall/dent"}


@pytest.mark.parametrize(("count", "shape"), [(4, (64, 96)), (8, (64, 64))])
def test_views_make_answers_that_no_flip_or_turn_changes(count: int, shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    preprocess = Preprocess(height=shape[0], width=shape[1])
    network = build(Model(backbone="resnet18", layer="layer1"), 3, preprocess).eval()
    torch.nn.init.normal_(network.head.weight, std=2.0)
    calibrator = Calibrator("none", True, np.ones(3), np.zeros(3), 0, 0.0, 0.0)
    model = ContractModel(Views(network, count), Probabilities(calibrator, first_defect=1))
    frames = np.random.default_rng(0).integers(0, 256, (3, *shape, 3), np.uint8)
    session = Session(to_onnx(model, preprocess))
    scores, maps, _ = session.run(frames)
    assert scores.shape == (3, 2)
    for axis in (1, 2):
        flipped, flipped_maps, _ = session.run(np.flip(frames, axis).copy())
        np.testing.assert_allclose(flipped, scores, atol=1e-5)
        np.testing.assert_allclose(np.flip(flipped_maps, axis + 1), maps, atol=1e-4)
    if count == 8:
        turned, turned_maps, _ = model.answer(frames.transpose(0, 2, 1, 3).copy())
        np.testing.assert_allclose(turned, scores, atol=1e-5)
        np.testing.assert_allclose(turned_maps.transpose(0, 1, 3, 2), maps, atol=1e-4)


def test_no_good_part_means_no_ok(tmp_path: Path) -> None:
    run = _run(tmp_path, [("dent",), ("scratch",)])
    made = export(run)
    inspector = Inspector.open(made)
    outcomes = {inspector.inspect(run.index.file(s)).outcome for s in run.index.samples}
    assert outcomes <= {Outcome.NG, Outcome.REVIEW}
    assert "no good part" in bundle.Bundle.open(made).read("card.md").decode()


def _contract_model(outputs: int = 3) -> tuple[ContractModel, Preprocess]:
    recipe = Recipe.model_validate({"name": "x", "data": {"root": "x"}, "model": {"backbone": "resnet18"}})
    preprocess = Preprocess(height=SIZE, width=96)
    torch.manual_seed(0)
    network = build(recipe.model, outputs, preprocess)
    calibrator = Calibrator("temperature", True, np.full(outputs, 0.7), np.zeros(outputs), 0, 0.0, 0.0)
    return ContractModel(network, Probabilities(calibrator, first_defect=1)), preprocess


def test_the_graph_keeps_the_contract() -> None:
    model, preprocess = _contract_model()
    data = to_onnx(model, preprocess)
    graph = onnx.load_from_string(data).graph
    (given,) = graph.input
    shape = [d.dim_param or d.dim_value for d in given.type.tensor_type.shape.dim]
    assert given.name == "image"
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert isinstance(shape[0], str)
    assert shape[1:] == [SIZE, 96, 3]
    assert [o.name for o in graph.output] == ["scores", "maps"]
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for batch in (1, 2, 5):
        frames = np.random.default_rng(0).integers(0, 256, (batch, SIZE, 96, 3), np.uint8)
        scores, maps = session.run(None, {"image": frames})
        expected = model.answer(frames)
        assert scores == pytest.approx(expected[0], abs=1e-5)
        assert maps == pytest.approx(expected[1], abs=1e-4)


def test_a_frame_scores_the_same_alone_and_in_a_batch() -> None:
    model, preprocess = _contract_model()
    session = Session(to_onnx(model, preprocess))
    frames = np.random.default_rng(1).integers(0, 256, (4, SIZE, 96, 3), np.uint8)
    together = session.run(frames)[0]
    alone = np.concatenate([session.run(frame[None])[0] for frame in frames])
    assert together == pytest.approx(alone, abs=1e-5)
