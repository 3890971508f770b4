"""A frame seen through tiles tells what the frame itself would tell: nothing missed, nothing twice, no seams."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.boxes import Boxes, iou, joined, overlaps
from sightline.errors import ConfigError
from sightline.image import Blend, Window, cut, merge, plan

TILE, OVERLAP = (160, 192), 64
shapes = st.tuples(st.integers(20, 700), st.integers(20, 900))


@st.composite
def plans(draw):
    """A frame's shape, and what `plan` is asked for."""
    step = draw(st.sampled_from([1, 4, 16, 32]))
    overlap = draw(st.integers(0, 96))
    tile = tuple(overlap + step * draw(st.integers(1, 8)) + draw(st.integers(0, step)) for _ in range(2))
    return draw(shapes), tile, overlap, step


@st.composite
def scenes(draw, longest):
    """A frame's shape and things in it; those of a type don't overlap, for then they could not be told apart."""
    height, width = draw(shapes)
    things = []
    for _ in range(draw(st.integers(1, 12))):
        high, wide = (draw(st.integers(12, 4 * min(longest, size))) / 4 for size in (height, width))
        top, left = (draw(st.integers(0, int(4 * size))) / 4 for size in (height - high, width - wide))
        thing = (left, top, left + wide, top + high, draw(st.integers(0, 1)))
        if not any(thing[4] == other[4] and touch(thing, other) for other in things):
            things.append(thing)
    rows = np.array(things, np.float32)
    scores = np.linspace(0.9, 0.5, len(rows), dtype=np.float32)
    return (height, width), Boxes(rows[:, :4], scores, rows[:, 4].astype(np.int64))


def touch(one, other):
    return overlaps(*(np.array([thing[:4]], np.float32) for thing in (one, other))).any()


def look(truth, shape, tile, overlap):
    """A perfect detector: on every tile exactly what is to be seen of each thing."""
    seen = []
    for window in plan(shape, tile, overlap):
        corners = truth.corners - np.array([window.left, window.top] * 2, np.float32)
        corners = np.clip(corners, 0, np.array([tile[1], tile[0]] * 2, np.float32))
        visible = (corners[:, 2] > corners[:, 0]) & (corners[:, 3] > corners[:, 1])
        seen.append((window, Boxes(corners, truth.scores, truth.classes).only(visible)))
    return seen


def box(corners, score):
    """One box of the first type."""
    return Boxes(np.array([corners], np.float32), np.array([score], np.float32), np.zeros(1, np.int64))


def assert_same(found, truth):
    assert len(found) == len(truth)
    order = np.argsort(-truth.scores, kind="stable")
    assert np.array_equal(found.classes, truth.classes[order])
    assert np.array_equal(found.scores, truth.scores[order])
    np.testing.assert_allclose(found.corners, truth.corners[order], atol=0.01)


class TestPlan:
    @given(plans())
    @settings(deadline=None)  # a tile of one pixel is many tiles
    def test_every_pixel_is_covered_and_neighbours_share_the_overlap(self, asked):
        (height, width), tile, overlap, step = asked
        windows = plan((height, width), tile, overlap, step)
        assert len(set(windows)) == len(windows)
        for size, side, places in (
            (height, tile[0], sorted({window.top for window in windows})),
            (width, tile[1], sorted({window.left for window in windows})),
        ):
            assert places[0] == 0
            assert not any(place % step for place in places)
            gaps = np.diff(places)
            assert (side - gaps >= overlap).all()
            assert len(gaps) == 0 or gaps.max() - gaps.min() <= step
            assert 0 <= places[-1] + side - size < step or len(places) == 1
            assert places[-1] + side >= size
        assert list(windows) == sorted(windows, key=lambda window: (window.top, window.left))

    def test_a_large_frame(self):
        windows = plan((3000, 4096), (640, 640), 64)
        assert len(windows) == 6 * 7
        assert windows[-1] == Window(2368, 3456)
        assert {window.top for window in windows} == {0, 448, 928, 1408, 1888, 2368}

    def test_with_a_step_of_one_the_last_tile_ends_with_the_frame(self):
        assert plan((100, 250), (100, 100), 20, 1)[-1] == Window(0, 150)

    def test_a_frame_smaller_than_a_tile_is_one_tile(self):
        assert plan((50, 70), (160, 160), 64) == (Window(0, 0),)

    def test_an_overlap_that_leaves_nothing_of_a_tile_is_refused(self):
        with pytest.raises(ConfigError, match="64 x 64 with an overlap of 48"):
            plan((500, 500), (64, 64), 48)


class TestCut:
    def test_a_tile_is_the_frame_at_its_place(self):
        frame = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
        assert np.array_equal(cut(frame, Window(32, 64), (96, 128)), frame[32:128, 64:192])

    def test_beyond_the_frame_it_is_grey(self):
        frame = np.zeros((50, 70, 3), np.uint8)
        tile = cut(frame, Window(0, 32), (64, 64))
        assert tile.shape == (64, 64, 3)
        assert not tile[:50, :38].any()
        assert (tile[50:] == 114).all()
        assert (tile[:, 38:] == 114).all()


