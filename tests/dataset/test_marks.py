"""What is marked comes to lie where the defect is, whatever it was marked with and however it is shown."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import image
from sightline.boxes import Boxes
from sightline.config import Preprocess
from sightline.dataset import marks
from sightline.dataset.marks import UNKNOWN
from sightline.errors import DataError, ImageError
from sightline.index import Box, Index, Polygon, Sample


def index_of(root, **fields):
    """An index of one image, 40 wide and 30 high, with the types dent and scratch."""
    sample = Sample(path="a.png", width=40, height=30, **{"labels": ("dent",), **fields})
    return Index(root=root, classes=("dent", "scratch"), samples=(sample,))


def mask(root, name="mask.png", height=30, width=40, dtype=np.uint8):
    """A mask with 1 in rows 5 to 9 and columns 10 to 19, and 2 in the last corner."""
    values = np.zeros((height, width), dtype)
    values[5:10, 10:20] = 1
    values[-2:, -3:] = 2
    (root / name).write_bytes(cv2.imencode(".png", values)[1].tobytes())
    return name


BOX = Box(x1=10, y1=5, x2=20, y2=10, label="scratch")
OUTLINE = Polygon(points=((10, 5), (20, 5), (20, 10)), label="scratch")


def types(index):
    return marks.types_map(index.samples[0], index)


def boxes(corners, classes=None):
    corners = np.array(corners, np.float32).reshape(-1, 4)
    return Boxes(corners, np.ones(len(corners), np.float32), np.array(classes or [0] * len(corners), np.int64))


def test_a_good_image_shows_nothing_and_an_unmarked_one_nothing_that_is_known(tmp_path):
    good, unmarked = index_of(tmp_path, labels=()), index_of(tmp_path)
    assert not types(good).any()
    assert (types(unmarked) == UNKNOWN).all()
    assert [marks.is_marked(one.samples[0], one) for one in (good, unmarked)] == [True, False]


@pytest.mark.parametrize("fields", [{"boxes": (BOX,)}, {"polygons": (OUTLINE,)}, {"mask": "mask.png"}])
def test_the_254th_type_is_the_last(tmp_path, fields):
    mask(tmp_path)
    names = [f"t{n:03d}" for n in range(252)]
    last = index_of(tmp_path, labels=("scratch",), **fields).model_copy(update={"classes": ("dent", *names, "scratch")})
    assert types(last).max() == 254
    more = last.model_copy(update={"classes": ("dent", "more", *names, "scratch")})
    with pytest.raises(DataError, match=r"expected at most 254 types of defect, found 255\nMake them fewer"):
        types(more)


def test_a_mask_that_was_changed_is_not_read(tmp_path):
    index = index_of(tmp_path, mask=mask(tmp_path), mask_digest="0" * 64)
    for read in (types, lambda index: marks.boxes_on(index.samples[0], index), lambda i: marks.known(i.samples, i)):
        with pytest.raises(DataError, match=r"mask\.png was changed since the index was made"):
            read(index)


def test_an_empty_mask_of_a_defective_image_says_that_nothing_is_known(tmp_path):
    (tmp_path / "mask.png").write_bytes(image.png(np.zeros((30, 40), np.uint8)))
    index = index_of(tmp_path, mask="mask.png")
    assert (types(index) == UNKNOWN).all()
    assert len(marks.boxes_on(index.samples[0], index)) == 0
    assert not marks.is_marked(index.samples[0], index), "its boxes would count as those of an image without defects"
    good = Sample(path="b.png", width=40, height=30)
    assert [one.path for one in marks.known([index.samples[0], good], index)] == ["b.png"]


@pytest.mark.parametrize("labels", [("dent",), ("scratch",)])
@pytest.mark.parametrize("kind", ["good", "empty", "other values", "mask", "box", "outline", "nothing"])
def test_there_is_one_answer_to_whether_it_is_known_where_defects_are(tmp_path, kind, labels):
    (tmp_path / "empty.png").write_bytes(image.png(np.zeros((30, 40), np.uint8)))
    index = index_of(
        tmp_path,
        labels=() if kind == "good" else labels,
        mask={"empty": "empty.png", "mask": mask(tmp_path), "other values": mask(tmp_path)}.get(kind),
        mask_values={7: labels[0]} if kind == "other values" else {},
        boxes=(BOX,) if kind == "box" else (),
        polygons=(OUTLINE,) if kind == "outline" else (),
    )
    sample = index.samples[0]
    is_known = marks.is_marked(sample, index)
    assert is_known == (kind in ("good", "mask", "box", "outline"))
    assert is_known == (types(index) != UNKNOWN).all() == (sample.good or len(marks.boxes_on(sample, index)) > 0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_masks_values_are_types_where_the_recipe_says_so(tmp_path, dtype):
    name = mask(tmp_path, dtype=dtype)
    plain = types(index_of(tmp_path, mask=name, labels=("scratch",)))
    assert set(np.unique(plain)) == {0, 2}
    assert (plain > 0).sum() == 56
    told = index_of(tmp_path, mask=name, labels=("dent", "scratch"), mask_values={1: "scratch", 2: "dent"})
    assert types(told)[7, 15] == 2
    assert types(told)[29, 39] == 1
    found = marks.boxes_on(told.samples[0], told)
    assert found.corners.tolist() == [[37, 28, 40, 30], [10, 5, 20, 10]]
    assert found.classes.tolist() == [0, 1]


def test_a_mask_that_cannot_be_understood_is_refused(tmp_path):
    several = index_of(tmp_path, mask=mask(tmp_path), labels=("dent", "scratch"))
    with pytest.raises(DataError, match="does not say which of dent, scratch it shows") as caught:
        types(several)
    assert "data.reader.values" in caught.value.hint
    with pytest.raises(DataError, match="expected a mask of 40 x 30 pixels like its image, got 20 x 12"):
        types(index_of(tmp_path, mask=mask(tmp_path, "small.png", 12, 20)))
    with pytest.raises(ImageError, match=r"gone\.png"):
        types(index_of(tmp_path, mask="gone.png"))


def test_outlines_and_boxes_mark_the_pixels_inside_of_them(tmp_path):
    corners = ((10, 5), (20, 5), (20, 10), (10, 10))
    outlined = index_of(tmp_path, polygons=(Polygon(points=corners, label="scratch"),), labels=("scratch",))
    boxed = index_of(tmp_path, boxes=(Box(x1=10, y1=5, x2=20, y2=10, label="scratch"),), labels=("scratch",))
    for index in (outlined, boxed):
        expected = np.zeros((30, 40), np.uint8)
        expected[5:10, 10:20] = 2
        assert np.array_equal(types(index), expected)
        found = marks.boxes_on(index.samples[0], index)
        assert found.corners.tolist() == [[10, 5, 20, 10]]
        assert found.classes.tolist() == [1]


def test_a_box_without_an_outline_is_filled_beside_outlines(tmp_path):
    """As LabelMe's with a dent as rectangle and a scratch as polygon, or COCO's of which some have no segmentation."""
    dent, around = Box(x1=2, y1=20, x2=8, y2=26, label="dent"), Box(x1=10, y1=5, x2=20, y2=10, label="scratch")
    index = index_of(tmp_path, boxes=(dent, around), polygons=(OUTLINE,), labels=("dent", "scratch"))
    found = types(index)
    assert (found[20:26, 2:8] == 1).all()
    assert (found == 1).sum() == 36
    assert 0 < (found == 2).sum() < 40, "the triangle, not its box"
    assert marks.filled_boxes(index.samples[0], index) == [dent]
    within = dent.model_copy(update={"x1": 0.0, "y1": 0.0, "x2": 40.0, "y2": 30.0})
    over = types(index_of(tmp_path, boxes=(within, around), polygons=(OUTLINE,), labels=("dent", "scratch")))
    assert np.array_equal(over == 2, found == 2), "what is known better is drawn over it"
    assert (over > 0).all()


def test_a_box_that_a_tool_rounded_keeps_its_outline(tmp_path):
    rounded = Box(x1=10, y1=5, x2=19, y2=9, label="scratch")
    alone = types(index_of(tmp_path, polygons=(OUTLINE,), labels=("scratch",)))
    index = index_of(tmp_path, polygons=(OUTLINE,), boxes=(rounded,), labels=("scratch",))
    assert np.array_equal(types(index), alone)
    assert marks.boxes_on(index.samples[0], index).corners.tolist() == [[10, 5, 19, 9]]


def test_a_box_beside_a_mask_is_filled_where_the_mask_shows_nothing_of_its_type(tmp_path):
    on, off = Box(x1=9, y1=4, x2=22, y2=12, label="dent"), Box(x1=25, y1=14, x2=30, y2=20, label="dent")
    name = mask(tmp_path)
    index = index_of(tmp_path, mask=name, mask_values={1: "dent", 2: "scratch"}, boxes=(on, off))
    found = types(index)
    assert (found[14:20, 25:30] == 1).all()
    assert (found == 1).sum() == 50 + 30, "of the other box the mask is known"
    assert marks.filled_boxes(index.samples[0], index) == [off]
    boxes = marks.boxes_on(index.samples[0], index)
    assert boxes.corners.tolist() == [[9, 4, 22, 12], [25, 14, 30, 20], [37, 28, 40, 30]]
    assert boxes.classes.tolist() == [0, 0, 1], "a region of the mask that no box holds has one too"


@pytest.mark.parametrize("beside", [True, False])
def test_a_crowds_outline_has_a_box_alone_and_beside_others(tmp_path, beside):
    other = (Box(x1=30, y1=20, x2=38, y2=28, label="scratch"),) if beside else ()
    index = index_of(tmp_path, polygons=(OUTLINE,), boxes=other, labels=("scratch",))
    found = marks.boxes_on(index.samples[0], index)
    assert found.corners.tolist() == [[30, 20, 38, 28]] * beside + [[10, 5, 20, 10]]


@pytest.mark.parametrize("radius", [2, 5, 9])
@pytest.mark.parametrize("corners", [3, 5, 12])
def test_outlines_mark_as_much_as_they_enclose(radius, corners):
    draw, counts = np.random.default_rng(0), []
    for x, y, turn in draw.uniform((10, 10, 0), (30, 20, 6), (60, 3)):
        angles = np.linspace(turn, turn + 2 * np.pi, corners, endpoint=False)
        points = tuple((x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles)
        counts.append((types(index_of(".", polygons=(Polygon(points=points, label="dent"),))) > 0).sum())
    assert np.mean(counts) == pytest.approx(corners / 2 * radius**2 * np.sin(2 * np.pi / corners), rel=0.15)


def test_the_smallest_box_and_outline_mark_a_pixel(tmp_path):
    boxed = index_of(tmp_path, boxes=(Box(x1=10.2, y1=5.3, x2=10.4, y2=5.4, label="dent"),))
    outline = ((10.2, 5.3), (10.4, 5.3), (10.4, 5.4))
    outlined = index_of(tmp_path, polygons=(Polygon(points=outline, label="dent"),))
    assert np.argwhere(types(boxed)).tolist() == np.argwhere(types(outlined)).tolist() == [[5, 10]]


@settings(deadline=None, max_examples=30)
@given(
    spots=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 15)), min_size=1, max_size=12, unique=True),
    length=st.integers(1, 30),
)
def test_shrinking_loses_no_region(spots, length):
    """Specks and hair-thin lines, each far from the others, are still there at a twelfth of the size."""
    found = np.zeros((480, 640), np.uint8)
    for row, column in spots:
        found[40 * row + 13, 40 * column + 3 : 40 * column + 3 + length] = 1
    small = marks.to_canvas(found, image.place((480, 640), Preprocess(height=40, width=54)))
    for row, column in spots:
        around = small[round(3.33 * row) : round(3.33 * row) + 3, max(0, round(3.33 * column) - 1) :][:, :5]
        assert around.any(), (row, column)


def test_a_thin_line_stays_a_line():
    found = np.zeros((320, 320), np.uint8)
    found[100, 20:300] = 1
    small = marks.to_canvas(found, image.place((320, 320), Preprocess(height=64, width=64)))
    assert small[20, 4:60].all()
    assert small.sum() == 56


def test_a_speck_within_another_type_is_not_lost():
    found = np.ones((128, 128), np.uint8)
    found[60, 60] = 2
    small = marks.to_canvas(found, image.place((128, 128), Preprocess(height=32, width=32)))
    assert small[15, 15] == 2
    assert (small == 1).sum() == 32 * 32 - 1


def test_what_is_large_keeps_its_size():
    found = np.zeros((128, 128), np.uint8)
    found[32:64, 32:96] = 1
    small = marks.to_canvas(found, image.place((128, 128), Preprocess(height=32, width=32)))
    expected = np.zeros((32, 32), np.uint8)
    expected[8:16, 8:24] = 1
    assert np.array_equal(small, expected)


def test_nothing_known_stays_so():
    place = image.place((128, 128), Preprocess(height=32, width=32))
    assert (marks.to_canvas(np.full((128, 128), UNKNOWN, np.uint8), place) == UNKNOWN).all()


def test_boxes_are_cut_to_what_is_looked_at():
    spec = Preprocess(height=32, width=32, roi=((64, 0), (128, 0), (128, 64), (64, 64)))
    moved = marks.boxes_to_canvas(
        boxes([[0, 0, 10, 10], [60, 10, 70, 20], [100, 100, 128, 128], [66, 2, 68, 4]], [0, 1, 0, 1]),
        image.place((128, 128), spec),
    )
    assert moved.corners.tolist() == [[0, 5, 3, 10], [1, 1, 2, 2]]
    assert moved.classes.tolist() == [1, 1]


def test_a_box_where_nobody_looks_is_left_out():
    hidden = np.zeros((32, 32), bool)
    hidden[:16] = True
    found = marks.seen(boxes([[2, 2, 8, 8], [2, 12, 8, 18], [2, 10, 8, 22], [20, 20, 21, 21]]), hidden)
    assert found.corners.tolist() == [[2, 12, 8, 18], [2, 10, 8, 22], [20, 20, 21, 21]]
    assert len(marks.seen(found, None)) == 3


def test_pixels_of_two_boxes_belong_to_neither():
    found = np.zeros((32, 32), np.uint8)
    found[2:10, 2:10] = found[20:24, 20:30] = 1
    own, slack = marks.owned(found, boxes([[2, 2, 10, 10], [4, 4, 10, 10], [18, 20, 30, 24], [0, 12, 5, 15]]))
    assert set(np.unique(own)) == {0, 3}
    assert np.array_equal(own == 3, (found == 1) & (np.arange(32) >= 20)[:, None])
    assert slack.tolist() == [0, 0, 2, 0]
