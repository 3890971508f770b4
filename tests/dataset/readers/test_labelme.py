"""LabelMe's annotations."""

import base64
import json
import math

import numpy as np
import pytest

from sightline import image
from sightline.dataset import readers
from sightline.errors import DataError


@pytest.fixture
def annotate(tmp_path, picture):
    """Writes NAME.json and, unless told, its picture of 40x30."""

    def write(*shapes, name="a", folder=".", stated=None, picture_too=True, **changes):
        if picture_too:
            picture(tmp_path / f"{name}.png")
        content = {"shapes": shapes, "imagePath": stated or f"{name}.png", "imageWidth": 40, "imageHeight": 30}
        file = tmp_path / folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content | changes), encoding="utf-8")

    return write


def shape(kind, *points, label="dent", **more):
    return {"label": label, "shape_type": kind, "points": points, **more}


def corners(sample):
    return [(box.x1, box.y1, box.x2, box.y2) for box in sample.boxes]


def test_a_rectangle_may_be_drawn_from_any_corner_and_an_outline_has_a_box(annotate, read):
    triangle = ((1, 2), (5.5, 2), (5.5, 8))
    annotate(shape("rectangle", (9, 8), (1, 2)), shape("polygon", *triangle))
    (sample,) = read("labelme").samples
    assert corners(sample) == [(1, 2, 9, 8), (1, 2, 5.5, 8)]
    assert [polygon.points for polygon in sample.polygons] == [triangle]


def test_a_circle_is_its_centre_and_a_point_of_its_edge(annotate, read):
    annotate(shape("circle", (20, 15), (23, 19)))
    (sample,) = read("labelme").samples
    assert np.allclose(corners(sample), [(15, 10, 25, 20)])
    assert all(math.isclose(math.dist(point, (20, 15)), 5) for point in sample.polygons[0].points)


def test_a_circle_at_the_edge_is_cut_however_far_it_reaches_out(annotate, read):
    annotate(shape("circle", (2, 15), (12, 15)))
    assert np.allclose(corners(read("labelme").samples[0]), [(0, 5, 12, 25)])


def test_a_mask_lies_where_its_first_point_is(annotate, read):
    png = base64.b64encode(image.png(np.full((3, 2), 255, np.uint8))).decode()
    annotate(shape("mask", (4, 2), (5, 4), mask=png))
    (sample,) = read("labelme").samples
    assert corners(sample) == [(4, 2, 6, 5)]


def test_points_and_lines_label_their_image_and_mark_no_place(annotate, read, caplog):
    annotate(shape("point", (4, 2)), shape("linestrip", (4, 2), (5, 4), (9, 4), label="scratch"))
    (sample,) = read("labelme").samples
    assert (sample.labels, sample.boxes, sample.polygons) == (("dent", "scratch"), (), ())
    assert "mark no place: 1 linestrip, 1 point" in caplog.text


def test_flags_that_are_set_label_the_whole_image(annotate, read):
    annotate(flags={"dent": True, "scratch": False})
    assert read("labelme").samples[0].labels == ("dent",)


@pytest.mark.parametrize("stated", ["../pictures/b.png", "..\\pictures\\b.png"])
def test_the_image_is_seen_from_the_file(annotate, picture, read, tmp_path, stated):
    picture(tmp_path / "pictures" / "b.png")
    annotate(shape("rectangle", (1, 2), (3, 4)), folder="notes", stated=stated, picture_too=False)
    (sample,) = read("labelme", images="pictures", annotations="notes").samples
    assert (sample.path, sample.labels) == ("pictures/b.png", ("dent",))


@pytest.mark.parametrize("stated", ["C:\\Users\\me\\a.png", "/home/me/a.png", "../../a.png", "old name.png"])
def test_after_a_move_the_image_is_the_one_of_the_same_name(annotate, read, stated):
    annotate(shape("rectangle", (1, 2), (3, 4)), stated=stated)
    assert read("labelme").samples[0].path == "a.png"


