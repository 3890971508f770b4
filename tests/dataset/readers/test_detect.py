"""Which layout a folder has, told by looking."""

import pytest

from sightline.dataset import readers
from sightline.errors import DataError


def test_a_folder_that_fits_two_layouts_is_refused(tmp_path, picture):
    for name in ("images/a.png", "train/good/a.png", "test/dent/a.png"):
        picture(tmp_path / name)
    (tmp_path / "labels.csv").write_text("path,label\nimages/a.png,dent\n", encoding="utf-8")
    with pytest.raises(DataError, match="can be read as csv and as mvtec") as caught:
        readers.detect(tmp_path)
    assert "data.reader.kind=csv" in caught.value.hint


def test_an_index_is_taken_where_nothing_else_fits(tmp_path, picture):
    (tmp_path / "index.jsonl").write_text("", encoding="utf-8")
    assert readers.detect(tmp_path).kind == "index"


def test_masks_of_a_folder_of_their_own_are_found(tmp_path, picture):
    for name in ("images/good/1.png", "images/dent/2.png", "masks/dent/2_mask.png"):
        picture(tmp_path / name)
    settings = readers.detect(tmp_path)
    assert (settings.kind, settings.images, settings.mask_suffix) == ("masks", "images/{class}", "_mask.png")


BENCHMARKS = {
    "mvtec-ad": ("mvtec", ("train/good/0.png", "test/good/0.png", "test/cut/0.png", "ground_truth/cut/0_mask.png")),
    "mvtec-ad-2": (
        "mvtec",
        (
            *(f"{part}/good/000_regular.png" for part in ("train", "validation", "test_public")),
            *("test_public/bad/000_regular.png", "test_public/ground_truth/bad/000_regular_mask.png"),
            *("test_private/000_regular.png", "test_private_mixed/000_mixed.png"),
        ),
    ),
    "btad": ("mvtec", ("train/ok/0.bmp", "test/ok/0.bmp", "test/ko/0.bmp", "ground_truth/ko/0.png")),
    "visa": ("visa", ("Data/Images/Normal/0.JPG", "Data/Images/Anomaly/0.JPG", "Data/Masks/Anomaly/0.png")),
    "kolektor-sdd": ("kolektor", ("kos01/Part0.jpg", "kos01/Part0_label.bmp")),
    "kolektor-sdd2": (
        "kolektor",
        ("train/1.png", "train/1_GT.png", "test/2.png", "test/2_GT.png", "train/1 (copy).png"),
    ),
}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_of_anomaly_detection_is_told(tmp_path, picture, name, caplog):
    kind, files = BENCHMARKS[name]
    for file in files:
        picture(tmp_path / file)
    assert readers.detect(tmp_path).kind == kind
    assert caplog.messages == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_folder_of_a_benchmarks_products_is_refused(tmp_path, picture, name):
    for file in BENCHMARKS[name][1]:
        picture(tmp_path / "first" / file)
        picture(tmp_path / "second" / file)
    with pytest.raises(DataError, match="is no data set itself, but holds some: first, second"):
        readers.detect(tmp_path)


def test_names_that_end_like_masks_are_images_elsewhere(tmp_path, picture):
    for name in ("scratch/1.png", "scratch/1_GT.png", "good/2_label.png"):
        picture(tmp_path / name)
    assert readers.detect(tmp_path).kind == "folders"


def test_a_folder_of_data_sets_is_refused(tmp_path, picture):
    for name in ("bottle/train/good/1.png", "bottle/test/broken/1.png", "steel/scratch/1.png"):
        picture(tmp_path / name)
    with pytest.raises(DataError, match="is no data set itself, but holds some: bottle"):
        readers.detect(tmp_path)


def test_a_folder_around_the_class_folders_is_refused(tmp_path, picture):
    for name in ("steel/scratch/1.png", "steel/dent/1.png"):
        picture(tmp_path / name)
    with pytest.raises(DataError, match="holds one folder only, steel, and that holds dent, scratch") as caught:
        readers.detect(tmp_path)
    assert str(tmp_path / "steel") in caught.value.hint


@pytest.mark.parametrize("name", ["labels.csv", "annotations.json", "data.yaml", "notes.txt"])
def test_a_file_that_is_something_else_does_not_mislead(tmp_path, picture, name):
    for image in ("scratch/1.png", "dent/1.png"):
        picture(tmp_path / image)
    (tmp_path / name).write_text('["some text", 1]\n', encoding="utf-8")
    assert readers.detect(tmp_path).kind == "folders"


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("labels.csv", 'pa"th,"label\ngood/1.png,dent\n', "expected a column"),
        ("labels.csv", "path;lable\ngood/1.png;dent\n", "expected a column 'label'"),
        ("labels.csv", "x" * 140_000, "field larger than field limit"),
        ("annotations.json", '["some text", 1]', "Input should be an object"),
    ],
    ids=["quote", "column", "long", "json"],
)
def test_annotations_that_cannot_be_used_are_told(tmp_path, picture, caplog, name, text, fault):
    for image in ("good/1.png", "dent/1.png"):
        picture(tmp_path / image)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert readers.detect(tmp_path).kind == "folders"
    (warning,) = caplog.messages
    assert warning.startswith(f"{name} looks like annotations, but cannot be used")
    assert fault in warning
    assert f"data.reader.file={name}" in warning
    picture(tmp_path / "good" / "1.png").rename(tmp_path / "1.png")
    (tmp_path / "dent" / "1.png").unlink()
    with pytest.raises(DataError, match=f"{name} looks like annotations"):
        readers.detect(tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("annotations.json", '{"images": ['),
        ("annotations.json", ""),
        ("out.json", '{"info": {}, "images": [{"id": 1, "file_name": "good/1.png"'),
        ("out.json", '{"images": [], "annotations": []}'),
        ("1.json", '{"version": "5.4", "shapes": [{"label": "dent", "shape_type": "pol'),
    ],
)
def test_no_other_labels_take_the_place_of_broken_annotations(tmp_path, picture, name, text):
    for image in ("good/1.png", "dent/1.png"):
        picture(tmp_path / image)
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=f"^{name} looks like broken annotations, but cannot be used") as caught:
        readers.detect(tmp_path)
    assert "`data.reader.kind=folders`" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[", '{"images": 3}', '{"camera": {"images": [], "annotations": []}}'])
def test_other_json_beside_the_folders_is_no_annotation(tmp_path, picture, caplog, text):
    for image in ("good/1.png", "dent/1.png"):
        picture(tmp_path / image)
    (tmp_path / "settings.json").write_text(text, encoding="utf-8")
    assert readers.detect(tmp_path).kind == "folders"
    assert caplog.messages == []


def test_annotations_that_are_read_are_no_reason_to_warn(tmp_path, picture, caplog):
    picture(tmp_path / "a.png")
    for text, kind in (("path,label\na.png,dent\n", "csv"), ("a.png 0.0 mono\n", "elpv")):
        (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
        assert readers.detect(tmp_path).kind == kind
    assert caplog.messages == []


def test_a_flat_folder_lacks_a_folder_per_class(tmp_path, picture):
    for number in range(3):
        picture(tmp_path / f"{number}.png")
    with pytest.raises(DataError, match=r"expected a folder per class in .*, found 3 images without one") as caught:
        readers.detect(tmp_path)
    assert "Images end in" not in caught.value.hint


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="found no file at all") as caught:
        readers.detect(tmp_path)
    assert ".png" in caught.value.hint
