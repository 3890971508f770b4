"""What every reader promises, on a miniature of its layout."""

from collections import Counter
from pathlib import Path

import pytest

from layout_factory import DENT, GOOD, HEIGHT, MINIS, SCRATCH_1, SCRATCH_2, WIDTH
from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.dataset.writers import coco as coco_writer
from sightline.errors import DataError
from sightline.index import Index, Sample


def test_every_reader_is_under_contract():
    assert MINIS.keys() == readers.LAYOUTS.keys()


@pytest.fixture(params=MINIS)
def kind(request):
    return request.param


@pytest.fixture
def mini(kind):
    return MINIS[kind]


@pytest.fixture
def data(kind, mini, tmp_path, picture):
    """A recipe's data section over the miniature, whose root has a blank and an umlaut too."""
    root = tmp_path / "Werk 1 äöü"
    root.mkdir()
    mini.make(root, picture)
    return Data.model_validate({"root": root, "reader": {"kind": kind, **mini.settings}})


def test_finds_every_image_with_its_label(data, mini):
    index = readers.read(data)
    named = {Path(sample.path).stem.removesuffix("_test"): sample.labels for sample in index.samples}
    scratch, dent = mini.labels
    assert named == {SCRATCH_1: scratch, SCRATCH_2: scratch, DENT: dent, GOOD: ()}
    assert index.classes == tuple(sorted({*scratch, *dent}))


def test_paths_are_relative_with_forward_slashes_and_lead_to_files(data, mini):
    index = readers.read(data)
    for sample in index.samples:
        for name in filter(None, (sample.path, sample.mask, sample.template)):
            assert not Path(name).is_absolute()
            assert "\\" not in name
            assert not name.startswith("./")
            assert (index.root / name).is_file()
    assert sum(sample.mask is not None for sample in index.samples) == mini.masks


def test_order_is_by_path_and_the_same_each_time(data):
    first, second = readers.read(data), readers.read(data)
    assert first == second
    assert [sample.path for sample in first.samples] == sorted(sample.path for sample in first.samples)


def test_boxes_are_pixels_inside_the_image_and_carry_labels_of_it(data, mini):
    samples = readers.read(data).samples
    assert Counter(box.label for sample in samples for box in sample.boxes) == (mini.marks or {})
    for sample in samples:
        assert {mark.label for mark in (*sample.boxes, *sample.polygons)} <= set(sample.labels)
        for box in sample.boxes:
            assert 0 <= box.x1 < box.x2 <= WIDTH
            assert 0 <= box.y1 < box.y2 <= HEIGHT
        for x, y in (point for polygon in sample.polygons for point in polygon.points):
            assert 0 <= x <= WIDTH
            assert 0 <= y <= HEIGHT


def test_survives_saving(data, tmp_path):
    index = readers.read(data)
    index.save(tmp_path / "saved" / "index.jsonl")
    assert Index.load(tmp_path / "saved" / "index.jsonl") == index


def test_litter_is_no_image(data, picture):
    before = readers.read(data)
    for folder in [data.root, *(path for path in data.root.rglob("*") if path.is_dir())]:
        picture(folder / "._hidden.png")
        picture(folder / "__MACOSX" / "x.png")
        (folder / "Thumbs.db").write_bytes(b"x")
        (folder / "notes.md").write_text("x")
    assert readers.read(data) == before


def test_labels_are_mapped(data, mini):
    found, count = (mini.labels[0][0], 2) if mini.labels[0] else ("good", 4)
    index = readers.read(data.model_copy(update={"rename": {found: "Kratzer"}}))
    assert index.counts()["Kratzer"] == count
    assert {box.label for sample in index.samples for box in sample.boxes} <= {"Kratzer", *mini.labels[1]}


def test_the_layout_is_told_by_looking(data, kind, mini):
    if kind in ("index", "good"):  # images of either could be read from the folders too
        assert readers.detect(data.root).kind == "folders"
        return
    detected = readers.detect(data.root)
    assert detected.kind == kind
    assert readers.read(Data(root=data.root, reader=detected)).counts() == readers.read(data).counts()


def test_an_empty_root_is_refused(kind, mini, tmp_path):
    data = Data.model_validate({"root": tmp_path, "reader": {"kind": kind, **mini.settings}})
    with pytest.raises(DataError) as caught:
        readers.read(data)
    assert str(tmp_path) in caught.value.message