def test_a_file_of_a_missing_image_is_named(annotate, read):
    annotate()
    annotate(name="gone", picture_too=False)
    with pytest.raises(DataError, match=r"1 JSON file in .* of an image that is not there: gone\.json \(gone\.png\)"):
        read("labelme")


def test_an_image_without_a_file_is_good_only_where_the_recipe_says_so(annotate, picture, read, tmp_path):
    annotate(shape("rectangle", (1, 2), (3, 4)))
    picture(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"1 image in .* without a JSON file in .*: b\.png") as caught:
        read("labelme")
    assert "data.reader.missing=good" in caught.value.hint
    assert [sample.labels for sample in read("labelme", missing="good").samples] == [("dent",), ()]


def test_two_files_of_one_image_are_refused(annotate, read):
    annotate()
    annotate(name="b", stated="a.png", picture_too=False)
    with pytest.raises(DataError, match=r"b\.json and .*a\.json are both of .*a\.png"):
        read("labelme")


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (shape("polygon", (1, 2), (3, 4)), "expected an outline of at least three points"),
        (
            shape("polygon", (50, 2), (60, 2), (60, 9)),
            "expected an outline inside the image of 40x30, got one within 50, 2",
        ),
        (shape("polygon", (1, 2), (3, 4), (5, 6)), "expected an outline with an area"),
        (shape("rectangle", (50, 2), (60, 9)), "expected a box inside the image of 40x30, got 50, 2, 60, 9"),
        (shape("polygon", (1, 1), (1e308, 1), (1e308, 9)), "expected an outline inside the image of 40x30"),
        (shape("circle", (5, 2), (5, 1e308)), "expected an outline inside the image of 40x30"),
        (shape("circle", (-1e308, 2), (1e308, 2)), "expected an outline of numbers, got inf"),
        (shape("rectangle", (5, 2), (5, 9)), "expected a box with an area"),
        (shape("rectangle", (5, 2)), "expected a rectangle of 2 points, got 1 point"),
        (shape("circle", (5, 2)), "expected a circle of 2 points, .* got 1 point"),
        (shape("circle", (5, 2), (5, 2)), "expected an outline with an area"),
        (shape("mask", (5, 2), (6, 3), mask="####"), "the mask is no picture, or damaged"),
        (shape("mask", (5, 2), (6, 3)), "the mask is no picture, or damaged"),
        (shape("cube", (5, 2), (6, 3)), "expected a shape of the type polygon, .* got 'cube'"),
    ],
)
def test_a_damaged_shape_is_named(annotate, read, mark, expected):
    annotate(shape("rectangle", (1, 2), (3, 4)), mark)
    with pytest.raises(DataError, match=rf"a\.json, shapes\[1\]: {expected}"):
        read("labelme")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"shapes": [],\n"imagePath": }', r"a\.json: Invalid JSON: .* line 2"),
        ('{"shapes": [], "imagePath": "a.png", "imageWidth": -4}', r"a\.json, imageWidth: Input should be greater"),
        ('{"shapes": []}', r"a\.json, imagePath: Field required"),
        ('{"shapes": [{"label": "", "points": []}], "imagePath": "a.png"}', r"a\.json, shapes\[0\]\.label"),
    ],
)
def test_a_damaged_file_is_named(annotate, read, tmp_path, text, expected):
    annotate()
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=expected):
        read("labelme")


def test_other_json_is_left_out_with_a_word(annotate, read, tmp_path, caplog):
    annotate(shape("rectangle", (1, 2), (3, 4)))
    (tmp_path / "settings.json").write_text('{"camera": 1}', encoding="utf-8")
    assert len(read("labelme").samples) == 1
    assert "hold no LabelMe annotations: settings.json" in caplog.text


def test_files_called_annotations_are_told_by_looking(annotate, tmp_path, caplog):
    annotate(shape("rectangle", (1, 2), (3, 4)), folder="annotations", stated="../a.png")
    assert readers.detect(tmp_path).kind == "labelme"
    assert caplog.messages == []
