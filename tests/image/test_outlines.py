"""Outlines enclose what they are drawn around: laws that hold for any mask."""

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sightline import image
from sightline.image.outlines import outline, outlines

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def inside(points, shape):
    """Whether each pixel's centre lies inside an outline (even-odd rule)."""
    points = np.array(points).reshape(-1, 2)
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    crossed = np.zeros(shape, bool)
    for (x1, y1), (_, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y1 != y2:  # upright, for outlines run along the edges of pixels
            crossed ^= (x < x1) & (y > min(y1, y2)) & (y < max(y1, y2))
    return crossed


def filled(mask):
    """The mask without its holes: all that the outside cannot reach by steps along rows and columns."""
    ring = np.pad(mask, 1)
    outside = np.zeros_like(ring)
    outside[0, 0] = True
    for _ in range(ring.size):
        grown = outside.copy()
        for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
            grown |= np.roll(outside, step, axis)
        grown &= ~ring
        if (grown == outside).all():
            break
        outside = grown
    return ~outside[1:-1, 1:-1]


@given(masks, st.integers(0, 5), st.integers(0, 5))
def test_outlines_enclose_exactly_the_marked_pixels_without_their_holes(mask, x, y):
    found = np.zeros((mask.shape[0] + y, mask.shape[1] + x), bool)
    for points in outlines(mask, (x, y)):
        part = inside(points, found.shape)
        assert not (found & part).any()
        found |= part
    assert (found[y:, x:] == filled(mask)).all()
    assert not found[:y].any()
    assert not found[:, :x].any()


def shape_of(kind):
    """A region in a mask of 60 x 60 pixels, away from its edges."""
    mask = np.zeros((60, 60), np.uint8)
    if kind in ("1x20", "20x1", "2x2", "4x4", "10x10", "1x1"):
        height, width = (int(side) for side in kind.split("x"))
        mask[20 : 20 + height, 20 : 20 + width] = 1
    elif kind == "L":
        mask[10:40, 10:12] = mask[38:40, 10:40] = 1
    elif kind == "ring":
        cv2.circle(mask, (30, 30), 18, 1, 3)
    elif kind == "hair":
        cv2.polylines(mask, [np.array([(5, 5), (20, 30), (50, 35), (55, 55)])], False, 1, 1)
    else:
        cv2.circle(mask, (30, 30), 22, 1, -1)
        cv2.line(mask, (30, 30), (58, 2), 1, 1)
    return mask > 0


def drawn(points, shape):
    """What an outline encloses, as readers fill it."""
    found = np.zeros(shape, np.uint8)
    image.fill(found, np.array(points), 1)
    return found > 0


def enclosed(points):
    return cv2.contourArea(np.array(points, np.float32))


@pytest.mark.parametrize("kind", ["1x1", "1x20", "20x1", "2x2", "4x4", "10x10", "L"])
def test_a_small_or_thin_region_comes_back_as_it_was(kind):
    mask = shape_of(kind)
    found = outline(mask)
    assert (drawn(found, mask.shape) == mask).all()
    assert enclosed(found) == mask.sum()


@pytest.mark.parametrize("kind", ["ring", "hair", "tailed"])
def test_a_large_region_is_told_in_few_corners_and_loses_no_part(kind):
    mask = shape_of(kind)
    whole, found = filled(mask), outline(mask)
    back = drawn(found, mask.shape)
    assert len(found) < len(outlines(mask)[0]) / 2
    assert enclosed(found) == pytest.approx(whole.sum(), rel=0.1)
    near = cv2.dilate(back.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert near[whole].all(), "no part of it is lost, however thin"
    assert (cv2.dilate(whole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)[back].all()


def test_a_wide_circle_has_no_corner_at_every_pixel():
    y, x = np.mgrid[:600, :600]
    found = outline((x - 300) ** 2 + (y - 300) ** 2 < 280**2)
    assert len(found) < 600
    distances = np.hypot(*(np.array(found) - 300).T)
    assert np.abs(distances - 280).max() < 1.5


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1),
    side=st.integers(8, 60),
    smooth=st.floats(0.6, 6),
    share=st.floats(0.1, 0.7),
    at=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_any_region_comes_back_to_within_what_was_simplified(seed, side, smooth, share, at):
    noise = np.random.default_rng(seed).normal(size=(side, side)).astype(np.float32)
    values = cv2.GaussianBlur(noise, (0, 0), smooth)
    _, parts = cv2.connectedComponents((values > np.quantile(values, share)).astype(np.uint8), connectivity=8)
    assume(parts.any())
    mask = parts == np.bincount(parts[parts > 0]).argmax()
    whole, (x, y) = filled(mask), at
    found = outline(mask, at)
    back = drawn(found, (side + y, side + x))[y:, x:]
    apart = cv2.boxFilter(
        (back.astype(np.float32) - whole), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    assert np.abs(apart).max() <= 4, "of nine pixels"
    corners = np.array(max(outlines(mask, at), key=len), np.float32).reshape(-1, 2)
    path = np.array(found, np.float32)[:, None]
    assert max(abs(cv2.pointPolygonTest(path, corner.tolist(), True)) for corner in corners) <= 0.8
    if len(corners) <= 24:
        assert (back == whole).all()


def test_nothing_has_no_outline():
    assert outline(np.zeros((4, 4), bool)) == ()
    assert outlines(np.zeros((4, 4), bool)) == []
