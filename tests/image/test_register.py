"""A frame comes to lie on its template to a fraction of a pixel, or is refused."""

import tracemalloc
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.errors import ImageError
from sightline.image import Registration, back, best, register, view, warp
from sightline.synth import render

MARGIN, SIZE = 64, 256
ALIGN = Align(coverage=0.5)
"""Frames here are no larger than their templates, so that a part of each is out of view once they are moved."""


@cache
def part(seed, *defects):
    """A part with more around it than its template shows."""
    return render(seed, defects=list(defects), severity=0.8, size=(SIZE + 2 * MARGIN,) * 2).image


def template(seed):
    return part(seed)[MARGIN:-MARGIN, MARGIN:-MARGIN]


def motion(right=0.0, down=0.0, turn=0.0, tilt=(0.0, 0.0)):
    """From the template's pixels to the frame's: a turn about the middle, a shift, and a tilt."""
    middle = (SIZE - 1) / 2
    turned = np.eye(3)
    turned[:2] = cv2.getRotationMatrix2D((middle, middle), turn, 1)
    turned[:2, 2] += right, down
    tilted = np.eye(3)
    tilted[2, :2] = tilt
    return turned @ tilted


def photographed(picture, moved, light=1.0, size=(SIZE, SIZE)):
    """The part again, elsewhere, in other light and with the noise of a sensor."""
    outer = np.array([[1, 0, -MARGIN], [0, 1, -MARGIN], [0, 0, 1]])
    seen = cv2.warpPerspective(picture, moved @ outer, size[::-1], flags=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 2, seen.shape)
    return np.clip(seen * light + noise, 0, 255).astype(np.uint8)


def error(registration, moved):
    """How far the template's corners come to lie from where they are, on average, in pixels."""
    corners = np.array([[0, 0], [SIZE - 1, 0], [SIZE - 1, SIZE - 1], [0, SIZE - 1]], np.float64)
    true = cv2.perspectiveTransform(corners[None], moved)[0]
    return float(np.linalg.norm(back(corners, registration) - true, axis=1).mean())


def boards(seed):
    """A product of quite another kind: bright rectangles on dark ground."""
    rng = np.random.default_rng(seed)
    picture = np.full((SIZE, SIZE, 3), 40, np.uint8)
    for _ in range(40):
        (x, y), (wide, high) = rng.integers(0, SIZE, 2).tolist(), rng.integers(6, 50, 2).tolist()
        cv2.rectangle(picture, (x, y), (x + wide, y + high), rng.integers(60, 255, 3).tolist(), -1)
    return picture


