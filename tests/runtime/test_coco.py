"""Verdicts as COCO annotations."""

import json
import os

import numpy as np
import pytest

from sightline import image
from sightline.config.recipe import Data
from sightline.dataset import marks, readers
from sightline.errors import DataError
from sightline.runtime.coco import CocoWriter
from sightline.verdict import Defect, Outcome, Verdict


@pytest.fixture
def written(tmp_path):
    """Writes verdicts on frames of 40x30 and returns what the file holds."""

    def call(*verdicts, **settings):
        writer = CocoWriter(["scratch", "dent"], **settings)
        for verdict in verdicts:
            writer.add(verdict, (30, 40, 3))
        writer.write(tmp_path / "out" / "predictions.json")
        return json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8"))

    return call


def verdict(*defects, outcome=Outcome.NG, frame="a.png"):
    return Verdict(outcome, ("why",), defects, frame=frame)


def test_defects_are_annotations_with_scores(written):
    triangle = ((1.0, 2.0), (5.0, 2.0), (5.0, 8.0))
    content = written(
        verdict(Defect("dent", 0.9, (1.0, 2.0, 5.5, 8.0)), Defect("scratch", 0.4, contour=triangle)),
        verdict(outcome=Outcome.OK, frame="é b.png"),
    )
    assert [(entry["id"], entry["name"]) for entry in content["categories"]] == [(1, "scratch"), (2, "dent")]
    assert [
        (entry["id"], entry["file_name"], entry["width"], entry["height"], entry["outcome"])
        for entry in content["images"]
    ] == [
        (1, "a.png", 40, 30, "NG"),
        (2, "é b.png", 40, 30, "OK"),
    ]
    first, second = content["annotations"]
    assert first == {
        "id": 1,
        "image_id": 1,
        "category_id": 2,
        "bbox": [1, 2, 4.5, 6],
        "area": 27,
        "segmentation": [],
        "iscrowd": 0,
        "score": 0.9,
    }
    assert (second["bbox"], second["area"], second["segmentation"]) == ([1, 2, 4, 6], 12, [[1, 2, 5, 2, 5, 8]])


def test_the_area_is_the_one_that_the_verdict_tells(written):
    content = written(verdict(Defect("dent", 0.9, (1.0, 2.0, 5.0, 8.0), area=7.0)))
    assert content["annotations"][0]["area"] == 7


@pytest.mark.parametrize("kind", ["1x20", "2x2", "4x4", "10x10", "L", "ring"])
def test_a_region_comes_back_from_our_own_reader_as_it_was(written, tmp_path, kind):
    mask = np.zeros((30, 40), bool)
    if kind == "L":
        mask[5:20, 10:12] = mask[18:20, 10:25] = True
    elif kind == "ring":
        mask[5:20, 10:25] = True
    else:
        height, width = (int(side) for side in kind.split("x"))
        mask[5 : 5 + height, 10 : 10 + width] = True
    enclosed = mask.copy()
    mask[8:17, 13:22] &= kind != "ring"
    y, x = np.nonzero(mask)
    corners = (float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1))
    area, contour = float(mask.sum()), image.outline(mask)
    content = written(verdict(Defect("dent", 0.9, corners, area, contour=contour)))
    (mark,) = content["annotations"]
    assert mark["area"] == enclosed.sum(), "the area is that of the outline"
    (tmp_path / "a.png").write_bytes(image.png(np.zeros((30, 40), np.uint8)))
    reader = {"kind": "coco", "file": "out/predictions.json", "images": "."}
    index = readers.read(Data.model_validate({"root": tmp_path, "reader": reader}))
    (sample,) = index.samples
    assert [(box.x1, box.y1, box.x2, box.y2) for box in sample.boxes] == [corners]
    sized = sample.model_copy(update={"width": 40, "height": 30})
    assert np.array_equal(marks.types_map(sized, index) > 0, enclosed)


def test_a_defect_without_a_place_is_a_crowd_over_the_frame(written):
    (mark,) = written(verdict(Defect("dent", 0.9)))["annotations"]
    assert (mark["bbox"], mark["iscrowd"], mark["score"]) == ([0, 0, 40, 30], 1, 0.9)


def test_a_frame_that_was_not_inspected_does_not_pass_for_good(written):
    content = written(verdict(outcome=Outcome.NOT_INSPECTED), verdict(outcome=Outcome.OK, frame="b.png"))
    assert [entry["file_name"] for entry in content["images"]] == ["b.png"]


def test_frames_are_named_from_a_folder(written, tmp_path):
    content = written(
        verdict(frame=str(tmp_path / "day 1" / "a.png")), verdict(frame="/elsewhere/b.png"), root=tmp_path
    )
    assert [entry["file_name"] for entry in content["images"]] == ["day 1/a.png", "/elsewhere/b.png"]


def test_a_type_that_the_bundle_does_not_know_is_refused(written):
    with pytest.raises(DataError, match="expected a defect of a type among scratch, dent, got 'scrach'") as caught:
        written(verdict(Defect("scrach", 0.9)))
    assert "scratch" in caught.value.hint


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written to .*x\.json"):
        CocoWriter(["dent"]).write(tmp_path / "file" / "x.json")


def test_cocos_own_reader_opens_it(written, tmp_path):
    api = pytest.importorskip("pycocotools.coco")
    written(verdict(Defect("dent", 0.9, (1.0, 2.0, 5.0, 8.0)), Defect("dent", 0.3)), verdict(frame="b.png"))
    loaded = api.COCO(tmp_path / "out" / "predictions.json")
    assert [mark["score"] for mark in loaded.loadAnns(loaded.getAnnIds(imgIds=[1]))] == [0.9, 0.3]


def test_a_file_name_that_is_no_utf8_is_spelt_with_escapes(written):
    name = os.fsdecode(b"caf\xe9.png")
    content = written(verdict(Defect("dent", 0.9), frame=name))
    assert content["images"][0]["file_name"] == name
