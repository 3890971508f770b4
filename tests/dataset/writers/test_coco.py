"""COCO annotations of an index; that the marks of every layout come back from them is under the readers' contract."""

import json

import cv2
import numpy as np
import pytest

from sightline import image
from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.dataset.writers import coco
from sightline.errors import DataError
from sightline.index import Box, Index, Polygon, Sample


def box(x1, y1, x2, y2, label="dent"):
    return Box(x1=x1, y1=y1, x2=x2, y2=y2, label=label)


def outline(*points, label="dent"):
    return Polygon(points=points, label=label)


# pycocotools 2.0.11 still hands arrays to numpy the old way.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def write(tmp_path):
    """Writes rows as COCO, their images of 40x30 too, and returns what the file holds."""

    def call(*rows, **masks):
        for name, values in {row.path: np.zeros((30, 40), np.uint8) for row in rows}.items():
            (tmp_path / name).write_bytes(image.png(values))
        for name, values in masks.items():
            (tmp_path / f"{name}.png").write_bytes(image.png(values))
        coco.write(Index.build(tmp_path, rows), tmp_path / "out" / "annotations.json")
        return json.loads((tmp_path / "out" / "annotations.json").read_text(encoding="utf-8"))

    return call


def test_images_and_types_are_numbered_in_a_stable_order(write):
    content = write(Sample(path="é b.png"), Sample(path="a.png", labels=("scratch", "dent"), boxes=(box(1, 2, 5, 9),)))
    assert content["images"] == [
        {"id": 1, "file_name": "a.png", "width": 40, "height": 30},
        {"id": 2, "file_name": "é b.png", "width": 40, "height": 30},
    ]
    assert [(entry["id"], entry["name"]) for entry in content["categories"]] == [(1, "dent"), (2, "scratch")]


def test_an_outline_that_reaches_over_a_rounded_box_belongs_to_it(write):
    row = Sample(
        path="a.png",
        labels=("dent",),
        boxes=(box(1, 2, 9, 9), box(8, 2, 16, 9)),
        polygons=(outline((0.6, 2), (9.4, 2), (9.4, 9.3)), outline((8, 2), (15.9, 2), (15.9, 8.9))),
    )
    marks = write(row)["annotations"]
    assert [mark["bbox"] for mark in marks] == [[1, 2, 8, 7], [8, 2, 8, 7]]
    assert [mark["segmentation"][0][0] for mark in marks] == [0.6, 8]


def test_a_box_and_the_outlines_in_it_are_one_annotation(write):
    triangle = outline((1, 2), (5, 2), (5, 8))
    far, near = outline((20, 3), (24, 3), (24, 5)), outline((21, 20), (24, 20), (24, 25))
    boxes = (box(1, 2, 5, 8), box(20, 3, 24, 25), box(0, 0, 40, 30, "scratch"))
    row = Sample(path="a.png", labels=("dent", "scratch"), boxes=boxes, polygons=(near, triangle, far))
    first, second, third = write(row)["annotations"]
    assert (first["bbox"], first["area"], first["segmentation"]) == ([1, 2, 4, 6], 12, [[1, 2, 5, 2, 5, 8]])
    assert (second["bbox"], second["area"], len(second["segmentation"])) == ([20, 3, 4, 22], 11.5, 2)
    assert (third["bbox"], third["area"], third["segmentation"]) == ([0, 0, 40, 30], 1200, [])
    assert {mark["iscrowd"] for mark in (first, second, third)} == {0}


def test_an_outline_without_a_box_gets_one(write):
    row = Sample(path="a.png", labels=("dent",), polygons=(outline((1, 2), (5, 2), (5, 8)),))
    assert [mark["bbox"] for mark in write(row)["annotations"]] == [[1, 2, 4, 6]]


