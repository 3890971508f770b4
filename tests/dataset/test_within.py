"""Boxes and outlines are cut to their image, and enclose the same inside of it."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import image
from sightline.dataset.within import around, box, polygon
from sightline.errors import DataError

SIZE = (96, 80)
OUTER = 400  # pixels around the image in which outlines are drawn uncut


def cut(points):
    """As the outline of a round form, whose handles lie inside."""
    return polygon([value for point in points for value in point], "dent", SIZE, where="here", handles=(1, 1, 9, 9))


def inside(points, size=SIZE, at=0):
    found = np.zeros((size[1], size[0]), np.uint8)
    image.fill(found, np.array(points, float) + at, 1)
    return found


def truly_inside(points):
    whole = inside(points, (SIZE[0] + 2 * OUTER, SIZE[1] + 2 * OUTER), OUTER)
    return whole[OUTER : OUTER + SIZE[1], OUTER : OUTER + SIZE[0]]


def test_an_outline_that_is_all_inside_is_left_as_it_is():
    points = ((0, 0), (96, 0), (50.5, 80))
    assert cut(points).points == points


@pytest.mark.parametrize(
    "points",
    [
        ((-60, 48), (40, 8), (40, 78)),
        ((-200, -200), (300, -200), (-200, 300)),
        ((-20, 5), (60, 5), (60, 15), (-10, 15), (-10, 60), (60, 60), (60, 70), (-20, 70)),  # a clasp
        ((-5, -5), (200, -5), (200, 200), (-5, 200)),
    ],
)
def test_what_an_outline_encloses_of_the_image_is_kept(points):
    whole = truly_inside(points)
    assert (inside(cut(points).points) != whole).sum() <= 0.02 * whole.sum()


def test_the_way_of_an_outline_around_a_corner_does_not_widen_its_box():
    points = [(30, 40), (30, 60), (-20, 60), (-20, -20), (90, -20), (90, -10), (-10, -10), (-10, 40)]
    for start in range(len(points)):
        found = cut(points[start:] + points[:start])
        assert around([found]) == (0, 40, 30, 60)
        assert (inside(found.points) == truly_inside(points)).all()


coordinates = st.floats(-OUTER / 2, OUTER / 2, allow_nan=False)


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8))
def test_a_place_of_the_image_is_inside_of_the_cut_outline_if_it_was_before(points):
    places = [(x, y) for x in range(4, SIZE[0], 11) for y in range(4, SIZE[1], 11)]
    before = distances(points, places)
    try:
        found = cut(points)
    except DataError:
        assert before.max() < 0.01
        return
    clear = abs(before) > 0.01  # OpenCV counts in single precision
    assert ((distances(found.points, places) > 0) == (before > 0))[clear].all()
    x1, y1, x2, y2 = around([found])
    assert 0 <= x1 <= x2 <= SIZE[0]
    assert 0 <= y1 <= y2 <= SIZE[1]


def distances(points, places):
    """How far inside of an outline each place lies, in pixels; below 0 it lies outside."""
    contour = np.array(points, np.float32)
    return np.array([cv2.pointPolygonTest(contour, place, measureDist=True) for place in places])


@pytest.mark.parametrize(
    "points",
    [
        ((10, 10), (20, 20), (30, 30)),
        ((10, 10), (10, 10), (10, 10)),
        ((10.1, 10.1), (20.2, 20.2), (30.3, 30.3)),
        ((200, 10), (210, 10), (210, 20)),
        ((96, 10), (110, 10), (110, 20)),
        ((-20, -20), (120, -20), (120, 90), (110, 90), (110, -10), (-20, -10)),  # around a corner
    ],
)
def test_an_outline_with_nothing_inside_of_the_image_is_refused(points):
    with pytest.raises(DataError, match="here: expected an outline with an area inside the image of 96x80"):
        cut(points)


@pytest.mark.parametrize("reach", [1.001, 9, 1e308, math.inf, math.nan])
@pytest.mark.parametrize("corner", range(4))
def test_what_reaches_far_out_of_an_image_of_any_known_size_is_refused(reach, corner):
    corners = [10, 10, 50, 50]
    corners[corner] = -reach if corner < 2 else SIZE[corner - 2] + reach
    x1, y1, x2, y2 = corners
    with pytest.raises(DataError, match=r"here: expected a box inside the image of 96x80, got .*\nMend"):
        box(corners, "dent", SIZE, where="here")
    with pytest.raises(DataError, match=r"here: expected an outline (inside the image of 96x80|of numbers), got"):
        polygon((x1, y1, x2, y1, x2, y2), "dent", SIZE, where="here")


def test_what_reaches_a_pixel_or_a_hundredth_over_the_edge_is_cut():
    assert box((-1, -1, 97, 81), "dent", SIZE, where="").y2 == 80
    assert box((-4, 0, 404, 81), "dent", (400, 80), where="").x2 == 400
    assert around([polygon((-1, -1, 97, -1, 97, 81, -1, 81), "dent", SIZE, where="")]) == (0, 0, 96, 80)


@pytest.mark.parametrize("size", [(0, 0), (96, 0)])
def test_nothing_is_cut_before_the_size_of_the_image_is_known(size):
    assert box((-9, 5, 400, 50), "dent", size, where="").x1 == -9
    assert around([polygon((-9, 5, 400, 5, 400, 50), "dent", size, where="")]) == (-9, 5, 400, 50)


def test_a_crossed_outline_encloses_something_though_its_halves_cancel():
    assert len(cut(((10, 10), (40, 40), (40, 10), (10, 40))).points) == 4
