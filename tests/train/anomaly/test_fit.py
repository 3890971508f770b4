"""What every method promises: it learns good parts, finds what is unlike them, and comes back from disk the same."""

import csv

import pytest
import torch

from plate_factory import photograph, write
from sightline import image, train
from sightline.errors import DataError, TrainError
from sightline.index import Split
from sightline.train import anomaly
from sightline.train.anomaly.fit import PRODUCTS, SUSPICIOUS

METHODS = [
    {"method": "memory_bank", "vectors": 256},
    {"method": "corrected_bank", "vectors": 128, "width": 8, "steps": 20},
    {"method": "discriminator", "width": 16, "steps": 60},
]


def settings_of(recipe, method):
    """The recipe's section ``anomaly`` with these values."""
    values = {**recipe.model_dump(mode="json", by_alias=True), "anomaly": method}
    return type(recipe).model_validate(values).anomaly


def scores(run, split):
    """(labels, score) of each frame of a part."""
    detector = anomaly.load(run)
    rows = run.index.part(split)
    frames = [image.view(image.read(run.index.file(row)), run.recipe.input).image for row in rows]
    with torch.no_grad():
        found, heat = detector(torch.stack([torch.from_numpy(frame) for frame in frames]))
    assert found.shape == (len(rows), 1)
    assert heat.shape[:2] == (len(rows), 1)
    assert (found >= 0).all()
    assert (heat >= 0).all()
    return [(row.labels, float(value)) for row, value in zip(rows, found, strict=True)]


@pytest.fixture(params=METHODS, ids=lambda settings: settings["method"])
def method(request, recipe):
    """A recipe's settings of each method."""
    return (
        type(recipe).model_validate({**recipe.model_dump(mode="json", by_alias=True), "anomaly": request.param}).anomaly
    )


def test_a_part_with_a_blot_scores_above_good_ones(new_run, method):
    run = new_run(anomaly=method)
    train.fit(run)
    found = scores(run, Split.TEST)
    good = [score for labels, score in found if not labels]
    bad = [score for labels, score in found if labels]
    above = sum(b > g for b in bad for g in good) / (len(bad) * len(good))
    assert above > 0.95


def test_the_same_seed_learns_the_same(new_run, method):
    first, second = new_run(anomaly=method), new_run(anomaly=method)
    for run in (first, second):
        train.fit(run)
    a, b = (anomaly.load(run).state_dict() for run in (first, second))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_what_was_learned_is_not_learned_again(new_run, method):
    run = new_run(anomaly=method)
    train.fit(run)
    before = run.events()
    train.fit(run)
    assert run.events() == before


def test_progress_is_told(new_run, method):
    told = []
    train.fit(new_run(anomaly=method), progress=lambda *step: told.append(step))
    assert ("features", 30, 30) in told


def test_a_changed_recipe_or_image_is_refused(new_run, recipe, parts):
    run = new_run()
    train.fit(run)
    changed = recipe.model_copy(update={"anomaly": recipe.anomaly.model_copy(update={"vectors": 99})})
    run.recipe = changed
    with pytest.raises(TrainError, match=r"anomaly.vectors: began with 256, is now 99"):
        anomaly.load(run)


