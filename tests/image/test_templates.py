"""A frame is compared with the right template, or the reason says which there are."""

import numpy as np
import pytest

from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.errors import ImageError
from sightline.image import Templates
from sightline.image.templates import is_itself
from sightline.synth import render

PLAIN = Preprocess(height=64, width=64)
ALIGNED = Preprocess(height=64, width=64, align=Align())


def part(seed):
    return render(seed, size=(256, 256)).image


@pytest.fixture(scope="module")
def variants():
    return {"left": part(1), "right": np.ascontiguousarray(part(2)[:, ::-1])}


def test_the_frames_own_template_comes_before_all_others(variants):
    own = part(3)
    for spec, choose in ((PLAIN, "name"), (ALIGNED, "match")):
        found, registration = Templates(variants, choose, spec).of(part(1), own=own, variant="left")
        assert found is own
        assert registration is None


def test_a_named_variant_is_taken_though_another_fits_better(variants):
    found, _ = Templates(variants, "match", ALIGNED).of(variants["left"], variant="right")
    assert found is variants["right"]


@pytest.mark.parametrize(("held", "known"), [(True, "left, right"), (False, "none")])
def test_an_unknown_variant_is_said_with_those_there_are(variants, held, known):
    with pytest.raises(ImageError, match=f"no template for the variant 'middle'; there are templates of: {known}"):
        Templates(variants if held else {}, "name", PLAIN).of(part(1), variant="middle")


def test_without_any_template_the_frame_must_bring_one():
    with pytest.raises(ImageError, match="expected a template with the frame, got none"):
        Templates({}, "name", PLAIN).of(part(1))


def test_the_only_variant_needs_no_name(variants):
    only = {"left": variants["left"]}
    for spec, choose in ((PLAIN, "name"), (ALIGNED, "match")):
        assert Templates(only, choose, spec).of(part(1))[0] is only["left"]


@pytest.mark.parametrize(("choose", "spec"), [("name", ALIGNED), ("name", PLAIN), ("match", PLAIN)])
def test_several_variants_and_no_name_is_an_error_where_none_can_be_found_by_its_fit(variants, choose, spec):
    with pytest.raises(ImageError, match=r"expected the name of the frame's variant, got none.*left, right"):
        Templates(variants, choose, spec).of(part(1))


@pytest.mark.parametrize("name", ["left", "right"])
def test_the_variant_that_fits_is_found_and_how_the_frame_lies_on_it(variants, name):
    frame = np.roll(variants[name], (3, -4), axis=(0, 1))
    found, registration = Templates(variants, "match", ALIGNED).of(frame)
    assert found is variants[name]
    assert registration.matrix[:2, 2] == pytest.approx((4, -3), abs=0.5)


def test_a_frame_that_fits_none_is_refused(variants):
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    with pytest.raises(ImageError, match="expected a frame that fits one of 2 templates"):
        Templates(variants, "match", ALIGNED).of(noise)


def test_what_is_out_of_view_counts_only_where_it_is_inspected(variants):
    frame = part(1).copy()
    frame[:, :-24] = frame[:, 24:].copy()  # the part lies 24 pixels to the left, and as much of it is out of view
    with pytest.raises(ImageError, match=r"left: .* 9\.\d+% of what is inspected of the template is out of view"):
        Templates(variants, "match", ALIGNED).of(frame)
    right = ((64.0, 0.0), (256.0, 0.0), (256.0, 256.0), (64.0, 256.0))
    found, registration = Templates(variants, "match", ALIGNED.model_copy(update={"roi": right})).of(frame)
    assert found is variants["left"]
    assert registration.coverage > 0.98


def test_a_photograph_equal_to_its_template_is_the_template_itself():
    frame = part(1)
    assert is_itself(frame, frame.copy())
    assert not is_itself(frame, frame[:-1])
    for row in (64, 77):
        other = frame.copy()
        other[row, 5, 2] ^= 1
        assert not is_itself(frame, other)


@pytest.mark.parametrize("values", [(0, 255), (17, 18)])
def test_a_perfect_part_may_equal_its_template_where_pictures_hold_two_values(values):
    frame = np.where(part(1) > 120, *(np.uint8(value) for value in values))
    assert not is_itself(frame, frame.copy())
    frame[40, 40, 1] = 99
    assert is_itself(frame, frame.copy())
