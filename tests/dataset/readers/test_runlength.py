"""Masks as run lengths, and their outlines: laws that hold for any mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sightline.dataset.readers.runlength import coco_mask, decode, encode, outlines
from sightline.errors import DataError

masks = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(masks)
def test_what_is_encoded_comes_back(mask):
    assert (decode(encode(mask), mask.shape, by_column=True, where="x") == mask).all()


@given(masks)
def test_cocos_own_decoder_says_the_same(mask):
    coco = pytest.importorskip("pycocotools.mask")
    text = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    height, width = mask.shape
    written = {"counts": text["counts"].decode(), "size": [height, width]}
    assert (coco_mask(written, (width, height), where="x") == mask).all()
    ours = coco.frPyObjects({"counts": encode(mask), "size": [height, width]}, height, width)
    assert ours["counts"] == text["counts"]


def inside(outline, shape):
    """Whether each pixel's centre lies inside an outline (even-odd rule)."""
    points = np.array(outline).reshape(-1, 2)
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
    for outline in outlines(mask, (x, y)):
        part = inside(outline, found.shape)
        assert not (found & part).any()
        found |= part
    assert (found[y:, x:] == filled(mask)).all()
    assert not found[:y].any()
    assert not found[:, :x].any()


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (-1, -4), (2**20, 2**20)])
def test_no_mask_has_no_pixels_or_too_many(shape):
    with pytest.raises(DataError, match="no run-length mask can be of"):
        decode([shape[0] * shape[1]], shape, by_column=False, where="x")