def long_part(height, width):
    """A strip of holes and marks."""
    rng = np.random.default_rng(2)
    picture = np.full((height, width, 3), 90, np.uint8)
    for _ in range(height * width // 800):
        (x, y), radius = (int(rng.integers(0, side)) for side in (width, height)), int(rng.integers(4, 14))
        cv2.circle(picture, (x, y), radius, rng.integers(20, 255, 3).tolist(), -1)
    return picture


class TestFit:
    @pytest.mark.parametrize("light", [0.6, 1.0, 1.5])
    @pytest.mark.parametrize(
        ("right", "down", "turn"),
        [(0, 0, 0), (0.4, -0.3, 0.2), (13.7, -21.2, 3), (-40, 0, -5), (39, 40, 5), (0, -40, 0)],
    )
    def test_a_shifted_and_turned_part_in_other_light(self, right, down, turn, light):
        moved = motion(right, down, turn)
        found = register(photographed(part(3), moved, light), template(3), ALIGN)
        assert error(found, moved) < 0.3
        assert found.quality > 0.8
        assert found.matrix.shape == (3, 3)
        assert found.matrix.dtype == np.float64

    @pytest.mark.parametrize("defect", ["missing_hole", "scratch", "dent", "stain"])
    def test_a_defect_does_not_move_the_part(self, defect):
        moved = motion(9.3, 17.8, -2.5)
        assert error(register(photographed(part(5, defect), moved), template(5), ALIGN), moved) < 0.3

    def test_a_reach_beyond_the_pictures_finds_the_same_and_takes_no_room(self):
        moved = motion(13.7, -21.2, 3)
        frame, wide = photographed(part(3), moved), Align(coverage=0.5, reach=2048, turn=45)
        tracemalloc.start()
        found = register(frame, template(3), wide)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert error(found, moved) < 0.3
        assert most < 50e6

    def test_shifts_alone(self):
        moved = motion(-17.6, 8.2)
        found = register(photographed(part(1), moved), template(1), Align(motion="translation", coverage=0.5))
        assert error(found, moved) < 0.3
        assert np.array_equal(found.matrix[:2, :2], np.eye(2))

    def test_a_tilted_part(self):
        moved = motion(11, -6, 2, tilt=(1e-4, -6e-5))
        align = Align(motion="homography", coverage=0.5)
        assert error(register(photographed(part(4), moved), template(4), align), moved) < 0.5

    def test_frame_and_template_of_unlike_sizes_are_compared_from_centre_to_centre(self):
        moved = np.array([[1, 0, 20 + 5.5], [0, 1, 10 - 7.25], [0, 0, 1]])
        found = register(photographed(part(2), moved, size=(SIZE + 20, SIZE + 40)), template(2), ALIGN)
        assert error(found, moved) < 0.3
        assert found.coverage == pytest.approx(1)

    def test_a_frame_a_thousand_pixels_wide(self):
        picture = cv2.resize(boards(0), (1400, 1000), interpolation=cv2.INTER_CUBIC)
        moved = np.eye(3)
        moved[:2] = cv2.getRotationMatrix2D((700, 500), 2, 1)
        moved[:2, 2] += 33.3, -12.6
        frame = cv2.warpPerspective(picture, moved, (1400, 1000), flags=cv2.INTER_CUBIC)
        found = register(frame, picture, ALIGN)
        corners = np.array([[0, 0], [1399, 0], [1399, 999], [0, 999]], np.float64)
        true = cv2.perspectiveTransform(corners[None], moved)[0]
        assert np.linalg.norm(back(corners, found) - true, axis=1).max() < 0.5

    def test_the_same_frame_gives_the_same_place(self):
        frame = photographed(part(3), motion(5, 6, 1))
        first, second = (register(frame, template(3), ALIGN) for _ in range(2))
        assert np.array_equal(first.matrix, second.matrix)
        assert first.quality == second.quality

    @pytest.mark.parametrize("size", [(200, 2048), (2048, 200), (60, 1900), (40, 1270)])
    def test_a_long_part(self, size):
        picture = long_part(size[0] + 2 * MARGIN, size[1] + 2 * MARGIN)
        moved = np.eye(3)
        moved[:2] = cv2.getRotationMatrix2D(((size[1] - 1) / 2, (size[0] - 1) / 2), 0.7, 1)
        moved[:2, 2] += 9.3, -6.4
        found = register(photographed(picture, moved, 1.2, size), picture[MARGIN:-MARGIN, MARGIN:-MARGIN], ALIGN)
        ends = np.array([[0, 0], [size[1] - 1, size[0] - 1]], np.float64)
        true = cv2.perspectiveTransform(ends[None], moved)[0]
        assert np.linalg.norm(back(ends, found) - true, axis=1).max() < 0.3


class TestCoverage:
    def shifted(self):
        """A part of whose template the first eighth of the columns is not in the frame."""
        return photographed(part(3), motion(-32, 0)), template(3)

    def test_it_is_the_share_of_the_template_in_the_frame(self):
        assert register(*self.shifted(), ALIGN).coverage == pytest.approx(1 - 32 / SIZE, abs=0.01)

    def test_a_frame_that_shows_too_little_is_refused_with_what_is_out_of_view_and_what_to_do(self):
        told = r"12\.\d% of what is inspected of the template is out of view, at most 5% may be; .*more of the part"
        with pytest.raises(ImageError, match=told + r".*input\.roi.*lower input\.align\.coverage"):
            register(*self.shifted(), Align())
        with pytest.raises(
            ImageError, match=r"one of 1 templates, and none does; cap: .* 12\.\d% of what is inspected"
        ):
            best(self.shifted()[0], {"cap": template(3)}, Align())

    @pytest.mark.parametrize(
        ("settings", "share"),
        [
            ({"roi": ((64, 20), (240, 20), (240, 240), (64, 240))}, 1),
            ({"ignore": (((0, 0), (40, 0), (40, SIZE), (0, SIZE)),)}, 1),
            ({"roi": ((0, 0), (80, 0), (80, SIZE), (0, SIZE))}, 0.6),
            ({"roi": ((0, 0), (128, 0), (128, 64), (0, 64)), "ignore": (((0, 0), (0, 64), (16, 64), (16, 0)),)}, 6 / 7),
        ],
    )
    def test_what_nobody_looks_at_may_be_out_of_view(self, settings, share):
        frame, whole = self.shifted()
        spec = Preprocess(height=64, width=64, **settings)
        assert register(frame, whole, ALIGN, spec).coverage == pytest.approx(share, abs=0.03)
        name, found = best(frame, {"cap": whole}, ALIGN, spec)
        assert (name, found.coverage) == ("cap", pytest.approx(share, abs=0.03))
        if share == 1:
            register(frame, whole, Align(), spec)
        else:
            with pytest.raises(ImageError, match="is out of view"):
                register(frame, whole, Align(), spec)

    def test_the_view_of_a_frame_is_refused_by_what_its_region_shows(self):
        frame, whole = self.shifted()
        left, right = (((x, 0), (x + 128, 0), (x + 128, SIZE), (x, SIZE)) for x in (0, 128))
        view(frame, Preprocess(height=64, width=64, align=Align(), roi=right), whole)
        with pytest.raises(ImageError, match=r"25\.\d% of what is inspected .* is out of view"):
            view(frame, Preprocess(height=64, width=64, align=Align(), roi=left), whole)

    def test_a_region_that_the_template_does_not_hold(self):
        spec = Preprocess(height=64, width=64, roi=((0, 0), (300, 0), (300, 300)))
        with pytest.raises(ImageError, match="expected an image of at least 300 x 300 pixels"):
            register(*self.shifted(), ALIGN, spec)


class TestRefusal:
    def test_another_product(self):
        with pytest.raises(ImageError, match=r"does not fit the template"):
            register(boards(1), template(3), ALIGN)
        with pytest.raises(ImageError, match=r"does not fit the template"):
            register(boards(1), boards(2), ALIGN)

    def test_nothing_but_noise(self):
        first, second = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
        with pytest.raises(ImageError, match=r"does not fit the template"):
            register(first, second, ALIGN)

    @pytest.mark.parametrize("grey", [0, 114, 255])
    def test_a_plain_frame(self, grey):
        with pytest.raises(ImageError, match="does not fit the template"):
            register(np.full((SIZE, SIZE, 3), grey, np.uint8), template(3), ALIGN)

    def test_a_plain_template(self):
        with pytest.raises(ImageError, match=r"template is plain: expected .* grey levels, got 0\.00"):
            register(template(3), np.full((SIZE, SIZE, 3), 114, np.uint8), ALIGN)

    def test_a_pattern_that_repeats_itself(self):
        rows, columns = np.indices((SIZE, SIZE))
        stripes = np.repeat(((columns // 8 % 2 + rows // 8 % 2) * 90 + 30).astype(np.uint8)[..., None], 3, axis=2)
        with pytest.raises(ImageError, match=r"two places fit alike: \d+ px apart"):
            register(stripes, stripes, ALIGN)

    def test_a_part_beyond_reach_or_turn(self):
        with pytest.raises(ImageError):
            register(photographed(part(3), motion(50, 0)), template(3), Align(reach=20, coverage=0.5))
        with pytest.raises(ImageError):
            register(photographed(part(3), motion(0, 0, 15)), template(3), ALIGN)
        with pytest.raises(ImageError, match=r"10\.\d px and .* degrees off, at most 10 px and 6 degrees"):
            register(photographed(part(3), motion(10.6, 0)), template(3), Align(reach=10, coverage=0.5))

    def test_less_agreement_than_asked_for(self):
        with pytest.raises(ImageError, match=r"quality of at least 0\.999, got 0\.9"):
            register(photographed(part(3), motion(3, 4)), template(3), Align(quality=0.999))

    def test_a_picture_that_is_too_small(self):
        with pytest.raises(ImageError, match="a frame of at least 16 pixels each way, got 256 x 12"):
            register(template(3)[:12], template(3), ALIGN)

    def test_a_picture_that_is_too_long(self):
        strip = long_part(40, 1300)
        with pytest.raises(ImageError, match=r"too long to be registered: .* at most 32 times .* frame of 1300 x 40"):
            register(strip, strip, ALIGN)


class TestWarp:
    def test_the_part_comes_to_lie_where_the_template_has_it(self):
        frame = photographed(part(3), motion(21, -13, 3))
        brought = warp(frame, template(3), register(frame, template(3), ALIGN))
        assert brought.shape == template(3).shape
        assert brought.dtype == np.uint8
        assert np.abs(brought.astype(int) - template(3)).mean() < 4

    def test_what_the_frame_does_not_cover_is_the_template(self):
        frame, behind = np.full((40, 50, 3), 200, np.uint8), np.full((60, 70, 3), 10, np.uint8)
        brought = warp(frame, behind, Registration(np.array([[1, 0, 5.0], [0, 1, 7.0], [0, 0, 1]]), 1.0, 1.0))
        assert (brought[7:47, 5:55] == 200).all()
        brought[7:47, 5:55] = 10
        assert (brought == 10).all()


class TestBack:
    @given(
        st.floats(-100, 100),
        st.floats(-100, 100),
        st.floats(-45, 45),
        st.lists(st.tuples(st.floats(0, SIZE), st.floats(0, SIZE)), max_size=9),
    )
    def test_it_is_the_inverse_of_the_matrix(self, right, down, turn, points):
        forth = np.linalg.inv(motion(right, down, turn, tilt=(1e-4, -2e-4)))
        listed = np.array(points, np.float64).reshape(-1, 2)
        there = back(listed, Registration(forth, 1.0, 1.0))
        assert there.shape == listed.shape
        homogeneous = np.hstack([there, np.ones((len(there), 1))]) @ forth.T
        np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], listed, atol=1e-6)


class TestBest:
    def test_the_variant_that_fits(self):
        variants = {"cap": template(3), "first board": boards(1), "second board": boards(2)}
        moved = motion(15, -8, 2)
        name, found = best(photographed(part(3), moved), variants, ALIGN)
        assert name == "cap"
        assert error(found, moved) < 0.3
        assert best(np.roll(boards(2), (6, 9), (0, 1)), variants, ALIGN)[0] == "second board"

    @pytest.mark.parametrize("side", [10, 20, 30])
    def test_variants_that_differ_in_a_component_must_be_named(self, side):
        """A part that lacks the component fits the variant that never had it better than its own."""
        equipped = part(3).copy()
        equipped[MARGIN + 100 : MARGIN + 100 + side, MARGIN + 60 : MARGIN + 60 + side] = 250
        variants = {"plain": template(3), "equipped": equipped[MARGIN:-MARGIN, MARGIN:-MARGIN]}
        for picture, order in ((part(3), "plain 0.9., equipped"), (equipped, "equipped 0.9., plain")):
            frame = photographed(picture, motion(5, -7, 1))
            with pytest.raises(ImageError, match=rf"two variants fit alike: {order} 0\.[89].; name the variant"):
                best(frame, variants, ALIGN)

    def test_a_variant_that_fits_alike_counts_though_it_would_be_refused(self):
        """Of two that lie at the least quality, the one that a defect has brought below it."""
        marked = template(3).copy()
        marked[100:130, 60:90] = 250
        frame = photographed(part(3), motion(5, -7, 1))
        qualities = [register(frame, one, ALIGN).quality for one in (marked, template(3))]
        between = Align(quality=sum(qualities) / 2, coverage=0.5)
        with pytest.raises(ImageError, match="two variants fit alike: plain"):
            best(frame, {"marked": marked, "plain": template(3)}, between)

    def test_a_part_out_of_view_is_not_taken_for_another_that_it_fits_less(self):
        frame = photographed(part(3), motion(-32, 0))
        smaller = template(3)[:, 64:-64].copy()
        smaller[100:120, 20:40] = 250
        assert best(frame, {"smaller": smaller}, Align(quality=0.5))[0] == "smaller"
        with pytest.raises(ImageError, match=r"one of 2 templates, and none does; own: the frame shows too little"):
            best(frame, {"own": template(3), "smaller": smaller}, Align(quality=0.5))

    def test_none_fits(self):
        with pytest.raises(ImageError, match=r"one of 2 templates, and none does; \w+ board: "):
            best(template(3), {"first board": boards(1), "second board": boards(2)}, ALIGN)
        with pytest.raises(ImageError, match="one of 0 templates"):
            best(template(3), {}, ALIGN)
