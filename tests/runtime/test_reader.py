"""What a model finds on a frame is told in the frame's own pixels, whether it was seen in one look or tile by tile."""

import cv2
import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.boxes import iou
from sightline.config import Preprocess
from sightline.config.tiles import Tiles
from sightline.errors import ImageError
from sightline.image import Templates
from sightline.runtime.defects import regions
from sightline.runtime.looked import Link
from sightline.runtime.reader import Reader
from sightline.runtime.session import Answer
from sightline.verdict import Frame

GROUND, BRIGHT, SPOT = 60, 240, 6


class Finder:
    """A model that finds spots brighter than the ground, or than the template, and remembers what it was asked."""

    def __init__(self, stride=4, most=80):
        self._stride, self._most = stride, most
        self.batches = []

    def __call__(self, batch, templates):
        self.batches.append(batch.shape)
        ground = np.full_like(batch, GROUND) if templates is None else templates
        shown = (batch.astype(int) - ground)[..., 0] > (BRIGHT - GROUND) / 2
        height, width = shown.shape[1:]
        cells = shown.reshape(len(shown), height // self._stride, self._stride, width // self._stride, self._stride)
        maps = cells.any(axis=(2, 4))[:, None].astype(np.float32)
        return Answer(maps.max(axis=(2, 3)), maps, np.stack([self._boxes(one) for one in shown]))

    def _boxes(self, shown):
        rows = np.zeros((self._most, 6), np.float32)
        _, _, stats, _ = cv2.connectedComponentsWithStats(shown.astype(np.uint8), connectivity=8)
        for row, (left, top, width, height, _) in enumerate(stats[1:]):
            rows[row] = left, top, left + width, top + height, 0.5 + 0.4 * width * height / SPOT**2, 0
        return rows


def planted(shape, corners):
    """A grey frame with bright spots at (top, left) corners, and their boxes."""
    frame = np.full((*shape, 3), GROUND, np.uint8)
    for top, left in corners:
        frame[top : top + SPOT, left : left + SPOT] = BRIGHT
    return frame, np.array([(left, top, left + SPOT, top + SPOT) for top, left in corners], np.float32)


def scattered(shape, count, seed, step=40):
    """Corners of spots all over a frame, none nearer than a few pixels to the next."""
    rng = np.random.default_rng(seed)
    cells = [(top, left) for top in range(0, shape[0] - step, step) for left in range(0, shape[1] - step, step)]
    chosen = [cells[number] for number in rng.choice(len(cells), count, replace=False)]
    return [(int(top + rng.integers(0, step - 12)), int(left + rng.integers(0, step - 12))) for top, left in chosen]


def at_seams(shape, tile, overlap):
    """Corners of spots on the edges of tiles, in the frame's corners, and where four tiles meet."""
    windows = image.plan(shape, (tile, tile), overlap)
    tops, lefts = (sorted({getattr(window, side) for window in windows}) for side in ("top", "left"))
    rows = [edge - 3 for top in tops[1:3] for edge in (top, top + overlap)]
    columns = [edge - 3 for left in lefts[1:4] for edge in (left, left + overlap)]
    ends = [(0, 0), (0, shape[1] - SPOT), (shape[0] - SPOT, 0), (shape[0] - SPOT, shape[1] - SPOT)]
    return [(row, column) for row in rows for column in columns] + ends


def apart(corners):
    """Those of the corners that lie far enough from all before them to be spots of their own."""
    kept = []
    for corner in corners:
        if all(max(abs(corner[0] - row), abs(corner[1] - column)) > 20 for row, column in kept):
            kept.append(corner)
    return kept


class TestTiles:
    SHAPE, SPEC = (3000, 4096), Preprocess(height=512, width=512, tiles=Tiles(overlap=64))

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls):
        corners = apart([*at_seams(cls.SHAPE, 512, 64), *scattered(cls.SHAPE, 200, seed=0)])
        frame, boxes = planted(cls.SHAPE, corners)
        model = Finder()
        (reading,) = Reader(model, cls.SPEC).read([Frame(frame)])
        return reading, boxes, model

    def test_every_small_spot_is_one_box_in_its_place(self, seen):
        reading, expected, _ = seen
        assert len(expected) > 200
        assert len(reading.boxes) == len(expected)  # none twice, though tiles overlap
        agreement = iou(reading.boxes.corners, expected)
        assert (agreement.max(axis=0) > 0.99).all()
        assert (reading.boxes.scores > 0.89).all()  # and each as it was seen whole
        assert reading.scores == pytest.approx([0.9], abs=0.2)

    def test_every_small_spot_is_one_region_of_the_map_that_holds_it(self, seen):
        reading, expected, _ = seen
        heat = reading.place.heat_to_frame(reading.maps[0])
        assert heat.shape == self.SHAPE
        top = float(heat.max())
        found = list(regions(heat, top, top, 0.6, 0.3))
        assert len(found) == len(expected)
        for left, top, right, bottom in expected.astype(int):
            assert heat[top:bottom, left:right].max() > 0.6

    def test_few_tiles_are_held_at_a_time(self, seen):
        model = seen[2]
        assert {shape[1:] for shape in model.batches} == {(512, 512, 3)}
        assert max(shape[0] for shape in model.batches) == self.SPEC.batch
        assert sum(shape[0] for shape in model.batches) == len(image.plan(self.SHAPE, (512, 512), 64))

    @pytest.mark.parametrize("shape", [(301, 413), (290, 386), (128, 128), (97, 500), (161, 1000)])
    def test_a_map_lies_over_the_frame_where_cells_are_coarse_and_reach_beyond_it(self, shape):
        """Far from the first corner a map that is stretched to the frame would be off by most of a cell."""
        row, column = shape[0] // 32 - 2, shape[1] // 32 - 2
        frame, expected = planted(shape, [(32 * row + 12, 32 * column + 12)])
        spec = Preprocess(height=128, width=128, tiles=Tiles(overlap=32))
        (reading,) = Reader(Finder(stride=32), spec).read([Frame(frame)])
        heat = reading.place.heat_to_frame(reading.maps[0])
        assert heat.shape == shape
        rows, columns = np.indices(shape)
        middle = (rows * heat).sum() / heat.sum(), (columns * heat).sum() / heat.sum()
        assert middle == pytest.approx((32 * row + 15.5, 32 * column + 15.5), abs=0.1)
        assert reading.boxes.corners.tolist() == expected.tolist()

    def test_a_template_is_cut_like_its_frame(self):
        corners = scattered((700, 900), 20, seed=3)
        template, _ = planted((700, 900), corners)
        frame, _ = planted((700, 900), [*corners, (650, 400)])
        spec = Preprocess(height=256, width=256, tiles=Tiles(overlap=64))
        reader = Reader(Finder(), spec, Templates({}, "name", spec), pair=True)
        (reading,) = reader.read([Frame(frame, template=template)])
        assert reading.boxes.corners.tolist() == [[400, 650, 406, 656]]

    def test_nothing_there_nothing_found(self):
        (reading,) = Reader(Finder(), self.SPEC).read([Frame(planted((600, 700), [])[0])])
        assert len(reading.boxes) == 0
        assert reading.maps.max() == 0


