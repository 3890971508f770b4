"""What is measured is what the runtime tells: the same regions and boxes."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bundle_factory
from sightline import image
from sightline.boxes import Boxes
from sightline.bundle.manifest import Locate, Manifest
from sightline.export import singles, told
from sightline.export.matching import Compared
from sightline.export.regions import type_counts
from sightline.export.sweep import Outputs
from sightline.export.told import Regions
from sightline.image import Place
from sightline.index import Box, Index, Sample
from sightline.runtime.defects import defects_of
from sightline.runtime.looked import Link
from sightline.runtime.reader import Reading
from sightline.verdict import Policy, Threshold

SIDE, CELLS = 48, 12
CLASSES = ("red", "green", "blue")
PLACE = Place((SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE))


def _policy(limit: float = 0.5, minimum_area: float = 0.0) -> Policy:
    thresholds = {name: Threshold(ng=limit, review=limit) for name in CLASSES}
    return Policy(exclusive=False, good_known=True, thresholds=thresholds, minimum_area=minimum_area)


def _manifest(locate: Locate, policy: Policy) -> Manifest:
    return bundle_factory.manifest().model_copy(update={"locate": locate, "policy": policy, "classes": CLASSES})


def _regions(peak: float = 0.5, edge: float = 0.3) -> Locate:
    return Locate(by="regions", peaks=dict.fromkeys(CLASSES, peak), edges=dict.fromkeys(CLASSES, edge))


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95), st.floats(0.01, 0.9), st.sampled_from([0.0, 20.0]))
@settings(max_examples=60, deadline=None)
def test_regions_are_those_of_the_runtime(seed: int, peak: float, edge: float, least: float) -> None:
    draw = np.random.default_rng(seed)
    maps = (draw.random((3, CELLS, CELLS)) ** 4).astype(np.float32)
    reading = Reading(maps.max((1, 2)), maps, None, PLACE)
    policy, locate = _policy(0.6, least), _regions(peak, min(peak, edge))
    heat = told.over_frame(reading)
    said = told.said(reading, heat, CLASSES, policy, locate)
    defects = [one for one in defects_of(reading, _manifest(locate, policy)) if (one.area or 0) >= least]
    for number, name in enumerate(CLASSES):
        of_type = [one for one in defects if one.label == name and one.box is not None]
        assert (said[number] > 0).sum() == sum(one.area or 0 for one in of_type)
        for one in of_type:
            x1, y1, x2, y2 = map(int, one.box or ())
            there = said[number, y1:y2, x1:x2]
            assert (there > 0).any(axis=0).all()
            assert (there > 0).any(axis=1).all()
            assert np.isclose(there, one.score, atol=1e-6).any()


def test_a_type_below_its_threshold_has_no_region_though_its_map_is_above_the_edge() -> None:
    maps = np.full((3, CELLS, CELLS), 0.4, np.float32)
    reading = Reading(np.full(3, 0.4, np.float32), maps, None, PLACE)
    assert not told.said(reading, told.over_frame(reading), CLASSES, _policy(), _regions()).any()


def _boxes(*rows: tuple[float, float, float, float, float, int]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def test_boxes_that_are_too_small_or_beside_the_frame_do_not_count() -> None:
    found = _boxes((0, 0, 10, 10, 0.9, 0), (20, 0, 22, 2, 0.8, 0), (48, 0, 48, 9, 0.7, 0))
    reading = Reading(np.ones(3, np.float32), np.ones((3, 1, 1), np.float32), found, PLACE)
    assert told.counting(reading, 0).scores.tolist() == pytest.approx([0.9, 0.8])
    assert told.counting(reading, 5).scores.tolist() == pytest.approx([0.9])
    without = Reading(np.ones(3, np.float32), np.ones((3, 1, 1), np.float32), None, PLACE)
    assert len(told.counting(without, 0)) == 0


def test_images_whose_defects_nobody_marked_are_left_out(tmp_path) -> None:
    size = {"width": SIDE, "height": SIDE}
    (tmp_path / "empty.png").write_bytes(image.png(np.zeros((SIDE, SIDE), np.uint8)))
    samples = (
        Sample(path="a.png", labels=("red",), boxes=(Box(x1=1, y1=1, x2=9, y2=9, label="red"),), **size),
        Sample(path="b.png", labels=("green",), **size),
        Sample(path="c.png", **size),
        Sample(path="d.png", labels=("blue",), mask="empty.png", **size),
    )
    index = Index.build(tmp_path, samples)
    reading = Reading(np.zeros(3, np.float32), np.zeros((3, 2, 2), np.float32), _boxes(), PLACE)
    outputs = Outputs(samples, np.zeros((4, 3), np.float32), (reading,) * 4)
    assert told.marked(outputs, index) == [0, 2]
    assert [len(one.truth) for one in told.boxes(outputs, index)] == [1, 0]
    rows = [one.row for one in told.regions(outputs, index, index.classes, _policy(), _regions())]
    assert rows == [0, 2]


def _speck_and_dent(tmp_path, *, spots=(), boxes=None) -> tuple[Outputs, Index]:
    """A red speck of 3 x 3 px and a red dent of 12 x 12, then an image of the speck alone, then a good one.

    Args:
        tmp_path: Where masks lie.
        spots: x1, y1, x2, y2 and value of what the map of red shows on every image.
        boxes: What is found on every image.
    """
    both, alone = np.zeros((SIDE, SIDE), np.uint8), np.zeros((SIDE, SIDE), np.uint8)
    both[4:7, 4:7] = both[24:36, 24:36] = alone[4:7, 4:7] = 255
    for name, mask in (("both", both), ("alone", alone)):
        (tmp_path / f"{name}.png").write_bytes(image.png(mask))
    red = {"labels": ("red",), "width": SIDE, "height": SIDE}
    samples = (
        Sample(path="0.png", mask="both.png", **red),
        Sample(path="1.png", mask="alone.png", **red),
        Sample(path="2.png", width=SIDE, height=SIDE),
    )
    maps = np.full((3, SIDE, SIDE), 0.01, np.float32)
    for x1, y1, x2, y2, value in spots:
        maps[0, y1:y2, x1:x2] = value
    reading = Reading(maps.max((1, 2)), maps, boxes, PLACE)
    index = Index(root=tmp_path, classes=CLASSES, samples=samples)
    return Outputs(samples, np.stack([reading.scores] * 3), (reading,) * 3), index


def test_true_boxes_that_are_too_small_are_not_there_nor_is_what_was_found_on_them(tmp_path) -> None:
    found = _boxes((3, 3, 9, 9, 0.9, 0), (23, 23, 37, 37, 0.8, 0), (40, 4, 47, 11, 0.7, 0))
    outputs, index = _speck_and_dent(tmp_path, boxes=found)
    every, large = told.boxes(outputs, index), told.boxes(outputs, index, 20)
    assert [len(one.truth) for one in every] == [2, 1, 0]
    assert [one.truth.corners.tolist() for one in large] == [[[24, 24, 36, 36]], [], []]
    assert [one.found.scores.tolist() for one in large] == [
        pytest.approx([0.8, 0.7]),
        pytest.approx([0.8, 0.7]),
        pytest.approx([0.9, 0.8, 0.7]),
    ]


@pytest.mark.parametrize("boxes", [None, Boxes.empty()])
def test_a_frame_whose_marks_are_all_too_small_shows_nothing(tmp_path, boxes) -> None:
    outputs, index = _speck_and_dent(tmp_path, boxes=boxes)
    assert told.truth(outputs, index)[:, 0].tolist() == [True, True, False]
    assert told.truth(outputs, index, 20)[:, 0].tolist() == [True, False, False]


def test_the_area_of_a_true_region_is_that_of_its_pixels_not_of_its_box(tmp_path) -> None:
    outputs, index = _speck_and_dent(tmp_path)
    thin = np.eye(SIDE, dtype=np.uint8) * 255
    (tmp_path / "alone.png").write_bytes(image.png(thin))
    assert told.truth(outputs, index, SIDE + 1)[:, 0].tolist() == [True, False, False]
    assert told.truth(outputs, index, SIDE)[:, 0].tolist() == [True, True, False]


def test_true_regions_that_are_too_small_are_not_there_nor_is_what_touches_them_alone(tmp_path) -> None:
    """A region on the speck, one on the dent, one beside them, all large enough."""
    spots = [(3, 3, 9, 9, 0.9), (24, 24, 30, 30, 0.8), (40, 4, 46, 10, 0.7)]
    outputs, index = _speck_and_dent(tmp_path, spots=spots)
    first, second, good = told.regions(outputs, index, CLASSES, _policy(minimum_area=20), _regions())
    assert (int(first.truth.sum()), int(second.truth.sum())) == (144, 0)
    assert np.unique(first.told).tolist() == pytest.approx([0, 0.7, 0.8])
    assert np.unique(second.told).tolist() == pytest.approx([0, 0.7, 0.8])
    assert int(good.said.sum()) == 3 * 36
    joined = [(3, 3, 9, 9, 0.9), (9, 9, 30, 30, 0.8)]  # one region over both: of the dent
    outputs, index = _speck_and_dent(tmp_path, spots=joined)
    first, second, _ = told.regions(outputs, index, CLASSES, _policy(minimum_area=20), _regions())
    assert (first.said.any(), second.said.any()) == (True, False)


def test_the_scores_that_thresholds_are_chosen_from_are_those_of_what_is_large_enough(tmp_path) -> None:
    found = _boxes((3, 3, 6, 6, 0.9, 0), (23, 23, 37, 37, 0.8, 0))
    outputs, _ = _speck_and_dent(tmp_path, spots=[(0, 0, 1, 1, 0.9)], boxes=found)
    assert told.scores_of_boxes(outputs, 20)[0].tolist() == pytest.approx([0.8, 0, 0])


@pytest.mark.parametrize(
    ("spots", "peak"),
    [
        ([(3, 3, 6, 6, 0.95), (24, 24, 30, 30, 0.7)], 0.7),
        ([(3, 3, 9, 9, 0.95), (24, 24, 30, 30, 0.7)], 0.95),
        ([(24, 24, 30, 30, 0.4), (26, 26, 28, 28, 0.8)], 0.8),
        ([(3, 3, 6, 6, 0.95)], 0.3),
        ([(3, 3, 6, 6, 0.2)], 0.2),
    ],
)
def test_of_regions_that_is_the_highest_or_what_the_map_reaches_up_to_the_edge(tmp_path, spots, peak) -> None:
    link = Link(np.array([2.0] * 3), np.array([-1.0] * 3))
    outputs, _ = _speck_and_dent(tmp_path, spots=spots)
    scores = np.stack([link.scores(reading.maps.max((1, 2))) for reading in outputs.readings])
    linked = tuple(replace(reading, scores=scores[0]) for reading in outputs.readings)
    counted = told.scores_of_regions(replace(outputs, scores=scores, readings=linked), [0.3] * 3, link, 20)
    assert counted[0, 0] == pytest.approx(float(link.scores(np.full(3, peak))[0]), abs=1e-6)


def test_every_box_is_a_row_of_the_table() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0), (20, 0, 30, 10, 1, 1), (0, 20, 9, 29, 1, 2))
    found = _boxes((0, 0, 10, 9, 0.9, 0), (20, 0, 30, 11, 0.8, 2), (40, 40, 44, 44, 0.7, 1), (0, 20, 9, 29, 0.2, 2))
    rows = singles.of_boxes("a.png", Compared("a", found, truth), CLASSES, (0.5, 0.5, 0.5))
    assert [(one.outcome, one.true, one.said) for one in rows] == [
        ("right", "red", "red"),
        ("misnamed", "green", "blue"),
        ("invented", "", "green"),
        ("missed", "blue", ""),
    ]
    assert [one.area for one in rows] == pytest.approx([90, 110, 16, 81])
    assert rows[0].score == pytest.approx(0.9)
    assert rows[3].score is None


def _image() -> Regions:
    """Red found, green called blue, blue missed, and a green one invented."""
    said, truth = np.zeros((3, SIDE, SIDE), np.float32), np.zeros((3, SIDE, SIDE), bool)
    truth[0, 2:8, 2:8] = truth[1, 20:26, 20:26] = truth[2, 40:44, 2:6] = True
    said[0, 5:12, 5:12] = said[2, 20:24, 20:26] = said[1, 40:44, 40:46] = 0.75
    return Regions(0, np.full((3, SIDE, SIDE), 0.1, np.float32), said, truth)


def test_every_region_is_a_row_of_the_table() -> None:
    rows = singles.of_regions("a.png", _image(), CLASSES)
    assert {(one.outcome, one.true, one.said, one.area) for one in rows} == {
        ("right", "red", "red", 49),
        ("misnamed", "green", "blue", 24),
        ("invented", "", "green", 24),
        ("missed", "blue", "", 16),
    }
    assert {one.score for one in rows} == {0.75, None}


def test_types_of_regions_are_counted() -> None:
    one = _image()
    expected = [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    np.testing.assert_array_equal(type_counts(one.said, one.truth), expected)
    np.testing.assert_array_equal(type_counts(one.said & False, one.truth & False), np.zeros((4, 4)))
