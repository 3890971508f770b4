"""``sightline data``."""

import argparse
import json

import cv2
import numpy as np
import pytest

from sightline import cli
from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.index import Index


@pytest.fixture
def steel(tmp_path):
    """Two classes and good parts, a folder each, in a folder with a blank in its name."""
    root = tmp_path / "Steel strip"
    for number, name in enumerate(("good/1.png", "good/2.png", "dent/1.png", "scratch/1.png")):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", np.full((64, 64), number * 40, np.uint8))[1].tobytes())
    return root


@pytest.fixture
def data(monkeypatch, tmp_path, capsys):
    """Runs ``sightline data`` in tmp_path; returns the exit code, what it printed and what it complained of."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main(["data", *map(str, arguments)])
        out, err = capsys.readouterr()
        return argparse.Namespace(code=code, out=out, err=err)

    return run


def test_index_of_a_folder(data, steel, tmp_path):
    done = data("index", steel)
    assert (done.code, done.out) == (0, "index.jsonl: 4 images (dent 1, good 2, scratch 1)\n")
    assert "read as folders" in done.err
    index = Index.load(tmp_path / "index.jsonl")
    assert [sample.path for sample in index.samples] == ["dent/1.png", "good/1.png", "good/2.png", "scratch/1.png"]
    assert all(index.file(sample).is_file() for sample in index.samples)


def test_index_of_a_recipe_with_overrides(data, steel, tmp_path):
    recipe = tmp_path / "steel.yaml"
    recipe.write_text("name: steel\ndata:\n  root: Steel strip\n  reader: {kind: folders}\n", encoding="utf-8")
    done = data("index", recipe, "data.ignore=[dent]", "data.rename={scratch: Kratzer}", "-o", "out/my.jsonl")
    assert (done.code, done.err) == (0, "")
    index = Index.load(tmp_path / "out" / "my.jsonl")
    assert index.classes == ("Kratzer",)
    assert index.file(index.samples[0]).is_file()


def test_index_beside_its_images_can_be_moved_with_them(data, steel, tmp_path):
    data("index", steel, "-o", steel / "index.jsonl")
    moved = steel.rename(tmp_path / "moved")
    index = Index.load(moved / "index.jsonl")
    assert index.root == moved
    again = readers.read(Data.model_validate({"root": moved, "reader": {"kind": "index"}}))
    assert again.samples == index.samples


def test_a_folder_takes_overrides_and_needs_no_detection_with_a_reader(data, steel):
    (steel / "labels.csv").write_text("path,label\ndent/1.png,bad\n", encoding="utf-8")
    assert "bad 1" in data("index", steel).out
    assert "4 images" in data("index", steel, "data.reader.kind=folders").out


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("data.good=3", "data.good"),
        ("data.goood=[ok]", "data.goood"),
        ("data.reader.kind=folder", "data.reader.kind"),
        ("data", "key.sub=value"),
    ],
)
def test_a_mistaken_override_of_a_folder_is_named(data, steel, override, expected):
    done = data("index", steel, override)
    assert done.code == 2
    assert expected in done.err
    assert not (steel.parent / "index.jsonl").exists()


def test_errors_come_with_a_hint_and_without_a_traceback(data, steel):
    done = data("index", steel, "data.ignore=[scrach]")
    assert done.code == 2
    assert "error: data.ignore names the label 'scrach'" in done.err
    assert "hint: Did you mean `scratch`?" in done.err


def test_an_empty_folder(data, tmp_path):
    (tmp_path / "empty").mkdir()
    done = data("index", "empty")
    assert done.code == 2
    assert "found no file at all" in done.err


def test_a_place_that_cannot_be_written(data, steel):
    done = data("index", steel, "-o", steel / "good" / "1.png" / "index.jsonl")
    assert done.code == 2
    assert "cannot be written" in done.err


def test_synth_makes_what_the_readers_take(data, tmp_path):
    done = data("synth", "parts", "--count", 6, "--seed", 1, "--size", "64x96", "--defect-rate", 0.5)
    assert (done.code, done.out.splitlines()[0]) == (0, "parts: 6 images, 3 of them good")
    settings = readers.detect(tmp_path / "parts")
    assert settings.kind == "masks"
    found = readers.read(Data(root=tmp_path / "parts", reader=settings)).samples
    known = readers.read(Data.model_validate({"root": tmp_path / "parts", "reader": {"kind": "index"}})).samples
    assert [(s.path, s.labels, s.mask) for s in known] == [(s.path, s.labels, s.mask) for s in found]
    for sample in known:
        assert sample.good == (not sample.boxes) == (sample.mask is None)
        mask = cv2.imread(str(tmp_path / "parts" / sample.mask), cv2.IMREAD_UNCHANGED) if sample.mask else None
        for box in sample.boxes:
            assert mask[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)].any()
            assert box.x2 <= 96
            assert box.y2 <= 64


def test_synth_makes_the_defects_that_were_asked_for(data, tmp_path):
    done = data("synth", "parts", "--count", 6, "--size", "64x64", "--defects", "dent, stain", "--severity", "0.6-0.7")
    assert done.code == 0
    rows = [json.loads(line) for line in (tmp_path / "parts" / "truth.jsonl").read_text().splitlines()]
    defective = [row for row in rows if row["labels"]]
    assert {row["labels"][0] for row in defective} == {"dent", "stain"}
    assert all(0.6 <= row["severity"] <= 0.7 for row in defective)


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--defects", "dent,rust", "defects: expected some of"),
        ("--defects", "", "defects: expected some of"),
        ("--severity", "0.9-0.1", "severity: expected the lower value first"),
        ("--severity", "0-2", "severity: expected a number from 0 to 1"),
        ("--size", "1x1", "size: expected (height, width)"),
        ("--seed", "99999999999999999999999", "seed: expected a whole number from 0 to 18,446,744,073,709,551,616"),
    ],
)
def test_synth_refuses_what_it_cannot_make(data, tmp_path, option, value, expected):
    done = data("synth", "parts", f"{option}={value}")
    assert done.code == 2
    assert f"error: {expected}" in done.err
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("severity", ["0.7", "1.2.3-2", "low-high", ""])
def test_synth_refuses_another_form_of_severity(data, capsys, severity):
    with pytest.raises(SystemExit):
        data("synth", "parts", f"--severity={severity}")
    assert "expected LOW-HIGH, such as 0.3-1" in capsys.readouterr().err


def test_synth_is_the_same_for_the_same_seed(data, tmp_path):
    for folder in ("a", "b"):
        assert data("synth", folder, "--count", 2, "--size", "64x64").code == 0
    a, b = ((tmp_path / folder / "images").rglob("*.png") for folder in ("a", "b"))
    assert [path.read_bytes() for path in sorted(a)] == [path.read_bytes() for path in sorted(b)]


def test_synth_writes_over_nothing(data, steel):
    done = data("synth", steel, "--count", 1)
    assert done.code == 2
    assert "expected a new or empty folder" in done.err


@pytest.mark.parametrize("size", ["64", "64*64", "x", "-1x64", "٦٤x٦٤", "9" * 5000 + "x64"])
def test_synth_refuses_another_form_of_size(data, size):
    with pytest.raises(SystemExit) as caught:
        data("synth", "parts", f"--size={size}")
    assert caught.value.code == 2


@pytest.fixture
def parts(data, tmp_path):
    """Forty synthetic parts, half of them good."""
    data("synth", "parts", "--count", 40, "--size", "64x64")
    return tmp_path / "parts"


def test_check_prints_the_split_and_succeeds(data, parts):
    done = data("check", parts, "data.split.near_duplicates=null", "-o", "report")
    assert done.code == 0, done.out + done.err
    for word in ("train", "validate", "calibrate", "test", "good", "scratch"):
        assert word in done.out
    assert sorted(path.name for path in (parts.parent / "report").iterdir()) == ["check.html", "check.json"]


def test_check_of_images_that_cannot_be_trained_on_says_no(data, steel):
    for path in (steel / "good").iterdir():
        path.unlink()
    (steel / "scratch" / "1.png").unlink()
    done = data("check", steel)
    assert done.code == 1
    assert "dent" in done.out


def test_check_names_a_damaged_image_and_goes_on(data, parts):
    path = next((parts / "images" / "good").iterdir())
    path.write_bytes(path.read_bytes()[:100])
    done = data("check", parts, "data.split.near_duplicates=null")
    assert path.name in done.out


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_more_types_than_can_be_learned_are_refused_in_words(data, steel, task):
    pytest.importorskip("albumentations", reason="augmentation comes with the extra `train`")
    names = [path.relative_to(steel).as_posix() for path in sorted(steel.rglob("*.png"))]
    content = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "categories": [{"id": number, "name": f"t{number}"} for number in range(300)],
        "annotations": [{"image_id": n % 4, "category_id": n, "bbox": [n % 50, 3, 8, 8]} for n in range(300)],
    }
    (steel / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    done = data("check", steel, f"task={task}")
    assert (done.code, done.err.count("Traceback")) == (1, 0)
    assert "expected at most 254 types of defect where it is learned where they are, found 300" in done.out
    done = data("preview", steel, f"task={task}")
    assert done.code == 2
    assert done.err.splitlines()[-2] == "error: expected at most 254 types of defect, found 300"


def test_preview_draws_a_sheet(data, parts):
    pytest.importorskip("albumentations", reason="augmentation comes with the extra `train`")
    done = data("preview", parts, "-o", "sheet.png")
    assert (done.code, done.out) == (0, "sheet.png\n"), done.err
    assert cv2.imread(str(parts.parent / "sheet.png")).shape[0] > 64


def test_export_writes_what_is_marked_for_other_tools(data, parts, tmp_path):
    done = data("export", parts, "-o", "out/labels.json")
    assert done.code == 0, done.err
    assert done.out.startswith("out/labels.json: 40 images, ")
    content = json.loads((tmp_path / "out" / "labels.json").read_text(encoding="utf-8"))
    assert len(content["images"]) == 40
    assert f"{len(content['annotations']):,} annotations; paths are seen from {parts}" in done.out
    assert all((parts / entry["file_name"]).is_file() for entry in content["images"])


def test_export_takes_overrides(data, steel, tmp_path):
    assert data("export", steel, "data.rename={scratch: Kratzer}").code == 0
    content = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in content["categories"]] == ["Kratzer", "dent"]


@pytest.mark.parametrize("action", ["index", "export", "preview"])
def test_only_what_the_command_made_is_replaced(data, parts, tmp_path, action):
    suffix = {"index": ".jsonl", "export": ".json", "preview": ".png"}[action]
    if action == "preview":
        pytest.importorskip("albumentations", reason="augmentation comes with the extra `train`")
    place = tmp_path / f"made{suffix}"
    for _ in range(2):
        done = data(action, parts, "-o", place)
        assert done.code == 0, done.err
    for held in (b'{"images": []}', next((parts / "images").rglob("*.png")).read_bytes(), place.read_bytes()[:-50]):
        place.write_bytes(held)
        done = data(action, parts, "-o", place)
        assert done.code == 2
        assert "is not replaced" in done.err
        assert "only what the command itself made" in done.err
        assert place.read_bytes() == held
    place.write_bytes(b"")
    assert data(action, parts, "-o", place).code == 0


@pytest.mark.parametrize("action", ["index", "export", "preview"])
@pytest.mark.parametrize("place", [".", "", "/", "parts"])
def test_a_folder_is_no_file(data, parts, action, place):
    done = data(action, parts, f"--output={place}")
    assert done.code == 2
    assert "expected a file, got a folder" in done.err


@pytest.mark.parametrize(
    ("action", "place"),
    [
        ("index", "annotations.json"),
        ("index", "parts/images/1.png"),
        ("export", "recipe.yaml"),
        ("export", "labels.jsonl"),
        ("preview", "x.txt"),
        ("preview", "sheet"),
    ],
)
def test_a_file_ends_as_its_kind_does(data, parts, action, place):
    done = data(action, parts, "-o", place)
    assert done.code == 2
    assert "expected a file that ends in .json" in done.err or "expected a file that ends in .png" in done.err
    assert not (parts.parent / place).exists()


def test_what_is_read_is_not_replaced_even_if_the_command_made_it(data, parts, tmp_path):
    """The exported annotations, the index or the preview of before are the source of today."""
    assert data("index", parts, "-o", parts / "index.jsonl").code == 0
    assert data("export", parts, "-o", parts / "annotations.json").code == 0
    for action, kind, where, file in (
        ("export", "coco", ", images: .", "annotations.json"),
        ("index", "index", "", "index.jsonl"),
    ):
        held = (parts / file).read_bytes()
        done = data(action, parts, f"data.reader={{kind: {kind}{where}}}", "-o", parts / file)
        assert done.code == 2
        assert "the command reads this file" in done.err
        assert (parts / file).read_bytes() == held


def test_the_only_copy_of_what_was_drawn_is_not_taken_for_folders_or_replaced(data, steel):
    assert data("export", steel, "-o", steel / "out.json").code == 0
    cut = (steel / "out.json").read_bytes()[:-50]
    (steel / "out.json").write_bytes(cut)
    for command in ("check", "index", "export"):
        done = data(command, steel)
        assert done.code == 2
        assert "out.json looks like broken annotations" in done.err
    for override in ([], ["data.reader.kind=folders"]):
        done = data("export", steel, *override, "-o", steel / "out.json")
        assert done.code == 2
        assert "not whole, and is not replaced" in done.err
    assert (steel / "out.json").read_bytes() == cut


def test_a_preview_is_not_drawn_among_the_images(data, parts):
    pytest.importorskip("albumentations", reason="augmentation comes with the extra `train`")
    folder = next(path.parent for path in (parts / "images").rglob("*.png"))
    done = data("preview", parts, "-o", folder / "sheet.png")
    assert done.code == 2
    assert "would be taken for one of the images" in done.err
    assert not (folder / "sheet.png").exists()


def test_export_does_not_replace_the_labels_that_it_reads(data, steel, monkeypatch):
    (steel / "labels.csv").write_text("path,label\ndent/1.png,bad\n", encoding="utf-8")
    monkeypatch.chdir(steel)
    done = data("export", ".", "-o", "labels.csv")
    assert done.code == 2
    assert "expected a file that ends in .json, for exported annotations, got labels.csv" in done.err
    assert (steel / "labels.csv").read_text(encoding="utf-8").startswith("path,label")