class TestTheScoreOfTiles:
    """Two tiles share the columns 96 to 128, where one of them alone is sure; beside them it is a little less so."""

    LINK = Link(np.array([1.0]), np.array([0.0]))

    def read(self, link, ignore=()):
        def model(batch, templates):
            maps = np.full((len(batch), 1, 32, 32), 0.01, np.float32)
            maps[0, 0, 4, 28], maps[0, 0, 20, 4] = 0.9, 0.6
            return Answer(maps.max(axis=(2, 3)), maps)

        spec = Preprocess(height=128, width=128, tiles=Tiles(overlap=32), ignore=ignore)
        frame, _ = planted((128, 224), [])
        (reading,) = Reader(model, spec, link=link).read([Frame(frame)])
        return reading

    def test_it_follows_from_the_map_that_defects_are_told_on(self):
        reading = self.read(self.LINK)
        assert reading.scores == pytest.approx(reading.maps.max(axis=(1, 2)), abs=1e-5)

    def test_a_peak_where_nobody_looks_is_none_of_the_frames(self):
        ignored = ((96, 0), (128, 0), (128, 64), (96, 64))
        reading = self.read(self.LINK, (ignored,))
        assert reading.scores == pytest.approx([0.6], abs=1e-5)

    def test_of_a_model_whose_scores_follow_from_no_map_it_is_that_of_the_surest_tile(self):
        assert self.read(None).scores == pytest.approx([0.9])


