"""The data check of the tasks that learn where defects are, and of those that have templates."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from check_factory import SOUND, many, report
from sightline import image
from sightline.config import Preprocess
from sightline.config.localise import Localise
from sightline.config.recipe import Data
from sightline.config.template import Template
from sightline.dataset.check import check
from sightline.dataset.scan import scan
from sightline.index import Box, Index, Polygon, Sample, Split


def box(side=8.0, x=10.0, y=10.0, label="dent"):
    return Box(x1=x, y1=y, x2=x + side, y2=y + side, label=label)


WHERE = {"localise": Localise(stride=4)}
MARKED = [*many(()), *many(("dent",), boxes=(box(),))]


def whole(**changes):
    return Preprocess(**{"height": 64, "width": 64, **changes})


def test_a_sound_set_with_marks_says_how_large_they_are():
    found = report(MARKED, task=WHERE, preprocess=whole(height=32, width=32))
    assert (found.errors, found.warnings, found.notes) == ((), (), ())
    sizes = found.marked["dent"]
    assert (sizes.images, sizes.marks) == (24, 24)
    assert sizes.frame == (8, 8, 8)
    assert sizes.shown == (4, 4, 4)
    row = next(line for line in reversed(found.text().splitlines()) if line.startswith("dent"))
    assert row.split() == ["dent", "24", "24", *["8", "/", "8", "/", "8"], *["4", "/", "4", "/", "4"]]
    assert "<td>8 / 8 / 8</td><td>4 / 4 / 4</td>" in found.html()
    assert found.to_dict()["marked"]["dent"]["shown"] == (4, 4, 4)


def test_tasks_that_do_not_localise_say_nothing_of_marks():
    found = report(MARKED)
    assert found.marked == {}
    assert "marked" not in found.text()


def test_without_good_images_a_localising_model_answers_ok_all_the_same():
    rows = many(("dent",), boxes=(box(),)) + many(("stain",), boxes=(box(label="stain"),))
    assert report(rows, task=WHERE).notes == ()
    assert "never answer OK" in report(rows).notes[0]
    assert report(many(("dent",), boxes=(box(),)), task=WHERE).errors == ()


def test_no_marked_defect_to_learn_from_is_an_error():
    (error,) = report(SOUND, task=WHERE).errors
    assert "no defect is marked in the train part" in error
    rows = [row for row in MARKED if row.good or row.split is not Split.TRAIN] + many(("dent",), start=9, per_part=1)
    assert "no defect is marked in the train part" in report(rows, task=WHERE).errors[0]


def test_more_types_than_a_map_of_them_tells_apart_are_an_error():
    def types(count):
        return [row for n in range(count) for row in many((f"t{n}",), per_part=2, boxes=(box(label=f"t{n}"),))]

    assert report(types(254), task=WHERE).errors == ()
    (error,) = report(types(255), task=WHERE).errors
    assert error.startswith("expected at most 254 types of defect where it is learned where they are, found 255: ")
    assert "data.rename" in error
    assert report(types(255)).errors == ()


def test_unmarked_defects_are_counted_and_named_by_part():
    rows = [*MARKED, *(Sample(path=f"u{n}.png", labels=("dent",), split=Split.TRAIN) for n in range(2))]
    (warning,) = report(rows, task=WHERE).warnings
    assert warning.startswith("2 defective images are left out of training")
    assert "(train 2): u0.png, u1.png" in warning


def test_an_empty_mask_is_left_out_of_training_and_said(tmp_path):
    (tmp_path / "empty.png").write_bytes(image.png(np.zeros((64, 64), np.uint8)))
    rows = [*MARKED, Sample(path="e.png", labels=("dent",), mask="empty.png", split=Split.TEST)]
    (warning,) = report(rows, task=WHERE, root=tmp_path).warnings
    assert warning.startswith("1 defective image is left out of training")
    assert "(test 1): e.png" in warning


def test_boxes_without_outlines_are_counted_where_pixels_are_taught():
    outline = Polygon(points=((10, 10), (18, 10), (18, 18)), label="dent")
    rows = [*many(()), *many(("dent",), boxes=(box(),), polygons=(outline,))]
    assert report(rows, task={**WHERE, "outlined": True}).notes == ()
    mixed = Sample(path="m.png", labels=("dent",), boxes=(box(), box(x=30), box(x=45)), polygons=(outline,))
    assert report([*rows, mixed], task=WHERE).notes == (), "a detector is taught boxes"
    (note,) = report([*rows, mixed], task={**WHERE, "outlined": True}).notes
    assert note == "2 boxes have no outline: all that lies inside is taught as the defect: m.png"


def test_a_type_of_which_nothing_is_marked_is_named():
    warnings = report([*MARKED, *many(("stain",))], task=WHERE).warnings
    assert any("no defect of these types is marked in the train part" in w and "stain" in w for w in warnings)


@pytest.mark.parametrize(
    ("preprocess", "stride", "advice"),
    [
        (whole(height=32, width=32), 4, "input.tiles or a larger input or a finer localise.stride"),
        (whole(), 8, "input.tiles or a larger input"),
        (whole(tiles={"overlap": 16}), 8, ": rows/"),
    ],
)
def test_marks_too_small_for_the_model_are_a_warning_with_a_way_out(preprocess, stride, advice):
    rows = [*MARKED, Sample(path="rows/a.png", labels=("dent",), boxes=(box(3), box(3, x=30), box(8, x=40)))]
    (warning,) = report(rows, task={"localise": Localise(stride=stride)}, preprocess=preprocess).warnings
    assert "2 of 27 marked defects are smaller than" in warning
    assert advice in warning
    assert ("input.tiles" in warning) == (preprocess.tiles is None)


def test_marks_where_nobody_looks_are_a_warning():
    spec = whole(roi=((0, 0), (64, 0), (64, 32), (0, 32)), ignore=(((40, 0), (64, 0), (64, 20), (40, 20)),))
    rows = [
        *MARKED,
        Sample(path="hidden.png", labels=("dent",), boxes=(box(x=45, y=5),)),
        Sample(path="outside.png", labels=("dent",), boxes=(box(y=40), box())),
    ]
    (warning, _) = sorted(report(rows, task=WHERE, preprocess=spec).warnings)
    assert warning.startswith("2 marked defects lie in ignored regions or outside of the region of interest")
    assert "hidden.png, outside.png" in warning


def test_labels_and_marks_that_disagree_are_a_warning(tmp_path):
    (tmp_path / "full.png").write_bytes(image.png(np.full((64, 64), 255, np.uint8)))
    other = many(("stain",), boxes=(box(label="stain"),))
    rows = [
        *MARKED,
        *other,
        Sample(path="a.png", mask="full.png"),
        Sample(path="b.png", labels=("dent", "stain"), boxes=(box(),)),
        Sample(path="c.png", labels=("dent",), boxes=(box(), box(label="stain"))),
    ]
    found = report(rows, task=WHERE, root=tmp_path)
    assert found.errors == ()
    assert [warning for warning in found.warnings if "png" in warning] == [
        "1 image is labelled good, but a defect is marked: a.png; the label counts",
        "1 images show a type that is not marked: b.png (stain)",
        "1 images have marks of a type that they are not labelled with: c.png (stain)",
    ]


def test_a_mask_that_does_not_say_which_type_it_shows_is_an_error(tmp_path):
    (tmp_path / "mask.png").write_bytes(image.png(np.eye(64, dtype=np.uint8)))
    rows = [*MARKED, *many(("stain",), boxes=(box(label="stain"),))]
    both = Sample(path="x.png", labels=("dent", "stain"), mask="mask.png")
    (error,) = report([*rows, both], task=WHERE, root=tmp_path).errors
    assert "mask.png: the mask does not say which of dent, stain it shows" in error
    assert "data.reader.values" in error
    assert report([*rows, both], root=tmp_path).errors == (), "for other tasks it need not"
    told = both.model_copy(update={"mask_values": {1: "dent", 2: "stain"}})
    assert report([*rows, told], task=WHERE, root=tmp_path).errors == ()


def test_images_that_do_not_hold_the_region_of_interest_are_an_error():
    rows = [*SOUND, Sample(path="small.png", width=40, height=64)]
    spec = whole(roi=((0, 0), (60, 0), (60, 60)))
    (error,) = report(rows, preprocess=spec).errors
    assert "1 image cannot be inspected" in error
    assert "at least 60 x 60 pixels" in error
    assert "small.png; change input.roi" in error
    nothing = whole(ignore=(((0, 0), (64, 0), (64, 64), (0, 64)),))
    assert "nothing is left to inspect" in report(SOUND, preprocess=nothing).errors[0]


@pytest.fixture
def pictures(tmp_path):
    """Templates: left.png and right.png as large as the images, small.png not, and broken.png is none."""
    for name, side in (("left", 64), ("right", 64), ("small", 32)):
        (tmp_path / f"{name}.png").write_bytes(image.png(np.zeros((side, side, 3), np.uint8)))
    (tmp_path / "broken.png").write_bytes(b"x")
    return tmp_path


def templates(root, rows, preprocess=None, **settings):
    """The errors on rows with templates."""
    task = {"template": Template(**settings)}
    return report([*rows], root=root, task=task, preprocess=preprocess or whole()).errors


def test_each_image_needs_a_template(pictures):
    own = [row.model_copy(update={"template": "left.png"}) for row in SOUND]
    assert templates(pictures, own) == ()
    (error,) = templates(pictures, [*own, Sample(path="lone.png")])
    assert error.startswith("1 image has no template: lone.png; ")
    assert "data.reader.template_column" in error
    assert templates(pictures, SOUND, variants={"left": pictures / "left.png"}) == ()


def test_a_variant_is_named_or_matched(pictures):
    variants = {name: pictures / f"{name}.png" for name in ("left", "right")}
    (error,) = templates(pictures, SOUND, variants=variants, choose="name")
    assert "48 images have no template" in error
    assert "data.reader.variant_column" in error
    named = [row.model_copy(update={"attributes": {"variant": "left"}}) for row in SOUND]
    assert templates(pictures, named, variants=variants, choose="name") == ()
    assert templates(pictures, SOUND, whole(align={}), variants=variants, choose="match") == ()
    (error,) = templates(
        pictures, [*named, Sample(path="x.png", attributes={"variant": "top"})], variants=variants, choose="name"
    )
    assert "x.png; there is none of the variant top; template.variants has left, right" in error


def test_a_template_that_cannot_be_read_is_named_once(pictures):
    rows = [row.model_copy(update={"template": "broken.png"}) for row in SOUND]
    (error,) = templates(pictures, rows)
    assert error.startswith("templates cannot be read: ")
    assert error.count("broken.png") == 1
    (error,) = templates(pictures, SOUND, variants={"left": pictures / "gone.png"})
    assert "gone.png" in error


def test_a_template_of_another_size_needs_aligning(pictures):
    rows = [*(row.model_copy(update={"template": "left.png"}) for row in SOUND)]
    rows.append(Sample(path="odd.png", template="small.png"))
    (error,) = templates(pictures, rows)
    assert "odd.png is 64 x 64 pixels, its template 32 x 32; input.align brings them together" in error
    assert templates(pictures, rows, whole(align={})) == ()


def test_the_region_of_interest_lies_on_the_template_where_frames_are_aligned(pictures):
    rows = [row.model_copy(update={"template": "small.png"}) for row in SOUND]
    spec = whole(align={}, roi=((0, 0), (60, 0), (60, 60)))
    assert "at least 60 x 60 pixels" in templates(pictures, rows, spec)[0]


def of_pairs(root, pairs):
    """The errors on good images with templates of their own: name -> file, and template's name -> file."""
    rows = []
    for frame, beside in pairs:
        for name, data in (frame, beside):
            (root / name).write_bytes(data)
        rows.append(Sample(path=frame[0], template=beside[0]))
    index = Index.build(root, rows)
    scanned = scan(index)
    task = {"template": Template(), "localise": Localise(stride=4)}
    return check(index.with_samples(scanned.samples), scanned, Data(root=root), whole(), **task).errors


