"""Defects that are pasted upon other scenes: whole, with their marks, in the light around them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.boxes import Boxes
from sightline.dataset.marks import UNKNOWN
from sightline.dataset.paste import pasted
from sightline.dataset.scene import Scene

SIDE = 64


def plain(value):
    return Scene(np.full((SIDE, SIDE, 3), value, np.uint8), None, np.zeros((SIDE, SIDE), np.uint8), Boxes.empty())


def marked(value=100, defect=40, left=20, top=24, size=10, kind=0, *, outlined=True):
    scene = plain(value)
    scene.image[top : top + size, left : left + size] = defect
    if outlined:
        scene.types[top : top + size, left : left + size] = kind + 1
    corners = np.array([[left, top, left + size, top + size]], np.float32)
    return Scene(scene.image, None, scene.types, Boxes(corners, np.ones(1, np.float32), np.array([kind])))


@pytest.mark.parametrize("outlined", [True, False])
def test_a_defect_comes_with_its_marks_and_nothing_else_does(outlined):
    donor = marked(kind=2, outlined=outlined)
    made = pasted(plain(100), donor)
    assert np.array_equal(made.image[24:34, 20:30], donor.image[24:34, 20:30])
    assert (made.image[:14] == 100).all()
    assert (made.image[:, 44:] == 100).all()
    assert np.array_equal(made.types, donor.types)
    assert np.array_equal(made.boxes.corners, donor.boxes.corners)
    assert made.boxes.classes.tolist() == [2]


@given(st.integers(90, 180), st.integers(90, 180))
def test_a_defect_takes_on_the_light_around_it(here, there):
    made = pasted(plain(here), marked(value=there, defect=there // 2))
    assert made.image[28, 24, 0] == pytest.approx(here / 2, abs=2)


def test_a_defect_is_made_no_more_than_twice_as_bright():
    assert pasted(plain(250), marked(value=20, defect=60)).image[28, 24, 0] == 120


def test_a_scenes_own_defects_stay_as_they_are():
    own = marked(left=22, top=26, defect=200, kind=1)
    assert pasted(own, marked()) is own
    apart = marked(left=4, top=4, defect=200, kind=1)
    made = pasted(apart, marked(kind=0))
    assert np.array_equal(made.image[4:14, 4:14], apart.image[4:14, 4:14])
    assert sorted(made.boxes.classes.tolist()) == [0, 1]
    assert np.unique(made.types).tolist() == [0, 1, 2]


def test_nothing_is_pasted_of_what_nobody_marked():
    good = plain(100)
    unknown = marked()
    unknown.types[:] = UNKNOWN
    assert pasted(good, unknown) is good
    assert pasted(unknown, marked()) is unknown
    assert pasted(good, plain(90)) is good
