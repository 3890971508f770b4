"""What scores of good parts mean must not hang on a defect that hides among them; of types, it is told in full."""

import csv

import numpy as np
import pytest

from plate_factory import SIDE, photograph, save_weights, write
from sightline import image, train
from sightline.bundle.manifest import Calibration
from sightline.config.decision import Decision
from sightline.config.recipe import Data, Model, Preprocess, Recipe
from sightline.errors import ExportError
from sightline.export import tasks
from sightline.export.answer import CALIBRATE_SUSPICIOUS, Answer, _chosen, _finite, calibrator_of
from sightline.export.calibrate import Calibrator
from sightline.export.calibrators import Choice
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import Sample, Split
from sightline.runs import RunFolder


@pytest.fixture
def new_run(tmp_path):
    """Makes a trained run over plates; those of the calibrate part whose numbers are given hide a blot."""
    weights = save_weights(tmp_path / "w.pth")

    def make(name, hidden=(), defects=0, **settings):
        root = tmp_path / name
        root.mkdir()
        shots = [(n, (), Split.TRAIN, "ring") for n in range(24)]
        shots += [(n, (), Split.CALIBRATE, "ring") for n in range(30, 70)]
        shots += [(n, ("blot",), Split.CALIBRATE, "ring") for n in range(80, 80 + defects)]
        index = write(root, shots)
        for number in hidden:
            (root / f"{number:03}.png").write_bytes(image.png(photograph(number, blot=True)))
        index = index.with_samples(s.model_copy(update={"digest": ""}) for s in index.samples)
        values = {
            "name": "plates",
            "task": "anomaly",
            "data": Data(root=root),
            "input": Preprocess(height=SIDE, width=SIDE, light="frame"),
            "model": Model(backbone="resnet18", layer="layer2", weights=str(weights)),
            "anomaly": {"vectors": 256, **settings},
        }
        run = RunFolder.create(tmp_path / "runs", Recipe.model_validate(values), index)
        train.fit(run)
        return run

    return make


def answer(run: RunFolder) -> Answer:
    return tasks.answer(run, Sweeper.of(run.index, run.recipe, lambda *_: None))


def policy(run):
    """The heat from which a part is rejected, and why."""
    told = answer(run)
    parameters = told.calibration.parameters
    levels = np.array([parameters[f"level/{k}"] for k in range(sum(key.startswith("level/") for key in parameters))])
    heat = np.array([parameters[f"heat/{k}"] for k in range(len(levels))])
    excesses, mean = parameters["excesses"], parameters["mean_excess"]
    limit = heat[-1] + excesses * mean * (10 ** ((2 - levels[-1]) / excesses) - 1)  # L = 2: one in a hundred
    return limit, told.calibration.count


def test_hidden_defects_do_not_raise_the_threshold_and_are_listed(new_run):
    clean, count = policy(new_run("clean"))
    run = new_run("hidden", hidden=(35, 50))
    limit, left = policy(run)
    assert count == 40
    assert left in (37, 38)
    assert limit < 1.3 * clean
    with (run.artifacts / CALIBRATE_SUSPICIOUS).open(encoding="utf-8") as file:
        assert {"035.png", "050.png"} <= {row["path"] for row in csv.DictReader(file)}


def test_they_are_kept_if_the_recipe_says_so(new_run):
    run = new_run("kept", hidden=(35, 50), suspicious="keep")
    _, count = policy(run)
    assert count == 40
    assert (run.artifacts / CALIBRATE_SUSPICIOUS).is_file()


def test_hidden_defects_that_were_left_out_count_as_good_nowhere(new_run):
    run = new_run("f1", hidden=(35, 50), defects=6)
    run = RunFolder.create(run.path.parent, run.recipe.model_copy(update={"decide": Decision(rule="f1")}), run.index)
    train.fit(run)
    told = answer(run)
    part = run.index.part(Split.CALIBRATE)
    scores = np.linspace(0.1, 0.9, len(part), dtype=np.float32)[:, None]
    why = told.policy(Outputs(tuple(part), scores, ())).chosen_by
    assert "2 images quite unlike the others were left out" in why
    assert "best F1 on 6 defective and 38 other images" in why


@pytest.mark.parametrize(
    "calibrator",
    [
        Calibrator("platt", True, np.full(3, 0.4), np.array([1.0, 0, 0]), 60, 0.3, 0.2),
        Calibrator(
            "isotonic",
            False,
            np.ones(2),
            np.zeros(2),
            2000,
            0.3,
            0.2,
            np.arange(8.0).reshape(4, 2),
            np.full((4, 2), 2.0),
        ),
    ],
)
def test_what_made_the_scores_is_read_from_the_manifest_again(calibrator):
    told = _chosen(Choice(calibrator, {"none": 0.3, "platt": 0.25}, None, None))
    again = calibrator_of(Calibration.model_validate_json(told.model_dump_json()), exclusive=calibrator.exclusive)
    assert again.method == calibrator.method
    logits = np.random.default_rng(0).normal(0, 4, (20, len(calibrator.scale)))
    np.testing.assert_array_equal(again.probabilities(logits), calibrator.probabilities(logits))
    assert told.candidates == {"none": 0.3, "platt": 0.25}
    assert "cross-validation" in told.chosen_by


def test_scores_that_nothing_made_have_no_calibrator():
    same = Calibrator("none", True, np.ones(3), np.zeros(3), 60, 0.3, 0.3)
    told = _chosen(Choice(same, {}, None, None))
    assert (told.method, told.parameters, told.candidates) == ("none", {}, {})
    assert "too few" in told.chosen_by
    tail = Calibration(method="tail", parameters={"heat/0": 1.0}, count=57)
    assert [calibrator_of(one, exclusive=True) for one in (told, tail, None)] == [None] * 3


def test_without_a_calibrate_part_nothing_is_told():
    nothing = float("nan")
    assert (
        _chosen(Choice(Calibrator("none", True, np.ones(3), np.zeros(3), 0, nothing, nothing), {}, None, None)) is None
    )


def test_answers_that_are_no_numbers_are_refused_by_name():
    samples = tuple(Sample(path=f"{number}.png") for number in range(3))
    scores = np.array([[1, 2], [np.nan, 0], [0, np.inf]], np.float32)
    with pytest.raises(ExportError, match=r"finite numbers, got others of 2 images, first 1\.png"):
        _finite(Outputs(samples, scores, ()))