def test_an_image_that_is_its_own_template_is_an_error_however_it_is_stored(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("shots").mkdir()
    draw = np.random.default_rng(0)
    shot, other = draw.integers(0, 250, (2, 64, 64, 3), np.uint8)
    grey = np.repeat(shot[..., :1], 3, axis=2)
    in_colours = cv2.imencode(".bmp", grey)[1].tobytes()
    sixteen = cv2.imencode(".png", grey.astype(np.uint16) << 8)[1].tobytes()
    near = shot.copy()
    near[30, 30] ^= 1
    errors = of_pairs(
        Path("shots"),
        [
            (("a.png", image.png(shot)), ("a.png", image.png(shot))),
            (("b.png", image.png(shot)), ("b_copy.png", image.png(shot))),
            (("c.png", image.png(grey)), ("c_stored.bmp", in_colours)),
            (("d.png", sixteen), ("d_stored.png", image.png(grey))),
            (("e.png", image.png(shot)), ("e_near.png", image.png(near))),
            (("f.png", image.png(shot)), ("f_other.png", image.png(other))),
        ],
    )
    (error,) = [error for error in errors if "own templates" in error]
    assert error.startswith("4 images are their own templates")
    assert ": a.png, b.png, c.png, d.png; " in error


def test_a_perfect_part_may_equal_its_template_where_pictures_are_binarised(tmp_path):
    board = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (64, 64))
    pairs = [((f"{name}.png", image.png(board)), (template, image.png(board))) for name, template in ("ab", "bc")]
    assert not [one for one in of_pairs(tmp_path, pairs) if "own template" in one]
    (error,) = [one for one in of_pairs(tmp_path, [(pairs[0][0],) * 2]) if "own template" in one]
    assert error.startswith("1 image is its own template"), "that is a mistake in the table, whatever it shows"