def test_an_image_that_was_changed_is_refused(new_run, tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    index = write(root, [(number, (), Split.TRAIN, "ring") for number in range(6)])
    (root / "003.png").write_bytes(image.png(photograph(77)))
    run = new_run(index)
    with pytest.raises(DataError, match=r"003\.png was changed"):
        train.fit(run)
    assert not list(run.path.glob(".features-*"))


def test_random_weights_are_refused(recipe):
    random = recipe.model_copy(update={"model": recipe.model.model_copy(update={"weights": None})})
    with pytest.raises(TrainError, match="needs pretrained weights"):
        train.check(random)


def test_a_hidden_defect_is_listed_and_left_out(new_run, tmp_path):
    root = tmp_path / "images"
    root.mkdir()
    shots = [(number, (), Split.TRAIN, "ring") for number in range(40)]
    index = write(root, shots)
    hidden = root / "007.png"
    hidden.write_bytes(image.png(photograph(7, blot=True)))
    index = index.with_samples(s.model_copy(update={"digest": ""}) for s in index.samples)
    run = new_run(index)
    train.fit(run)
    with (run.artifacts / SUSPICIOUS).open(encoding="utf-8") as file:
        assert "007.png" in [row["path"] for row in csv.DictReader(file)]
    (figures,) = [event.values for event in run.events() if event.kind == "metrics"]
    assert figures["train/images"] + figures["train/suspicious"] == 40


def test_two_products_in_one_folder_are_told(new_run, tmp_path, capsys):
    root = tmp_path / "images"
    root.mkdir()
    shots = [(number, (), Split.TRAIN, "ring" if number % 3 else "bars") for number in range(60)]
    run = new_run(write(root, shots))
    train.fit(run)
    (told,) = [event.values[PRODUCTS] for event in run.events() if event.kind == "tags"]
    assert "two products: 20 like" in told or "and 20 like" in told


def test_one_product_is_not_taken_for_two(new_run):
    run = new_run()
    train.fit(run)
    assert not [event for event in run.events() if event.kind == "tags"]


def test_labelled_defects_of_a_kind_raise_its_scores(new_run, recipe, tmp_path):
    """A faint mark that the bank hardly sees is found once a few of its kind were shown."""
    root = tmp_path / "images"
    root.mkdir()
    shots = [(number, (), Split.TRAIN, "ring") for number in range(24)]
    shots += [(number, ("blot",), Split.TRAIN, "ring") for number in range(24, 48)]
    shots += [(number, (), Split.TEST, "ring") for number in range(50, 90)]
    shots += [(number, ("blot",), Split.TEST, "ring") for number in range(90, 130)]
    index = write(root, shots, faint=True)
    method = {"method": "corrected_bank", "vectors": 128, "width": 16, "steps": 400}
    settings = settings_of(recipe, method)
    masked = index.with_samples(
        s.model_copy(update={"mask": f"masks/{s.path}"}) if s.labels else s for s in index.samples
    )
    figures = {}
    for name, rows, taught in (("bank", index, False), ("masks", masked, True)):
        run = new_run(rows, anomaly=settings if taught else recipe.anomaly)
        train.fit(run)
        found = scores(run, Split.TEST)
        good, bad = ([score for labels, score in found if bool(labels) is is_bad] for is_bad in (False, True))
        figures[name] = sum(b > g for b in bad for g in good) / (len(bad) * len(good))
    assert figures["masks"] > figures["bank"] + 0.05


def test_defects_teach_without_masks_too(new_run, recipe, parts):
    method = {"method": "corrected_bank", "vectors": 128, "width": 8, "steps": 20}
    settings = settings_of(recipe, method)
    shown = parts.with_samples(
        s.model_copy(update={"split": Split.TRAIN, "mask": None}) if s.labels else s for s in parts.samples
    )
    run = new_run(shown, anomaly=settings)
    train.fit(run)
    assert len(anomaly.load(run).judge.heads) == 4


def test_without_labelled_defects_the_bank_stays_alone(new_run, recipe):
    method = {"method": "corrected_bank", "vectors": 128}
    settings = settings_of(recipe, method)
    run = new_run(anomaly=settings)
    train.fit(run)
    judge = anomaly.load(run).judge
    assert len(judge.heads) == 0
    assert "the memory bank stays alone" in judge.text()


def test_what_a_killed_process_left_is_removed(new_run):
    run = new_run()
    (run.path / ".features-left").mkdir()
    (run.path / ".features-left" / "0.npy").write_bytes(b"x")
    train.fit(run)
    assert not list(run.path.glob(".features-*"))
