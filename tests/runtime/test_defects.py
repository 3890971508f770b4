"""Single defects are told as a person would outline them, and none that reached a threshold goes missing."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import bundle_factory
from sightline import image
from sightline.boxes import Boxes
from sightline.bundle.manifest import Locate
from sightline.config import Preprocess
from sightline.runtime.defects import defects_of
from sightline.runtime.looked import Link
from sightline.runtime.reader import Reading
from sightline.verdict import Outcome, Policy, Threshold

CLASSES = bundle_factory.CLASSES
REGIONS = Locate(by="regions", peaks=dict.fromkeys(CLASSES, 0.6), edges=dict.fromkeys(CLASSES, 0.3))
BOXES = Locate(by="boxes", peaks=dict.fromkeys(CLASSES, 0.6))
SIDE = 64


def manifest(locate=REGIONS, *, minimum_area=0.0, mm_per_pixel=None):
    limits = {name: Threshold(ng=0.8, review=0.6) for name in CLASSES}
    return bundle_factory.manifest(
        locate=locate,
        input=Preprocess(height=SIDE, width=SIDE, mm_per_pixel=mm_per_pixel),
        policy=Policy(exclusive=False, good_known=True, thresholds=limits, minimum_area=minimum_area),
    )


def reading(maps=None, *, scores=None, boxes=None, spec=None):
    """Maps at the frame's own scale; scores are their peaks unless given."""
    maps = np.zeros((3, SIDE, SIDE), np.float32) if maps is None else maps
    scores = maps.max(axis=(1, 2)) if scores is None else np.array(scores, np.float32)
    return Reading(scores, maps, boxes, image.place((SIDE, SIDE), spec or Preprocess(height=SIDE, width=SIDE)))


def heat(*squares):
    """Maps with squares of a type: (number, top, left, side, value)."""
    maps = np.zeros((3, SIDE, SIDE), np.float32)
    for number, top, left, side, value in squares:
        maps[number, top : top + side, left : left + side] = value
    return maps