def test_variants_that_no_frame_could_be_told_to_show_are_a_warning(pictures):
    draw = np.random.default_rng(0)
    plain, other = draw.integers(0, 250, (2, 64, 64, 3), np.uint8)
    equipped = plain.copy()
    equipped[20:26, 30:36] = 255
    for name, picture in (("plain", plain), ("other", other), ("equipped", equipped)):
        (pictures / f"{name}.png").write_bytes(image.png(picture))

    def warnings(*names, choose="match"):
        variants = {name: pictures / f"{name}.png" for name in names}
        task = {"template": Template(variants=variants, choose=choose)}
        found = report(SOUND, task=task, preprocess=whole(align={})).warnings
        return [warning for warning in found if "variant" in warning]

    (warning,) = warnings("plain", "other", "equipped")
    assert warning.startswith("2 variants cannot be told by what fits best: plain (two variants fit alike: plain 1.0")
    assert "data.reader.variant_column" in warning
    assert "equipped (" in warning
    assert warnings("plain", "other") == warnings("plain") == []
    assert warnings("plain", "equipped", choose="name") == warnings("plain", "gone") == []


ALL = ((0, 0), (64, 0), (64, 64), (0, 64))


@pytest.mark.parametrize(
    ("region", "told"),
    [({"ignore": (ALL,)}, "nothing is left to inspect"), ({"roi": ((0, 0), (60, 0), (60, 60))}, "at least 60 x 60")],
)
def test_regions_are_looked_for_on_each_variant_that_may_be_fitted(pictures, region, told):
    variants = {name: pictures / f"{name}.png" for name in ("left", "small")}
    errors = templates(pictures, SOUND, whole(align={}, **region), variants=variants)
    assert errors
    assert all("no image of the variant" in error and told in error for error in errors)
    assert "variant small" in errors[-1]
    alike = {name: pictures / f"{name}.png" for name in ("left", "right")}
    errors = templates(pictures, SOUND, whole(align={}, **region), variants=alike)
    assert [told in error for error in errors] == [True] * ("ignore" in region)


