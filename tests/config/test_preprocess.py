"""What is stated of preprocessing either can be done, or is refused when it is read and not on the first frame."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.image import plan


@given(st.integers(32, 200), st.integers(32, 200), st.integers(8, 120))
def test_tiles_that_are_accepted_can_be_laid_over_any_frame(height, width, overlap):
    try:
        spec = Preprocess(height=height, width=width, tiles={"overlap": overlap})
    except ValidationError:
        assert 2 * overlap >= min(height, width) or min(height, width) < overlap + 32
        return
    assert plan((700, 900), (spec.height, spec.width), overlap)


def test_tiles_that_do_not_go_on_are_refused_with_the_size_they_need():
    with pytest.raises(ValidationError, match=r"height and width of at least 40 with an overlap of 8, .* got 32 x 64"):
        Preprocess(height=32, width=64, tiles={"overlap": 8})
    with pytest.raises(ValidationError, match="expected less than half of 64 x 64, got 32"):
        Preprocess(height=64, width=64, tiles={"overlap": 32})


def test_a_region_without_a_pixel_is_refused():
    flat = ((0, 0), (10, 0), (20, 0))
    for settings in ({"roi": flat}, {"ignore": (flat,)}):
        with pytest.raises(ValidationError, match="expected an outline around at least a pixel"):
            Preprocess(**settings)


def test_a_part_has_to_be_in_view_unless_less_is_stated():
    assert Align().coverage >= 0.95
