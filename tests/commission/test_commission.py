"""From a folder of good parts to a bundle and a report, in one command."""

import json
import zipfile

import numpy as np
import pytest
import yaml

from plate_factory import photograph, save_weights
from sightline import image
from sightline.cli import main
from sightline.commission import Asked, marks
from sightline.commission.commission import recipe_of
from sightline.runtime import Inspector
from sightline.verdict import Outcome, Verdict

QUICK = ["model.layer=layer2", "anomaly.vectors=256", "data.split.near_duplicates=null"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_weights(tmp_path_factory.mktemp("weights") / "resnet18.pth")


@pytest.fixture(scope="module")
def plates(tmp_path_factory):
    """48 good parts in no class folder; one hides a blot."""
    root = tmp_path_factory.mktemp("My Plates")
    for number in range(48):
        (root / f"{number:02}.png").write_bytes(image.png(photograph(number, blot=number == 5)))
    return root


@pytest.fixture(scope="module")
def made(plates, weights, tmp_path_factory):
    """What the command leaves."""
    folder = tmp_path_factory.mktemp("made") / "out"
    command = ["commission", str(plates), "-o", str(folder), "--weights", str(weights), "--size", "64", *QUICK]
    assert main(command) == 0
    return folder


def test_it_leaves_a_recipe_a_bundle_and_a_report(made, plates):
    recipe = yaml.safe_load((made / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["task"] == "anomaly"
    assert recipe["data"]["root"] == str(plates)
    (bundle,) = made.glob("my-plates*.zip")
    assert zipfile.is_zipfile(bundle)
    page = (made / "report.html").read_text(encoding="utf-8")
    for said in (
        "expected overkill",
        "What it looks at",
        "Would it notice a mark?",
        "What it cannot promise",
        "no defect was shown",
    ):
        assert said in page
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched when it is opened


def test_the_bundle_passes_good_parts_and_rejects_a_blot(made):
    (bundle,) = made.glob("*.zip")
    inspector = Inspector.open(bundle, self_test=True)
    outcomes = [inspector.inspect(photograph(number)).outcome for number in range(100, 120)]
    assert outcomes.count(Outcome.OK) >= 17
    blots = [inspector.inspect(photograph(number, blot=True)).outcome for number in range(100, 120)]
    assert blots.count(Outcome.NG) >= 17


def test_the_recipe_it_wrote_can_be_trained_again(made, monkeypatch, capsys):
    monkeypatch.chdir(made)
    assert main(["train", str(made / "recipe.yaml"), "--runs", str(made / "again"), "track.enabled=false"]) == 0
    first, again = (json.loads(path.read_text()) for path in sorted(made.glob("*/*/bundle/*/bundle.json")))
    assert first["calibration"] == again["calibration"]


def test_known_defects_beside_good_parts_are_measured_on(plates, weights, tmp_path, capsys):
    root = tmp_path / "sorted"
    for number in range(40):
        path = root / "good" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.png(photograph(number)))
    for number in range(8):
        path = root / "blot" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(image.png(photograph(number, blot=True)))
    command = ["commission", str(root), "-o", str(tmp_path / "out"), "--weights", str(weights), "--size", "64", *QUICK]
    assert main([*command, "track.enabled=false"]) == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "AUROC against known defects" in page
    assert "escaped" in page


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: None, "expected images in"),
        (lambda root: (root / "1.png").write_bytes(image.png(photograph(1))), "5 different good images to learn from"),
        (
            lambda root: [(root / f"{n}.png").write_bytes(image.png(photograph(1))) for n in range(30)],
            "of 30 good images of which 1 differ",
        ),
        (
            lambda root: [(root / f"{n}.png").write_bytes(image.png(photograph(n) * 0)) for n in range(30)],
            "every image is plain",
        ),
    ],
    ids=["empty", "one image", "all the same", "all black"],
)
def test_too_little_is_said_and_nothing_is_made(make, said, weights, tmp_path, capsys):
    root = tmp_path / "images"
    root.mkdir()
    make(root)
    command = ["commission", str(root), "-o", str(tmp_path / "out"), "--weights", str(weights), "--size", "64", *QUICK]
    assert main(command) == 2
    assert said in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.zip"))


def test_a_folder_that_holds_something_else_is_left_alone(plates, weights, tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("dear")
    assert main(["commission", str(plates), "-o", str(tmp_path), "--weights", str(weights)]) == 2
    assert "new or empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_few_good_parts_are_called_few(made):
    page = (made / "report.html").read_text(encoding="utf-8")
    assert "cannot tell a threshold that" in page
    assert "that takes 99 of them" in page


def test_the_report_is_among_the_artifacts_of_the_run_in_mlflow(made):
    assert list((made / "mlartifacts").rglob("report.html"))


def test_names_that_speak_of_defects_or_masks_are_questioned(tmp_path, weights):
    for name in ("Free/1.png", "Free/2.png", "Crack/3.png", "Crack/3_mask.png", "Crack/4.jpg", "Crack/4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(image.png(photograph(1)))
    said = []
    recipe = recipe_of(Asked(tmp_path, weights=str(weights)), tmp_path / "out", said.append)
    assert recipe.data.reader.kind == "good"
    assert "all 6 images are taken for good parts" in said[0]
    assert "Crack (4), Free (2)" in said[1]
    assert "data.good=[NAME]" in said[1]
    assert "2 images have the name of another one" in said[2]


class Blind:
    """An inspector of one answer."""

    def __init__(self, marked):
        self.marked = marked

    def inspect(self, frame):
        return Verdict(self.marked if frame.std() > 0 else Outcome.OK)


@pytest.mark.parametrize(
    ("said", "found"), [(Outcome.NG, 5), (Outcome.REVIEW, 5), (Outcome.OK, 0), (Outcome.NOT_INSPECTED, 0)]
)
def test_a_mark_counts_as_found_if_the_frame_is_rejected_or_sent_to_a_person(said, found):
    frames = [np.full((64, 96, 3), 120, np.uint8)] * 5
    seen = marks.look(Blind(said), frames)
    assert [(one.found, one.painted) for one in seen] == [(found, 5)] * len(marks.SIZES)


def test_marks_grow_with_the_size_asked_for():
    frame = np.full((64, 96, 3), 120, np.uint8)
    changed = [(marks.paint(frame, size, np.random.default_rng(3)) != frame).any(axis=2).sum() for size in marks.SIZES]
    assert changed == sorted(changed)
    assert changed[-1] == pytest.approx(np.pi * (0.16 * 64 / 2) ** 2, rel=0.5)


def test_a_test_part_of_defects_alone_still_gives_a_report(weights, tmp_path):
    root = tmp_path / "layout"
    for number in range(40):
        (root / "train" / "good").mkdir(parents=True, exist_ok=True)
        (root / "train" / "good" / f"{number}.png").write_bytes(image.png(photograph(number)))
    for number in range(6):
        (root / "test" / "blot").mkdir(parents=True, exist_ok=True)
        (root / "test" / "blot" / f"{number}.png").write_bytes(image.png(photograph(number + 50, blot=True)))
    command = ["commission", str(root), "-o", str(tmp_path / "out"), "--weights", str(weights), "--size", "64", *QUICK]
    assert main([*command, "track.enabled=false"]) == 0
    assert "unknown</b>expected overkill" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