class TestRegions:
    def test_a_region_goes_as_far_as_its_edge_and_begins_at_its_peak(self):
        """Hysteresis: the pale surroundings of a sure place belong to it, a pale place alone is nothing."""
        maps = heat((0, 10, 10, 12, 0.4), (0, 14, 14, 2, 0.9), (0, 40, 40, 12, 0.4))
        (defect,) = defects_of(reading(maps), manifest())
        assert (defect.label, defect.box, defect.area) == ("red", (10, 10, 22, 22), 144)
        assert defect.score == pytest.approx(0.9)
        assert defect.mean == pytest.approx((140 * 0.4 + 4 * 0.9) / 144, abs=1e-5)
        assert defect.area_mm2 is None

    def test_regions_that_do_not_touch_are_several_and_the_surest_is_first(self):
        maps = heat((0, 5, 5, 4, 0.7), (0, 30, 30, 4, 0.95), (2, 50, 5, 4, 0.8))
        found = defects_of(reading(maps), manifest())
        assert [(defect.label, defect.box[:2]) for defect in found] == [
            ("red", (30, 30)),
            ("blue", (5, 50)),
            ("red", (5, 5)),
        ]

    def test_the_area_is_in_square_millimetres_where_the_scale_is_known(self):
        (defect,) = defects_of(reading(heat((1, 8, 8, 10, 0.9))), manifest(mm_per_pixel=0.2))
        assert defect.area == 100
        assert defect.area_mm2 == pytest.approx(4.0)

    def test_the_contour_is_the_outline_of_the_region(self):
        maps = heat((0, 20, 30, 10, 0.9))
        (defect,) = defects_of(reading(maps), manifest())
        assert set(defect.contour) == {(30, 20), (40, 20), (40, 30), (30, 30)}

    @pytest.mark.parametrize("scores", [(0.0, 0.0, 0.0), (0.59, 0.1, 0.599)])
    def test_below_every_threshold_there_is_none_whatever_the_map(self, scores):
        assert defects_of(reading(heat((0, 5, 5, 8, 1.0)), scores=scores), manifest()) == ()

    @given(hnp.arrays(np.float32, (3, 7, 7), elements=st.floats(0, 1, width=32)), st.sampled_from(["pad", "stretch"]))
    @settings(deadline=None)
    def test_a_type_that_reached_its_threshold_always_has_a_defect(self, maps, fit):
        """Also where the map's peak lies in the margin, or is lowered when it is brought over the frame."""
        spec = Preprocess(height=SIDE, width=SIDE, fit=fit)
        scores = maps.max(axis=(1, 2))
        answer = Reading(scores, maps, None, image.place((41, 130), spec))
        found = defects_of(answer, manifest())
        assert {defect.label for defect in found} == {CLASSES[n] for n in range(3) if scores[n] >= 0.6}
        for defect in found:
            assert 0 <= defect.score <= 1
            if defect.box:
                x1, y1, x2, y2 = defect.box
                assert 0 <= x1 < x2 <= 130
                assert 0 <= y1 < y2 <= 41

    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_a_map_that_says_nothing_leaves_a_defect_without_a_place_that_is_never_too_small(self, value):
        answer = reading(np.full((3, SIDE, SIDE), value, np.float32), scores=(0.9, 0, 0))
        said = manifest(minimum_area=50)
        located = defects_of(answer, said)
        assert [(defect.label, defect.box, defect.contour) for defect in located] == [("red", None, ())]
        verdict = said.policy.decide(answer.scores, CLASSES, located)
        assert verdict.outcome is Outcome.NG
        json.dumps(verdict.to_dict(), allow_nan=False)

    def test_what_is_smaller_than_the_smallest_area_does_not_count(self):
        maps = heat((0, 5, 5, 4, 0.95), (1, 30, 30, 10, 0.85), (1, 50, 5, 3, 0.9))
        answer, said = reading(maps), manifest(minimum_area=20)
        verdict = said.policy.decide(answer.scores, CLASSES, defects_of(answer, said))
        assert verdict.outcome is Outcome.NG
        assert [(defect.label, defect.area) for defect in verdict.defects] == [("green", 100)]
        assert all("green" in reason for reason in verdict.reasons)
        small = reading(heat((0, 5, 5, 4, 0.95)))
        assert said.policy.decide(small.scores, CLASSES, defects_of(small, said)).outcome is Outcome.OK

    def test_a_type_that_is_too_small_does_not_hide_another_from_the_threshold_on_all(self):
        maps = heat((0, 5, 5, 2, 0.95), (1, 30, 30, 20, 0.9))
        answer, said = reading(maps), manifest(minimum_area=12)
        policy = said.policy.model_copy(update={"thresholds": {"*": Threshold(ng=0.5, review=0.5)}})
        said = said.model_copy(update={"policy": policy})
        verdict = policy.decide(answer.scores, CLASSES, defects_of(answer, said))
        assert verdict.outcome is Outcome.NG
        assert [defect.label for defect in verdict.defects] == ["green"]
        assert verdict.reasons == ("defect score 0.900 reaches the NG threshold 0.500",)

    def test_specks_push_no_defect_out_that_is_large_enough(self, monkeypatch):
        """However many and sure they are; and no more are outlined than are told."""
        drawn = []
        monkeypatch.setattr(image, "outline", lambda mask, corner: drawn.append(corner) or ())
        specks = [(0, top, left, 1, 0.95) for top in range(0, 40, 2) for left in range(0, 60, 2)]
        answer, said = reading(heat(*specks, (0, 48, 20, 8, 0.85))), manifest(minimum_area=20)
        located = defects_of(answer, said)
        assert len(located) == len(drawn) == 200
        verdict = said.policy.decide(answer.scores, CLASSES, located)
        assert verdict.outcome is Outcome.NG
        assert [(defect.box, defect.area) for defect in verdict.defects] == [((20, 48, 28, 56), 64)]

    def test_a_noisy_map_has_a_bounded_number(self):
        maps = (np.indices((3, SIDE, SIDE)).sum(axis=0) % 4 == 0).astype(np.float32) * (np.arange(SIDE) % 2 == 0)
        maps = maps * (np.arange(SIDE)[:, None] % 2 == 0)
        found = defects_of(reading(maps.astype(np.float32)), manifest())
        assert all(sum(defect.label == name for defect in found) <= 200 for name in CLASSES)