class TestBlend:
    def blended(self, whole, shape, tile, overlap, stride):
        """The blend of the tiles of a map (C, h, w) that goes beyond the frame."""
        blend = Blend(shape, tile, overlap, stride)
        high, wide = (side // stride for side in tile)
        for window in plan(shape, tile, overlap, stride):
            top, left = window.top // stride, window.left // stride
            blend.add(window, whole[:, top : top + high, left : left + wide])
        return blend.maps()

    @given(shapes, st.sampled_from([(64, 64), (128, 96), (224, 160)]), st.sampled_from([0, 8, 24, 31]))
    def test_the_tiles_of_any_map_give_that_map(self, shape, tile, overlap):
        rng = np.random.default_rng(0)
        rows, columns = (-(-side // 32) for side in shape)
        whole = rng.normal(size=(2, rows + 8, columns + 8)).astype(np.float32)
        found = self.blended(whole, shape, tile, overlap, 32)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, whole[:, :rows, :columns], atol=1e-5)

    @given(st.integers(0, 37), st.integers(0, 49))
    def test_a_peak_keeps_its_height_wherever_it_is(self, row, column):
        whole = np.zeros((1, 80, 90), np.float32)
        whole[0, row, column] = 1
        found = self.blended(whole, (300, 400), (96, 128), 32, 8)
        assert found.shape == (1, 38, 50)
        assert found[0, row, column] == pytest.approx(1)
        assert np.count_nonzero(found) == 1

    def test_tiles_that_disagree_meet_without_a_seam(self):
        blend = Blend((64, 160), (64, 96), 32, 4)
        for value, window in enumerate(plan((64, 160), (64, 96), 32, 4)):
            blend.add(window, np.full((1, 16, 24), value, np.float32))
        row = blend.maps()[0, 0]
        assert row[0] == 0
        assert row[-1] == 1
        assert (np.diff(row) >= 0).all()
        assert np.diff(row).max() < 0.15

    def test_maps_that_do_not_fit_are_refused(self):
        blend = Blend((64, 160), (64, 96), 32, 32)
        with pytest.raises(ValueError, match="expected"):
            blend.add(Window(0, 0), np.zeros((1, 3, 3), np.float32))
        with pytest.raises(ValueError, match="multiples of 32"):
            blend.add(Window(0, 20), np.zeros((1, 2, 3), np.float32))
        with pytest.raises(ValueError, match="none"):
            blend.maps()


class TestMerge:
    @given(scenes(longest=OVERLAP))
    @settings(max_examples=200)
    def test_things_up_to_the_overlap_come_out_once_and_whole(self, scene):
        shape, truth = scene
        assert_same(merge(look(truth, shape, TILE, OVERLAP), TILE, shape), truth)

    @given(scenes(longest=800))
    @settings(max_examples=200)
    def test_longer_things_become_one_box(self, scene):
        shape, truth = scene
        assert_same(merge(look(truth, shape, TILE, OVERLAP), TILE, shape), truth)

    @given(scenes(longest=300), st.integers(0, 2**32 - 1))
    def test_a_detector_that_is_a_little_off_finds_each_thing_once(self, scene, seed):
        shape, truth = scene
        large = (truth.corners[:, 2:] - truth.corners[:, :2] >= 24).all(axis=1)
        truth = truth.only(large)
        rng = np.random.default_rng(seed)
        seen = []
        for window, boxes in look(truth, shape, TILE, OVERLAP):
            # Slivers at an edge are nothing that a detector would report.
            told = boxes.only((boxes.corners[:, 2:] - boxes.corners[:, :2] >= 8).all(axis=1))
            moved = told.corners + rng.uniform(-1, 1, told.corners.shape).astype(np.float32)
            seen.append((window, Boxes(moved, told.scores, told.classes)))
        found = merge(seen, TILE, shape)
        assert len(found) == len(truth)
        if len(truth):
            assert (iou(truth.corners, found.corners).max(axis=1) > 0.75).all()

    def test_a_part_that_no_other_tile_shows_is_kept(self):
        part = Boxes(np.array([[180, 10, 192, 40]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
        found = merge([(Window(0, 0), part), (Window(0, 128), Boxes.empty())], TILE, (160, 320))
        assert found.corners.tolist() == [[180, 10, 192, 40]]

    def test_a_long_thing_is_not_lost_to_a_small_one_upon_it(self):
        truth = Boxes(
            np.array([[10, 50, 500, 60], [140, 52, 150, 58]], np.float32),
            np.array([0.9, 0.8], np.float32),
            np.zeros(2, np.int64),
        )
        assert_same(merge(look(truth, (160, 520), TILE, OVERLAP), TILE, (160, 520)), truth)

    def test_boxes_end_with_the_frame(self):
        beyond = Boxes(np.array([[-9, 5, 80, 70], [60, 55, 90, 90]], np.float32), np.ones(2, np.float32), np.arange(2))
        found = merge([(Window(0, 0), beyond)], TILE, (50, 70))
        assert found.corners.tolist() == [[0, 5, 70, 50]]

    def test_nothing_found_is_no_box(self):
        assert len(merge([], TILE, (100, 100))) == 0
        assert len(merge([(Window(0, 0), Boxes.empty())], TILE, (100, 100))) == 0


class TestUnsure:
    SHAPE, SIDE, LONG = (256, 448), (256, 256), (150.0, 100.0, 350.0, 120.0)

    def seen(self, unsure, score):
        """A defect of 200 px across the seam of two tiles, sure, and on each piece of it a whole, unsure box."""
        truth = Boxes(np.array([self.LONG], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))
        parts = look(truth, self.SHAPE, self.SIDE, OVERLAP)
        return [
            (window, joined([boxes, box(corners, score)]))
            for (window, boxes), corners in zip(parts, unsure, strict=True)
        ]

    @pytest.mark.parametrize("score", [0.01, 0.2, 0.44])
    def test_a_sure_defect_across_a_seam_is_not_lost_to_unsure_boxes_around_its_pieces(self, score):
        parts = self.seen([(140, 95, 253, 125), (3, 95, 170, 125)], score)
        found = merge(parts, self.SIDE, self.SHAPE)
        assert found.scores[0] == pytest.approx(0.9)
        assert found.corners[0].tolist() == list(self.LONG)

    def test_a_piece_is_left_out_where_another_tile_is_about_as_sure_of_the_whole(self):
        whole = (160.0, 100.0, 220.0, 120.0)
        parts = [(Window(0, 0), box((160, 100, 192, 120), 0.9)), (Window(0, 128), box((32, 100, 92, 120), 0.5))]
        found = merge(parts, TILE, (160, 320))
        assert found.corners.tolist() == [list(whole)]

    def test_a_whole_box_is_as_sure_as_the_piece_that_it_stands_for(self):
        """Else the frame would be scored by a piece that is told nowhere; of two such boxes the surer stands for it."""
        beside = joined([box((32, 100, 92, 120), 0.5), box((4, 20, 82, 128), 0.6), box((70, 20, 90, 40), 0.7)])
        parts = [(Window(0, 0), box((160, 100, 192, 120), 0.9)), (Window(0, 128), beside)]
        found = merge(parts, TILE, (160, 320))
        assert found.scores.tolist() == pytest.approx([0.9, 0.7, 0.5])
        assert found.corners[0].tolist() == [132, 20, 210, 128]


class TestMany:
    """Boxes of a large frame are many only where most say nothing."""

    SHAPE, SIDE = (3648, 5472), (512, 512)

    def noise(self, each, types=1):
        """Unsure boxes on every tile."""
        rng = np.random.default_rng(0)
        parts = []
        for window in plan(self.SHAPE, self.SIDE, OVERLAP):
            low = rng.uniform(4, 400, (each, 2))
            corners = np.hstack([low, low + rng.uniform(8, 100, (each, 2))]).astype(np.float32)
            scores = rng.uniform(0.01, 0.3, each).astype(np.float32)
            parts.append((window, Boxes(corners, scores, rng.integers(0, types, each))))
        return parts

    def test_memory_does_not_grow_by_the_square_of_how_many_they_are(self):
        parts = self.noise(each=30)
        tracemalloc.start()
        found = merge(parts, self.SIDE, self.SHAPE)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert 500 < len(found) <= 1000
        assert peak < 10e6

    def test_what_is_sure_is_kept_and_so_is_the_little_of_another_type(self):
        sure = Boxes(
            np.array([[20, 30, 60, 80], [200, 210, 240, 230]], np.float32),
            np.array([0.9, 0.005], np.float32),
            np.array([0, 7]),
        )
        window, boxes = self.noise(each=20)[40]
        parts = [*self.noise(each=20), (window, joined([boxes, sure]))]
        found = merge(parts, self.SIDE, self.SHAPE)
        moved = sure.corners + np.array([window.left, window.top] * 2, np.float32)
        assert found.corners[0].tolist() == moved[0].tolist()
        assert found.only(found.classes == 7).corners.tolist() == [moved[1].tolist()]

    def test_all_that_a_tile_says_is_looked_at(self):
        rows = np.arange(1200, dtype=np.float32)
        low = np.column_stack([rows % 40 * 12, rows // 40 * 16])
        given = Boxes(np.hstack([low, low + 10]), np.linspace(0.9, 0.1, 1200, dtype=np.float32), np.zeros(1200, int))
        assert len(merge([(Window(0, 0), given)], self.SIDE, self.SIDE)) == 1200
