"""Located defects are marked where they are, on pictures of any size, and what is written can be read."""

import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.runtime import Inspection, Inspector, marks, overlay
from sightline.runtime.reader import Reading
from sightline.verdict import Defect, Frame, Outcome, Verdict

GREY = 60


@pytest.fixture(scope="module", params=["boxes", "regions"])
def manifest(request):
    return bundle_factory.local_contents(boxed=request.param == "boxes")[0]


def reading(shape, spec, maps=None):
    maps = np.zeros((3, 8, 8), np.float32) if maps is None else maps
    return Reading(np.array([0.9, 0.1, 0.1], np.float32), maps, None, image.place(shape, spec))


def drawn(manifest, shape, *defects, size=None, maps=None):
    picture = bundle_factory.frame_of((GREY,) * 3, *(size or shape))
    before = picture.copy()
    made = marks.draw(picture, defects, reading(shape, manifest.input, maps), manifest)
    assert np.array_equal(picture, before)
    assert made.shape == picture.shape
    return made


def changed(picture):
    rows, columns = np.nonzero((picture != GREY).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def square(left, top, side, label="red", score=0.9):
    last = side - 1
    contour = ((left, top), (left, top + last), (left + last, top + last), (left + last, top))
    return Defect(label, score, (left, top, left + side, top + side), float(side * side), contour=contour)


@pytest.mark.parametrize("factor", [0.25, 1, 3])
def test_a_mark_is_around_the_defect_at_every_size(manifest, factor):
    size = round(300 * factor), round(390 * factor)
    made = drawn(manifest, (300, 390), square(120, 80, 100), size=size)
    if max(size) >= 400:
        assert (made[round(80 * factor) - 10, round(126 * factor)] != GREY).any()  # the label above it
        made[: round(80 * factor) - 5] = GREY
    expected = np.array([120, 80, 220, 180]) * factor
    assert changed(made) == pytest.approx(tuple(expected), abs=5)
    assert (made[round(130 * factor), round(170 * factor)] == GREY).all()  # what it marks stays to be seen


def test_a_tiny_defect_on_a_huge_frame_is_still_marked(manifest):
    made = drawn(manifest, (3000, 4096), square(2000, 1500, 6), size=(1172, 1600))
    assert (made[580:592, 765:800] != GREY).any()
    x1, y1, x2, y2 = changed(drawn(manifest, (3000, 4096), square(2000, 1500, 6), size=(211, 288)))
    assert min(x2 - x1, y2 - y1) >= 14
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((2003 * 288 / 4096, 1503 * 211 / 3000), abs=1.5)


@pytest.mark.parametrize("corner", [(0, 0), (580, 0), (0, 380), (580, 380)])
def test_labels_at_the_edge_stay_in_the_picture_and_off_the_defect(manifest, corner):
    made = drawn(manifest, (400, 600), square(*corner, 20))
    colour = np.array(marks.COLOURS[0])
    label = (made == colour).all(axis=2)
    label[corner[1] : corner[1] + 20, corner[0] : corner[0] + 20] = False
    rows, columns = np.nonzero(label)
    assert np.ptp(columns) > 50  # as long as the text
    assert np.ptp(rows) >= 14
    x, y = corner[0] + 10, corner[1] + 10
    assert (made[y - 4 : y + 4, x - 4 : x + 4] == GREY).all()


def test_types_have_colours_of_their_own_and_each_is_named_before_one_is_named_twice(manifest):
    many = [square(40 * n, 300, 20, "red", 0.99) for n in range(20)] + [square(400, 100, 20, "blue", 0.5)]
    made = drawn(manifest, (500, 900), *many)
    assert (made == np.array(marks.COLOURS[2])).all(axis=2).sum() > 600  # a filled label, not only a thin box


def test_a_crowd_of_defects_is_drawn_and_only_labels_are_left_out(manifest):
    rng = np.random.default_rng(0)
    many = [square(*map(int, rng.integers(0, 470, 2)), 20) for _ in range(300)]
    made = drawn(manifest, (500, 500), *many)
    assert (made != GREY).any(axis=2).mean() > 0.3


def test_names_that_are_not_ascii_and_pictures_too_small_for_letters(manifest):
    contents = manifest.model_dump() | {
        "classes": ("Kratzer ü", "green", "blue"),
        "policy": bundle_factory.manifest().policy.model_dump() | {"thresholds": {"*": {"ng": 0.7, "review": 0.7}}},
        "locate": {
            "by": "boxes",
            "peaks": dict.fromkeys(("Kratzer ü", "green", "blue"), 0.5),
        },
        "golden": (),
    }
    named = type(manifest).model_validate(contents)
    for size in ((8, 8), (1, 600), (600, 1), (500, 500)):
        assert drawn(named, (64, 64), square(10, 10, 20, "Kratzer ü"), size=size).shape[:2] == size


def test_heat_is_light_and_only_where_the_map_comes_near_the_threshold():
    manifest = bundle_factory.local_contents()[0]
    maps = np.zeros((3, 8, 8), np.float32)
    maps[0, 6, 6], maps[0, 1, 1], maps[1, 1, 6] = 1.0, 0.1, 1.0  # red, hardly red, and green, which is not named
    made = drawn(manifest, (256, 256), square(190, 190, 40), maps=maps)
    assert (made[:100] == GREY).all()
    inside = made[205:210, 205:210].astype(int)
    assert 20 < np.abs(inside - GREY).max() < 90
    boxed = bundle_factory.local_contents(boxed=True)[0]
    assert (drawn(boxed, (256, 256), square(190, 190, 40), maps=maps)[205:210, 205:210] == GREY).all()


class TestSeen:
    def inspection(self, manifest, *defects, outcome=Outcome.NG):
        maps = np.zeros((3, 8, 8), np.float32)
        maps[0, 6, 1] = 0.9
        verdict = Verdict(outcome, ("why",), defects, {"red": 0.9}, "part.png")
        frame = Frame(bundle_factory.frame_of((GREY,) * 3, 160, 160), "part.png")
        return Inspection(verdict, frame, reading((160, 160), manifest.input, maps))

    def test_without_a_place_the_map_is_shown(self, manifest):
        picture = bundle_factory.frame_of((GREY,) * 3, 160, 160)
        seen = overlay.draw_seen(picture, self.inspection(manifest, Defect("red", 0.9, area=25600.0)), manifest)
        rows, columns = np.nonzero((seen != GREY).any(axis=2))
        assert (rows.mean(), columns.mean()) == pytest.approx((130, 30), abs=8)

    def test_a_good_frame_stays_as_it_is(self, manifest):
        picture = bundle_factory.frame_of((GREY,) * 3, 160, 160)
        assert overlay.draw_seen(picture, self.inspection(manifest, outcome=Outcome.OK), manifest) is picture

    def test_a_long_caption_ends_within_the_picture(self, manifest):
        many = [square(5, 5, 20, name, 0.9) for name in ("red", "green", "blue") for _ in range(40)]
        one = self.inspection(manifest, *many)
        name = Verdict(Outcome.NG, ("why",), tuple(many), {}, "a very long name of a frame " * 9 + ".png")
        bar = overlay.draw(Inspection(name, one.frame, one.reading), manifest)[512:]
        assert (bar[:, -6:] == bar[0, 0]).all()
        assert (bar != bar[0, 0]).any()


@pytest.mark.parametrize("shape", [(40, 90), (700, 500), (2000, 3000)])
@pytest.mark.parametrize("boxed", [False, True])
def test_from_the_model_to_the_mark(tmp_path, shape, boxed):
    """A red square on the frame is marked there, whatever the frame measures."""
    inspector = Inspector.open(bundle_factory.write_local_bundle(tmp_path, boxed=boxed), threads=1)
    side = min(shape) // 4
    top, left = shape[0] // 2, shape[1] * 2 // 3
    one = inspector.examine(Frame(bundle_factory.spotted(shape, [(top, left, (250, 30, 30))], side=side), "part.png"))
    assert one.verdict.outcome is Outcome.NG
    assert {defect.label for defect in one.verdict.defects} == {"red"}
    x1, y1, x2, y2 = one.verdict.defects[0].box
    assert left - side < x1 < x2 < left + 2 * side
    assert top - side < y1 < y2 < top + 2 * side
    picture = overlay.fit(one.frame.image, shortest=512, longest=1600)
    seen = overlay.draw_seen(picture, one, inspector.manifest)
    rows, columns = np.nonzero((seen != picture).any(axis=2))
    factor = picture.shape[0] / shape[0]
    assert abs(np.median(columns) / factor - (left + side / 2)) < side
    assert abs(np.median(rows) / factor - (top + side / 2)) < side
