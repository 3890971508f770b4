"""What is found on the canvas is where it is on the frame, through region of interest, padding and registration."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import image
from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.config.tiles import Tiles
from sightline.errors import ImageError
from sightline.image import Registration

SHAPE = (240, 320)
ROI = ((40.0, 30.0), (280.0, 50.0), (260.0, 210.0), (60.0, 200.0))
SPECS = {
    "stretched": Preprocess(height=96, width=96),
    "padded": Preprocess(height=96, width=128, fit="pad"),
    "roi": Preprocess(height=96, width=96, fit="pad", roi=ROI),
    "tiles": Preprocess(height=96, width=96, roi=ROI, tiles=Tiles(overlap=16)),
}


def moved(shift=(0.0, 0.0), turn=0.0, middle=(160, 120)):
    """A registration: from the frame to its template."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(middle, turn, 1)
    matrix[:2, 2] += shift
    return Registration(matrix, 1.0, 1.0)


def textured(shape, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (shape[0] // 8 + 1, shape[1] // 8 + 1, 3), np.uint8)
    return np.ascontiguousarray(cv2.resize(coarse, None, fx=8, fy=8)[: shape[0], : shape[1]])


class TestPoints:
    @given(
        st.sampled_from(sorted(SPECS)),
        st.none() | st.tuples(st.floats(-30, 30), st.floats(-30, 30), st.floats(-8, 8)),
        st.lists(st.tuples(st.floats(0, 320), st.floats(0, 240)), max_size=5),
    )
    def test_go_there_and_back(self, name, motion, points):
        registration = None if motion is None else moved(motion[:2], motion[2])
        placed = image.place(SHAPE, SPECS[name], upright=(250, 330), registration=registration)
        given_points = np.array(points, np.float64).reshape(-1, 2)
        there = placed.points_to_canvas(given_points)
        assert there.shape == given_points.shape
        np.testing.assert_allclose(placed.points_to_frame(there), given_points, atol=1e-6)

    @pytest.mark.parametrize("name", sorted(SPECS))
    def test_the_region_fills_its_part_of_the_canvas(self, name):
        placed = image.place(SHAPE, SPECS[name])
        top, left, height, width = placed.region
        ends = placed.points_to_canvas(np.array([[left, top], [left + width, top + height]], float))
        y, x, rows, columns = placed.content
        np.testing.assert_allclose(ends, [[x, y], [x + columns, y + rows]], atol=1e-9)

    def test_boxes_are_upright_around_what_was_turned_and_do_not_leave_the_frame(self):
        placed = image.place(SHAPE, SPECS["padded"], upright=SHAPE, registration=moved(turn=5))
        boxes = np.array([[40, 30, 60, 50], [0, 0, 128, 96]], np.float32)
        found = placed.corners_to_frame(boxes)
        corners = placed.points_to_frame(np.array([[40, 30], [60, 30], [60, 50], [40, 50]], float))
        np.testing.assert_allclose(found[0], [*corners.min(axis=0), *corners.max(axis=0)], atol=1e-3)
        assert found[1].tolist() == [0, 0, 320, 240]
        assert placed.corners_to_frame(np.zeros((0, 4), np.float32)).shape == (0, 4)


class TestHeat:
    @pytest.mark.parametrize("name", sorted(SPECS))
    @pytest.mark.parametrize("motion", [None, ((9.0, -6.0), 4.0)])
    @given(place=st.tuples(st.floats(110, 130), st.floats(140, 180)))
    @settings(deadline=None, max_examples=10)
    def test_comes_back_to_where_it_went_from(self, name, motion, place):
        """A blob on the frame, seen on the canvas as a mask's share, is at the same place of the frame again."""
        registration = None if motion is None else moved(*motion)
        placed = image.place(SHAPE, SPECS[name], upright=SHAPE, registration=registration)
        rows, columns = np.indices(SHAPE)
        mask = (rows - place[0]) ** 2 + (columns - place[1]) ** 2 < 20**2
        back = placed.heat_to_frame(placed.mask_to_canvas(mask))
        assert back.shape == SHAPE
        for axis in (rows, columns):
            assert (axis * back).sum() / back.sum() == pytest.approx(axis[mask].mean(), abs=0.6)
        assert back.sum() == pytest.approx(mask.sum(), rel=0.04)

    def test_is_0_where_nobody_looked(self):
        placed = image.place(SHAPE, SPECS["roi"])
        heat = placed.heat_to_frame(np.ones((12, 12), np.float32))
        assert heat[placed.hidden_on_frame].max() == 0
        assert heat[~placed.hidden_on_frame].min() == 1

    def test_of_cells_that_reach_beyond_the_canvas(self):
        spec = Preprocess(height=96, width=96, tiles=Tiles(overlap=16))
        placed = image.place((100, 130), spec)
        heat = np.zeros((4, 5), np.float32)
        heat[2, 3] = 1
        covering = image.Place(**{**vars(placed), "covered": (128, 160)})
        found = covering.heat_to_frame(heat)
        assert found.shape == (100, 130)
        assert np.unravel_index(found.argmax(), found.shape) == pytest.approx((79.5, 111.5), abs=1)


class TestUnseen:
    def test_ignored_regions_may_overlap_each_other_and_the_edge_of_the_roi(self):
        squares = (((50, 40), (120, 40), (120, 110), (50, 110)), ((100, 90), (150, 90), (150, 140), (100, 140)))
        spec = SPECS["roi"].model_copy(update={"ignore": (*squares, ((0, 0), (70, 0), (0, 300)))})
        hidden = image.unseen(SHAPE, spec)
        alone = [image.unseen(SHAPE, spec.model_copy(update={"ignore": (one,)})) for one in spec.ignore]
        assert np.array_equal(hidden, np.any(alone, axis=0))
        assert 0 < hidden.mean() < 1
        shown = image.region(np.full((*SHAPE, 3), 200, np.uint8), spec)
        assert (shown[hidden] == image.PAD_GREY).all()
        assert (shown[~hidden] == 200).all()

    def test_what_is_hidden_is_told_on_the_canvas(self):
        spec = Preprocess(height=96, width=128, ignore=(((0, 0), (160, 0), (160, 240), (0, 240)),))
        hidden = image.view(np.zeros((*SHAPE, 3), np.uint8), spec).place.hidden
        assert hidden.shape == (96, 128)
        assert hidden[:, :64].all()
        assert not hidden[:, 64:].any()
        assert image.view(np.zeros((*SHAPE, 3), np.uint8), SPECS["padded"]).place.hidden is None

    @pytest.mark.parametrize("name", ["padded", "roi", "tiles"])
    def test_nothing_left_to_inspect_is_an_error(self, name):
        everything = (((0, 0), (400, 0), (400, 400), (0, 400)),)
        with pytest.raises(ImageError, match="nothing is left to inspect"):
            image.view(np.zeros((*SHAPE, 3), np.uint8), SPECS[name].model_copy(update={"ignore": everything}))

    @pytest.mark.parametrize("shape", [(150, 320), (240, 200)])
    def test_a_roi_that_the_frame_does_not_hold_is_an_error(self, shape):
        with pytest.raises(ImageError, match="expected an image of at least 280 x 210 pixels"):
            image.view(np.zeros((*shape, 3), np.uint8), SPECS["roi"])


class TestView:
    def test_a_frame_and_its_template_are_shown_alike(self):
        frame = textured(SHAPE)
        seen = image.view(frame, SPECS["roi"], frame.copy())
        assert np.array_equal(seen.image, seen.template)
        assert seen.image.shape == (96, 96, 3)

    def test_a_template_of_another_size_is_an_error_that_says_what_would_help(self):
        with pytest.raises(ImageError, match=r"frame's 320 x 240 pixels, got 300 x 240; input\.align would"):
            image.view(textured(SHAPE), SPECS["padded"], textured((240, 300)))

    def test_a_frame_that_is_to_be_registered_needs_a_template(self):
        with pytest.raises(ImageError, match="expected a template to register the frame to"):
            image.view(textured(SHAPE), Preprocess(align=Align()))

    def test_a_shifted_frame_is_brought_into_place_and_what_is_found_on_it_back(self):
        whole = textured((300, 400), seed=4)
        template, frame = whole[30:270, 40:360], whole[38:278, 35:355]  # moved by 8 rows and -5 columns
        spec = Preprocess(height=240, width=320, fit="pad", align=Align(motion="translation"))
        seen = image.view(frame, spec, template)
        inner = np.s_[20:-20, 20:-20]
        assert np.abs(seen.image[inner].astype(int) - seen.template[inner]).mean() < 3
        found = seen.place.corners_to_frame(np.array([[100, 100, 110, 120]], np.float32))
        np.testing.assert_allclose(found, [[105, 92, 115, 112]], atol=0.5)


class TestHidden:
    def test_of_the_frame_is_what_lies_beside_the_region_and_what_is_ignored(self):
        square = ((4.0, 4.0), (8.0, 4.0), (8.0, 8.0), (4.0, 8.0))
        roi = ((2.0, 2.0), (30.0, 2.0), (30.0, 20.0), (2.0, 20.0))
        hidden = image.place((24, 32), Preprocess(height=64, width=64, roi=roi, ignore=(square,))).hidden_on_frame
        expected = np.ones((24, 32), bool)
        expected[2:20, 2:30] = False
        expected[4:8, 4:8] = True
        assert (hidden == expected).all()

    def test_is_nothing_where_all_is_looked_at(self):
        assert image.place((24, 32), Preprocess(height=64, width=64)).hidden_on_frame is None