class TestOneLook:
    @pytest.mark.parametrize("fit", ["pad", "stretch"])
    def test_boxes_come_back_in_pixels_of_the_frame(self, fit):
        frame = np.full((400, 800, 3), GROUND, np.uint8)
        frame[100:160, 600:720] = BRIGHT
        spec = Preprocess(height=128, width=128, fit=fit)
        (reading,) = Reader(Finder(), spec).read([Frame(frame)])
        assert iou(reading.boxes.corners, np.array([[600, 100, 720, 160]], np.float32)).item() > 0.85

    def test_a_region_of_interest_moves_what_is_found_and_hides_what_is_not_to_be(self):
        frame, boxes = planted((300, 300), [(120, 130), (20, 20)])
        spec = Preprocess(height=128, width=128, roi=((100, 100), (228, 100), (228, 228), (100, 228)))
        (reading,) = Reader(Finder(), spec).read([Frame(frame)])
        assert reading.boxes.corners.tolist() == boxes[:1].tolist()
        heat = reading.place.heat_to_frame(reading.maps[0])
        assert heat[120:126, 130:136].max() == 1
        assert heat[:100].max() == 0

    def test_a_batch_keeps_frames_apart(self):
        frames = [planted((128, 128), [(10 * n, 20 * n)])[0] for n in range(1, 6)]
        readings = Reader(Finder(), Preprocess(height=128, width=128)).read([Frame(frame) for frame in frames])
        assert [one.boxes.corners[0, :2].tolist() for one in readings] == [[20 * n, 10 * n] for n in range(1, 6)]
        assert Reader(Finder(), Preprocess(height=128, width=128)).read([]) == []

    def test_a_template_or_variant_that_nobody_would_look_at_is_refused(self):
        reader = Reader(Finder(), Preprocess(height=128, width=128))
        frame, _ = planted((128, 128), [])
        with pytest.raises(ImageError, match="takes no templates: expected a frame alone, got one with a template"):
            reader.read([Frame(frame), Frame(frame, template=frame)])
        with pytest.raises(ImageError, match=r"takes no templates: .* got one with the variant 'left'"):
            reader.view(Frame(frame, variant="left"))

    def test_a_frame_that_is_its_own_template_is_refused_and_one_that_differs_in_a_pixel_is_not(self):
        spec = Preprocess(height=128, width=128)
        reader = Reader(Finder(), spec, Templates({}, "name", spec), pair=True)
        frame = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
        with pytest.raises(ImageError, match="the template is the frame itself, pixel by pixel"):
            reader.read([Frame(frame, template=frame.copy())])
        other = frame.copy()
        other[77, 5, 2] ^= 1
        assert len(reader.read([Frame(frame, template=other)])) == 1

    def test_a_perfect_binarised_frame_may_equal_its_template(self):
        spec = Preprocess(height=128, width=128)
        reader = Reader(Finder(), spec, Templates({}, "name", spec), pair=True)
        frame, _ = planted((128, 128), [(40, 50)])
        (reading,) = reader.read([Frame(frame, template=frame.copy())])
        assert len(reading.boxes) == 0

    def test_a_missing_template_and_one_of_another_size_are_said(self):
        spec = Preprocess(height=128, width=128)
        reader = Reader(Finder(), spec, Templates({}, "name", spec), pair=True)
        frame, _ = planted((128, 128), [])
        with pytest.raises(ImageError, match="expected a template with the frame, got none"):
            reader.read([Frame(frame)])
        with pytest.raises(ImageError, match=r"expected a template of the frame's 128 x 128 pixels, got 100 x 128"):
            reader.read([Frame(frame, template=bundle_factory.frame_of((0, 0, 0), 128, 100))])
