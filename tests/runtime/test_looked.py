"""Nothing that a model says of an ignored region, of a margin, or of what lies beside the region reaches a verdict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import image
from sightline.boxes import Boxes
from sightline.bundle.manifest import Locate
from sightline.config import Preprocess
from sightline.runtime.looked import Link, boxes_looked_at, maps_looked_at

CLASSES = ("dent", "scratch")
LINK = Link(np.array([2.0, 1.0]), np.array([-1.0, 0.0]))
LEFT_IGNORED = Preprocess(height=64, width=64, ignore=(((0, 0), (32, 0), (32, 64), (0, 64)),))


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def maps_of(left: float, right: float):
    maps = np.full((2, 16, 16), 0.01, np.float32)
    maps[0, 4, 4], maps[0, 4, 12] = left, right
    return maps


@pytest.mark.parametrize(("left", "right"), [(0.9, 0.2), (0.9, 0.6), (0.2, 0.7)])
def test_the_score_is_that_of_the_places_looked_at(left, right):
    place, maps = image.place((64, 64), LEFT_IGNORED), maps_of(left, right)
    scores, seen = maps_looked_at(LINK.scores(maps.max((1, 2))), maps, place, LINK)
    assert scores[0] == pytest.approx(sigmoid(2 * np.log(right / (1 - right)) - 1), abs=1e-5)
    assert seen[0, 4, 4] == 0
    assert seen[0, 4, 12] == np.float32(right)
    assert place.heat_to_frame(maps[0])[:, :32].max() == 0


def test_scores_stay_as_the_model_gave_them_where_the_hottest_place_is_looked_at():
    place, maps = image.place((64, 64), LEFT_IGNORED), maps_of(0.2, 0.7)
    given_scores = np.array([0.123, 0.05], np.float32)
    scores, _ = maps_looked_at(given_scores, maps, place, LINK)
    assert scores[0] == given_scores[0]


def test_the_steepest_link_that_a_manifest_takes_gives_a_score():
    link = Link(np.array([1e6, 1e6]), np.array([-1e6, 1e6]))
    assert link.scores(np.array([0.1, 0.9])).tolist() == [0, 1]


def test_where_all_is_looked_at_nothing_changes():
    maps = maps_of(0.9, 0.2)
    scores = LINK.scores(maps.max((1, 2)))
    assert maps_looked_at(scores, maps, image.place((64, 64), Preprocess(height=64, width=64)), LINK) == (scores, maps)


def test_the_margin_of_a_padded_frame_is_not_looked_at():
    place = image.place((32, 64), Preprocess(height=64, width=64, fit="pad"))
    maps = np.full((2, 16, 16), 0.01, np.float32)
    maps[0, 1, 8] = 0.9
    scores, seen = maps_looked_at(LINK.scores(maps.max((1, 2))), maps, place, LINK)
    assert scores[0] < 0.01
    assert seen[:, :4].max() == 0


def boxes_of(*rows):
    corners = np.array([row[:4] for row in rows], np.float32).reshape(-1, 4)
    return Boxes(corners, np.array([row[4] for row in rows], np.float32), np.array([row[5] for row in rows], np.int64))


def test_boxes_where_nobody_looks_go_and_take_their_score_with_them():
    place = image.place((64, 64), LEFT_IGNORED)
    boxes = boxes_of((4, 4, 12, 12, 0.9, 0), (40, 4, 48, 12, 0.3, 0), (2, 40, 10, 50, 0.8, 1))
    scores, seen = boxes_looked_at(np.array([0.9, 0.8], np.float32), boxes, place)
    assert seen.corners.tolist() == [[40, 4, 48, 12]]
    np.testing.assert_allclose(scores, [0.3, 0.0])


def test_a_box_that_is_seen_for_a_third_stays():
    place = image.place((64, 64), LEFT_IGNORED)
    seen = place.sees(np.array([[20, 0, 38, 8], [20, 0, 37, 8], [np.nan, 0, 1, 1]], np.float32))
    assert seen.tolist() == [True, False, True]


def test_a_box_in_the_margin_does_not_land_beside_the_region_of_interest():
    roi = ((0, 200), (256, 200), (256, 264), (0, 264))
    place = image.place((512, 256), Preprocess(height=256, width=256, fit="pad", roi=roi))
    margin, across = [8.0, 8.0, 60.0, 60.0], [8.0, 60.0, 60.0, 128.0]
    assert place.sees(np.array([margin, across], np.float32)).tolist() == [False, True]
    moved = place.corners_to_frame(np.array([across], np.float32))[0]
    assert moved.tolist() == [8, 200, 60, 232]


@given(st.floats(1e-4, 1 - 1e-4), st.floats(0.2, 5), st.floats(-3, 3))
def test_the_link_of_a_manifest_is_the_sigmoid_of_the_scaled_logit(value, scale, bias):
    locate = Locate(by="regions", peaks={"dent": 0.5}, edges={"dent": 0.5}, frame={"dent": (scale, bias)})
    found = Link.of(locate, ("dent",))
    expected = sigmoid(scale * np.log(value / (1 - value)) + bias)
    assert found.scores(np.array([value]))[0] == pytest.approx(expected, abs=1e-5)
    assert Link.of(locate.model_copy(update={"frame": {}}), ("dent",)) is None


def test_what_maps_reach_and_the_scores_of_frames_follow_from_each_other():
    link = Link(np.array([0.5, 2.0]), np.array([1.0, -0.3]))
    highest = np.array([0.2, 0.7])
    np.testing.assert_allclose(link.highest(link.scores(highest)), highest, rtol=1e-5)