@pytest.mark.parametrize("align", [None, {"reach": 5, "motion": "translation"}])
def test_a_region_of_interest_that_hides_every_mark_is_an_error(pictures, align):
    task = {**WHERE, "template": Template(variants={"left": pictures / "left.png"})} if align else WHERE
    for left, hides in ((40, True), (20, align is None), (12, False)):
        spec = whole(roi=((left, 0), (64, 0), (64, 64), (left, 64)), align=align)
        errors = report(MARKED, task=task, preprocess=spec).errors
        assert [error.startswith("every defect that is marked in the train part lies in") for error in errors] == (
            [True] * hides
        ), left


def test_marks_on_a_frame_larger_than_its_template_are_told_by_the_centres(pictures):
    task = {**WHERE, "template": Template(variants={"left": pictures / "left.png"})}
    spec = whole(roi=((0, 0), (30, 0), (30, 30), (0, 30)), align={"reach": 5, "motion": "translation"})
    for place, hidden in ((40, False), (90, True)):
        rows = [
            *many((), width=128, height=128),
            *many(("dent",), width=128, height=128, boxes=(box(x=place, y=place),)),
        ]
        assert bool(report(rows, task=task, preprocess=spec).errors) == hidden


def test_an_ignored_region_beside_the_images_is_a_warning():
    beside = ((70, 0), (90, 0), (90, 20))
    spec = whole(ignore=(((0, 0), (9, 0), (9, 9)), beside))
    (warning,) = report(SOUND, preprocess=spec).warnings
    assert warning.startswith("input.ignore.1 lies wholly outside of the images (64 x 64)")
    wide = [*SOUND, Sample(path="wide.png", width=80, height=64)]
    assert not any("outside of the" in warning for warning in report(wide, preprocess=spec).warnings)


def test_regions_on_images_of_several_sizes_are_a_warning(pictures):
    rows = [*SOUND, Sample(path="wide.png", width=80, height=64)]
    spec = {"roi": ALL, "ignore": (((0, 0), (9, 0), (9, 9)),)}
    (warning,) = report(rows, preprocess=whole(**spec)).warnings
    assert warning.startswith("images are of several sizes: 64 x 64 (48), 80 x 64 (1); input.roi and input.ignore, in ")
    task = {"template": Template(variants={"left": pictures / "left.png"})}
    assert report(rows, preprocess=whole(**spec, align={}), task=task).warnings == ()
    assert report(rows, preprocess=whole()).warnings == ()