def test_a_mask_is_an_annotation_for_each_region_and_holes_are_kept(write, tmp_path):
    mask = np.zeros((30, 40), np.uint8)
    mask[2:5, 4:6] = 7
    mask[10:20, 10:20] = 7
    mask[12:18, 12:18] = 0
    mask[14:16, 14:16] = 7  # inside the hole
    row = Sample(path="a.png", labels=("dent",), mask="m.png")
    marks = sorted(write(row, m=mask)["annotations"], key=lambda mark: mark["area"])
    assert [(mark["area"], mark["bbox"]) for mark in marks] == [
        (4, [14, 14, 2, 2]),
        (6, [4, 2, 2, 3]),
        (64, [10, 10, 10, 10]),
    ]
    assert [type(mark["segmentation"]) for mark in marks] == [list, list, dict]
    api = pytest.importorskip("pycocotools.coco")
    loaded = api.COCO(tmp_path / "out" / "annotations.json")
    drawn = sum(loaded.annToMask(mark) for mark in loaded.loadAnns(loaded.getAnnIds()))
    assert (drawn == (mask > 0)).all()


def test_values_of_a_mask_are_types(write):
    mask = np.zeros((30, 40), np.uint8)
    mask[0, 0], mask[0, 1] = 1, 2
    row = Sample(path="a.png", labels=("dent", "scratch"), mask="m.png", mask_values={1: "scratch", 2: "dent"})
    marks = write(row, m=mask)["annotations"]
    assert [(mark["category_id"], mark["bbox"]) for mark in marks] == [(1, [1, 0, 1, 1]), (2, [0, 0, 1, 1])]


@pytest.mark.parametrize("mask", [None, "m.png"])
def test_a_defect_that_nobody_marked_is_a_crowd_over_the_image(write, tmp_path, caplog, mask):
    row = Sample(path="a.png", labels=("dent", "scratch"), mask=mask)
    content = write(row, m=np.ones((30, 40), np.uint8))  # the mask does not tell which is where
    assert [(mark["bbox"], mark["iscrowd"]) for mark in content["annotations"]] == [([0, 0, 40, 30], 1)] * 2
    assert "2 labels of defects that nobody marked" in caplog.text
    reader = {"kind": "coco", "file": "out/annotations.json", "images": "."}
    (again,) = readers.read(Data.model_validate({"root": tmp_path, "reader": reader})).samples
    assert (again.labels, again.boxes, again.polygons) == (("dent", "scratch"), (), ())


def test_a_mask_of_another_size_is_named(write):
    with pytest.raises(DataError, match=r"m\.png: expected a mask of 40 x 30 pixels"):
        write(Sample(path="a.png", labels=("dent",), mask="m.png"), m=np.ones((3, 4), np.uint8))


def test_an_image_that_cannot_be_read_is_left_out_with_a_word(tmp_path, caplog):
    (tmp_path / "a.png").write_bytes(b"no image")
    row = Sample(path="a.png", labels=("dent",), boxes=(box(1, 2, 5, 8),))
    assert coco.write(Index.build(tmp_path, [row]), tmp_path / "out.json") == 0
    assert json.loads((tmp_path / "out.json").read_text())["images"] == []
    assert "1 image left out" in caplog.text


def test_the_same_index_gives_the_same_bytes(write, tmp_path):
    row = Sample(path="a.png", labels=("dent",), boxes=(box(1, 2, 5, 8),))
    write(row)
    before = (tmp_path / "out" / "annotations.json").read_bytes()
    write(row)
    assert (tmp_path / "out" / "annotations.json").read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(write, tmp_path):
    row = Sample(path="a.png", labels=("dent",), boxes=(box(1, 2, 5, 8),))
    write(row)
    with pytest.raises(DataError, match=r"cannot be written to .*a\.png"):
        coco.write(Index.build(tmp_path, [row]), tmp_path / "a.png" / "x.json")


def test_outlines_of_a_round_mask_cover_what_it_covers(write, tmp_path):
    mask = cv2.circle(np.zeros((30, 40), np.uint8), (20, 15), 9, 1, -1)
    (mark,) = write(Sample(path="a.png", labels=("dent",), mask="m.png"), m=mask)["annotations"]
    assert mark["area"] == mask.sum()
    reader = {"kind": "coco", "file": "out/annotations.json", "images": "."}
    (again,) = readers.read(Data.model_validate({"root": tmp_path, "reader": reader})).samples
    points = np.array(again.polygons[0].points, np.float32)
    assert cv2.contourArea(points) == mask.sum()