class TestScores:
    """Of a bundle that says how scores follow from maps, on the scale of the frame's score."""

    LINK = Link(np.array([0.5] * 3), np.array([1.0] * 3))
    PEAK = float(1 / (1 + np.exp(-(np.log(0.6 / 0.4) - 1) / 0.5)))  # where the frame's score is the threshold

    def found(self, maps, spec, shape=(SIDE, SIDE)):
        frame, peaks = dict.fromkeys(CLASSES, (0.5, 1.0)), dict.fromkeys(CLASSES, self.PEAK)
        locate = REGIONS.model_copy(update={"frame": frame, "peaks": peaks, "edges": peaks})
        scores = self.LINK.scores(maps.max(axis=(1, 2)))
        return scores, defects_of(Reading(scores, maps, None, image.place(shape, spec)), manifest(locate))

    def test_each_has_what_the_frame_would_score_if_it_were_the_highest(self):
        spec = Preprocess(height=SIDE, width=SIDE)
        scores, located = self.found(heat((0, 5, 5, 8, 0.9), (0, 30, 30, 8, 0.5), (2, 50, 50, 8, 0.99999999)), spec)
        expected = [float(scores[2]), float(scores[0]), float(self.LINK.scores(np.full(3, 0.5))[0])]
        assert [defect.score for defect in located] == pytest.approx(expected, abs=1e-6)

    @given(hnp.arrays(np.float32, (3, 7, 7), elements=st.floats(0, 1, width=32)), st.sampled_from(["pad", "stretch"]))
    @settings(deadline=None)
    def test_all_reach_the_threshold_and_the_surest_has_the_frames_score(self, maps, fit):
        """Also where peaks are lowered when the map is brought over the frame."""
        scores, located = self.found(maps, Preprocess(height=SIDE, width=SIDE, fit=fit), (41, 130))
        assert all(defect.score >= 0.6 for defect in located)
        for number, name in enumerate(CLASSES):
            of_type = [defect.score for defect in located if defect.label == name]
            assert bool(of_type) == (scores[number] >= 0.6)
            if of_type:
                assert max(of_type) == pytest.approx(float(scores[number]), abs=1e-6)


class TestBoxes:
    def of(self, *rows):
        return Boxes(
            np.array([row[:4] for row in rows], np.float32).reshape(-1, 4),
            np.array([row[4] for row in rows], np.float32),
            np.array([row[5] for row in rows], np.int64),
        )

    def found(self, *rows, scores, **settings):
        return defects_of(reading(scores=scores, boxes=self.of(*rows)), manifest(BOXES, **settings))

    def test_those_that_reach_the_threshold_are_told_the_surest_first(self):
        rows = [(1, 2, 11, 22, 0.7, 0), (30, 30, 40, 40, 0.9, 0), (5, 5, 9, 9, 0.3, 0), (0, 0, 9, 9, 0.8, 2)]
        found = self.found(*rows, scores=(0.9, 0, 0.5), mm_per_pixel=0.5)
        assert [(defect.label, defect.box, defect.area, defect.area_mm2) for defect in found] == [
            ("red", (30, 30, 40, 40), 100, 25),
            ("red", (1, 2, 11, 22), 200, 50),
        ]
        assert [defect.score for defect in found] == pytest.approx([0.9, 0.7])

    def test_specks_push_no_box_out_that_is_large_enough(self):
        specks = [(x, y, x + 1, y + 1, 0.95, 0) for x in range(0, 60, 2) for y in range(0, 40, 2)]
        found = self.found(*specks, (20, 48, 28, 56, 0.85, 0), scores=(0.95, 0, 0), minimum_area=20)
        assert len(found) == 200
        assert [defect.box for defect in found if defect.area >= 20] == [(20, 48, 28, 56)]

    def test_of_a_type_whose_boxes_all_stay_below_the_surest_counts(self):
        found = self.found((1, 2, 11, 22, 0.5, 1), (3, 3, 9, 9, 0.4, 1), scores=(0, 0.7, 0))
        assert [(defect.label, defect.box) for defect in found] == [("green", (1, 2, 11, 22))]

    @pytest.mark.parametrize("row", [None, (5, 0, 9, 0, 0.9, 0), (1, 1, np.nan, 5, 0.9, 0), (1, 1, 5, 5, 0.9, 1)])
    def test_a_type_without_a_box_in_the_frame_is_a_defect_without_a_place(self, row):
        (defect,) = self.found(*([] if row is None else [row]), scores=(0.9, 0, 0))
        assert (defect.label, defect.box, defect.area) == ("red", None, SIDE * SIDE)


def test_a_bundle_that_does_not_locate_has_none():
    assert defects_of(reading(heat((0, 5, 5, 8, 1.0))), bundle_factory.manifest()) == ()