def test_a_missing_root_is_refused(kind, mini, tmp_path):
    data = Data.model_validate({"root": tmp_path / "nowhere", "reader": {"kind": kind, **mini.settings}})
    with pytest.raises(DataError, match=r"expected a folder of images at .*nowhere, found nothing"):
        readers.read(data)


@pytest.mark.parametrize("kind", [kind for kind, mini in MINIS.items() if mini.damage])
def test_a_damaged_annotation_is_named(data, mini):
    expected = mini.damage(data.root)
    with pytest.raises(DataError, match=expected):
        readers.read(data)


@pytest.mark.parametrize("place", ["../a.png", "/elsewhere/a.png"])
def test_an_index_names_nothing_outside_of_its_root(tmp_path, picture, place):
    picture(tmp_path / "a.png")
    (tmp_path / "root").mkdir()
    rows = [Sample(path=place if place.startswith("..") else (tmp_path / "a.png").as_posix(), labels=("dent",))]
    Index.build(Path(), rows).save(tmp_path / "root" / "index.jsonl")
    data = Data.model_validate({"root": tmp_path / "root", "reader": {"kind": "index"}})
    with pytest.raises(DataError, match=r"index\.jsonl, .*: expected a path inside"):
        readers.read(data)


def test_an_index_without_rows_says_so(tmp_path):
    Index.build(Path(), []).save(tmp_path / "index.jsonl")
    with pytest.raises(DataError, match="found only the header"):
        readers.read(Data.model_validate({"root": tmp_path, "reader": {"kind": "index"}}))


@pytest.mark.parametrize("kind", [kind for kind, mini in MINIS.items() if mini.names_images])
def test_an_image_that_is_named_and_missing_is_refused(data, mini):
    next(path for path in data.root.rglob("*") if path.stem == DENT and path.suffix != ".xml").unlink()
    with pytest.raises(DataError, match=DENT):
        readers.read(data)


def test_a_template_that_is_named_and_missing_is_refused(tmp_path, picture):
    picture(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("path,label,reference\na.png,dent,gone.png\n", encoding="utf-8")
    data = {"root": tmp_path, "reader": {"kind": "csv", "template_column": "reference"}}
    with pytest.raises(DataError, match=r"1 of 2 files that the labels name not in .*: gone\.png"):
        readers.read(Data.model_validate(data))


def test_an_index_names_no_template_outside_of_its_root(tmp_path, picture):
    picture(tmp_path / "root" / "a.png")
    picture(tmp_path / "b.png")
    Index.build(Path(), [Sample(path="a.png", template="../b.png")]).save(tmp_path / "root" / "index.jsonl")
    data = Data.model_validate({"root": tmp_path / "root", "reader": {"kind": "index"}})
    with pytest.raises(DataError, match=r"index\.jsonl, '\.\./b\.png': expected a path inside"):
        readers.read(data)


def marked(sample):
    """What is marked on an image, label by label, and all numbers of it."""
    boxes = [(one.label, one.x1, one.y1, one.x2, one.y2) for one in sample.boxes]
    outlines = [(one.label, *(value for point in one.points for value in point)) for one in sample.polygons]
    rows = [*boxes, *outlines]
    return [row[0] for row in rows], [value for row in rows for value in row[1:]]


def test_what_is_marked_comes_back_from_coco(data, mini):
    index = readers.read(data)
    coco_writer.write(index, index.root / "exported.json")
    reader = {"kind": "coco", "file": "exported.json", "images": "."}
    again = readers.read(Data.model_validate({"root": index.root, "reader": reader}))
    assert again.classes == index.classes
    assert [sample.path for sample in again.samples] == [sample.path for sample in index.samples]
    for first, second in zip(index.samples, again.samples, strict=True):
        assert second.labels == first.labels
        names, numbers = marked(second)
        if first.mask and not first.boxes:  # the masks of the miniatures mark all of their image
            assert names == [*first.labels] * 2
            assert numbers[:4] == [0, 0, WIDTH, HEIGHT][: len(numbers)]
        else:
            assert names == marked(first)[0]
            assert numbers == pytest.approx(marked(first)[1], abs=0.01)
