"""``sightline evaluate``, as a user types it: over seeds, over runs, and of a bundle on labelled images."""

import csv
import json

import numpy as np
import pytest
import yaml

import bundle_factory
from plate_factory import SIDE, photograph, save_weights
from sightline import image
from sightline.bundle.manifest import Metric
from sightline.cli import main
from sightline.evaluation import of_runs, summed_up
from sightline.runs import RunFolder


def write_plates(root, good, bad):
    """Plates in the layout of MVTec AD, with masks."""
    folders = (("train/good", good[0]), ("test/good", good[1]), ("test/blot", bad))
    for folder, numbers in folders:
        blot = folder.endswith("blot")
        for number in numbers:
            shot = photograph(number, blot=blot)
            file = root / folder / f"{number:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(image.png(shot))
            if blot:
                mask = root / "ground_truth" / "blot" / f"{number:03}_mask.png"
                mask.parent.mkdir(parents=True, exist_ok=True)
                apart = np.abs(shot.astype(int) - photograph(number)).max(axis=2) > 0
                mask.write_bytes(image.png(apart.astype(np.uint8) * 255))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A recipe with its images and weights; and a second set of labelled images."""
    folder = tmp_path_factory.mktemp("evaluate")
    write_plates(folder / "plates", (range(44), range(44, 54)), range(60, 70))
    write_plates(folder / "others", (range(100, 101), range(101, 113)), range(120, 130))
    recipe = {
        "name": "plates",
        "task": "anomaly",
        "data": {"root": str(folder / "plates"), "reader": {"kind": "mvtec"}, "split": {"near_duplicates": None}},
        "input": {"height": SIDE, "width": SIDE, "light": "frame"},
        "model": {"backbone": "resnet18", "layer": "layer2", "weights": str(save_weights(folder / "w.pth"))},
        "anomaly": {"method": "memory_bank", "vectors": 256, "fine": 256},
        "track": {"enabled": False},
    }
    (folder / "plates.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def evaluated(place):
    """What the command left after two seeds."""
    command = ["evaluate", str(place / "plates.yaml"), "--seeds", "3", "5", "--runs", str(place / "runs")]
    assert main([*command, "-o", str(place / "evaluation")]) == 0
    return json.loads((place / "evaluation" / "figures.json").read_text(encoding="utf-8"))


def test_over_seeds_every_figure_of_the_protocol_has_a_mean_and_an_interval(evaluated):
    figures = {figure["name"]: figure for figure in evaluated}
    assert {"auroc", "auroc/blot", "aupro_30", "pixel_auroc", "f1", "overkill_rate", "escape_rate"} <= set(figures)
    for figure in evaluated:
        assert len(figure["values"]) == 2
        assert figure["low"] <= figure["mean"] <= figure["high"]
        assert figure["mean"] == pytest.approx(sum(figure["values"]) / 2)
    assert figures["auroc"]["mean"] > 0.9


def test_each_seed_decides_its_own_split(evaluated, place):
    runs = [RunFolder.open(path) for path in sorted((place / "runs").iterdir())]
    assert {run.recipe.seed for run in runs} == {3, 5}
    parts = [{sample.path: sample.split for sample in run.index.samples} for run in runs]
    assert parts[0] != parts[1]


def test_runs_that_are_there_give_the_same(evaluated, place, tmp_path, capsys):
    runs = sorted(map(str, (place / "runs").iterdir()))
    assert main(["evaluate", *runs, "-o", str(tmp_path / "again")]) == 0
    assert json.loads((tmp_path / "again" / "figures.json").read_text(encoding="utf-8")) == evaluated
    assert "auroc/blot" in capsys.readouterr().out


def test_a_bundle_is_measured_on_labelled_images_and_drawn(evaluated, place, tmp_path):
    bundle = next(iter((place / "runs").iterdir())) / "bundle" / "plates-1.0.0"
    out = tmp_path / "measured"
    assert main(["evaluate", str(bundle), str(place / "others"), "-o", str(out)]) == 0
    figures = {figure["name"]: figure for figure in json.loads((out / "figures.json").read_text(encoding="utf-8"))}
    assert figures["auroc"]["mean"] > 0.9
    assert {"aupro_30", "overkill_rate"} <= set(figures)
    assert list(out.rglob("*.png"))


def write_spots(root, label, colour):
    """Grey frames, every other with a spot of one colour and its mask."""
    for number in range(12):
        kind, corner = (label if number % 2 else "good"), (8 + number, 30)
        shot = bundle_factory.spotted((SIDE, SIDE), [(*corner, colour)] if number % 2 else [])
        shot[number, :4] += 1  # no two alike
        file = root / "images" / kind / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image.png(shot))
        if number % 2:
            mask = root / "masks" / kind / f"{number:03}_mask.png"
            mask.parent.mkdir(parents=True, exist_ok=True)
            mask.write_bytes(image.png((shot == colour).all(axis=2).astype(np.uint8) * 255))


@pytest.mark.parametrize("boxed", [False, True])
def test_a_bundle_that_locates_is_measured_on_images_that_lack_some_of_its_types(tmp_path, boxed):
    write_spots(tmp_path / "spots", "green", (0, 255, 0))
    bundle = bundle_factory.write_local_bundle(tmp_path, boxed=boxed)
    out = tmp_path / "out"
    assert main(["evaluate", str(bundle), str(tmp_path / "spots"), "-o", str(out)]) == 0
    figures = {figure["name"]: figure["mean"] for figure in json.loads((out / "figures.json").read_text("utf-8"))}
    assert figures["recall/green"] == 1
    assert next(iter(figures)) == ("map_33" if boxed else "miou")
    assert boxed or figures["iou/green"] > 0.5
    rows = list(csv.DictReader((out / "defects.csv").read_text("utf-8").splitlines()))
    assert {row["said"] for row in rows} - {""} == {"green"}
    assert boxed or {row["outcome"] for row in rows} == {"right"}
    assert (out / "misses.png").is_file()


def test_a_bundle_is_not_measured_without_a_good_part(evaluated, place, tmp_path, capsys):
    write_plates(tmp_path / "renamed", (range(100, 101), range(101, 104)), range(120, 124))
    (tmp_path / "renamed" / "train").rename(tmp_path / "elsewhere")
    (tmp_path / "renamed" / "test" / "good").rename(tmp_path / "renamed" / "test" / "Free")
    bundle = next(iter((place / "runs").iterdir())) / "bundle" / "plates-1.0.0"
    command = ["evaluate", str(bundle), str(tmp_path / "renamed" / "test"), "-o", str(tmp_path / "out")]
    assert main(command) == 2
    assert "data.good=[NAME]" in capsys.readouterr().err
    assert main([*command, "data.good=[Free]"]) == 0


def test_the_runs_of_one_evaluation_carry_its_name(evaluated, place):
    runs = [RunFolder.open(path) for path in sorted((place / "runs").iterdir())]
    names = {
        event.values["evaluation"]
        for run in runs
        for event in run.events()
        if "evaluation" in getattr(event, "values", {})
    }
    assert names == {runs[0].path.name}


def test_a_folder_of_something_else_is_left_alone(evaluated, place, tmp_path, capsys):
    (tmp_path / "roc.png").write_text("precious")
    bundle = next(iter((place / "runs").iterdir())) / "bundle" / "plates-1.0.0"
    assert main(["evaluate", str(bundle), str(place / "others"), "-o", str(tmp_path)]) == 2
    assert (tmp_path / "roc.png").read_text() == "precious"
    assert "expected a new or empty folder" in capsys.readouterr().err


def test_runs_are_as_they_are_and_count_once(evaluated, place, capsys):
    (first, *_) = sorted(map(str, (place / "runs").iterdir()))
    assert main(["evaluate", first, "seed=3"]) == 2
    assert "runs are as they are, got seed=3" in capsys.readouterr().err
    assert main(["evaluate", first, first]) == 2
    assert "expected different runs" in capsys.readouterr().err


def test_images_that_cannot_be_read_are_said(evaluated, place, tmp_path, capsys):
    write_plates(tmp_path / "damaged", (range(100, 101), range(101, 107)), range(120, 126))
    (tmp_path / "damaged" / "test" / "blot" / "120.png").write_bytes(b"no image")
    bundle = next(iter((place / "runs").iterdir())) / "bundle" / "plates-1.0.0"
    assert main(["evaluate", str(bundle), str(tmp_path / "damaged"), "-o", str(tmp_path / "out")]) == 0
    assert "1 unreadable" in capsys.readouterr().out


def test_one_run_keeps_its_own_interval(evaluated, place):
    (first, *_) = sorted((place / "runs").iterdir())
    run = RunFolder.open(first)
    (auroc,) = [figure for figure in of_runs([run]) if figure.name == "auroc"]
    assert "Student" not in auroc.interval
    assert auroc.low <= auroc.mean <= auroc.high


def test_runs_of_different_recipes_have_no_mean(evaluated, place, tmp_path, capsys):
    (first, *_) = sorted((place / "runs").iterdir())
    run = RunFolder.open(first)
    settings = run.recipe.anomaly.model_copy(update={"vectors": 99})
    other = RunFolder.create(tmp_path, run.recipe.model_copy(update={"anomaly": settings}), run.index)
    assert main(["evaluate", str(first), str(other.path)]) == 2
    assert "expected runs of one recipe" in capsys.readouterr().err


def measured(*runs):
    """The one figure of runs: value, low and high each."""
    (figure,) = summed_up(
        [[Metric(name="auroc", value=v, low=low, high=high, count=9, interval="x")] for v, low, high in runs]
    )
    return figure


def test_runs_that_differ_much_have_students_interval():
    figure = measured((0.6, 0.59, 0.61), (0.62, 0.61, 0.63), (0.64, 0.63, 0.65))
    half = 4.3027 * 0.02 / 3**0.5
    assert (figure.mean, figure.low, figure.high) == pytest.approx((0.62, 0.62 - half, 0.62 + half), abs=1e-4)


def test_runs_that_agree_are_no_surer_than_each_of_them():
    """Seeds share the test images, and say nothing of how the figure would be on others."""
    figure = measured((1.0, 0.7, 1.0), (1.0, 0.8, 1.0))
    assert (figure.mean, figure.low, figure.high) == pytest.approx((1.0, 0.75, 1.0))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (["absent.yaml"], "absent.yaml"),
        (["plates.yaml", "plates.yaml"], "expected one recipe"),
        (["plates"], "expected a run folder"),
        (["plates.yaml", "--seeds", "1", "1"], "expected different seeds"),
        (["plates.yaml", "--seeds", "0", "data.root=/absent/y"], "/absent/y"),
        (["plates.yaml", "--seeds", "-1"], "got -1"),
        (["plates.yaml", "--seeds", "99999999999"], "got 99999999999"),
        (["plates", "--seeds", "0"], "--seeds and --folds go with a recipe"),
        (["plates.yaml", "--seeds", "one"], "--seeds: expected whole numbers from 0 to 4294967295, got one"),
        (["data.root=/a/b"], "expected a recipe, runs or a bundle, got only data.root=/a/b"),
        (["plates.yaml", "data.root=/absent/x", "--seeds", "0"], "/absent/x"),
    ],
)
def test_what_cannot_be_measured_is_said_in_plain_words(place, monkeypatch, capsys, what, expected):
    monkeypatch.chdir(place)
    assert main(["evaluate", *what]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said


def test_a_bundle_without_images_or_with_too_many_folders_is_refused(evaluated, place, capsys):
    bundle = next(iter((place / "runs").iterdir())) / "bundle" / "plates-1.0.0"
    assert main(["evaluate", str(bundle)]) == 2
    assert "expected one folder of labelled images beside the bundle, got 0" in capsys.readouterr().err
