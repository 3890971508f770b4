"""Masks as run lengths: laws that hold for any mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sightline.dataset.readers.runlength import coco_mask, decode, encode
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


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (-1, -4), (2**20, 2**20)])
def test_no_mask_has_no_pixels_or_too_many(shape):
    with pytest.raises(DataError, match="no run-length mask can be of"):
        decode([shape[0] * shape[1]], shape, by_column=False, where="x")
