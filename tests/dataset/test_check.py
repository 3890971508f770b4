"""The report says what a person has to know, at the right level."""

import json

import pytest

from check_factory import SOUND, many, report
from sightline.config import Preprocess
from sightline.index import Sample, Split


def test_a_sound_set_has_nothing_to_complain_of():
    found = report(SOUND)
    assert (found.errors, found.warnings, found.notes) == ((), (), ())
    assert found.counts["dent"] == {"train": 6, "validate": 6, "calibrate": 6, "test": 6}
    assert found.groups == {"good": 24, "dent": 24}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (many(("dent",)), "found only dent"),
        (many(()), "found only good"),
        ([*SOUND, Sample(path="x.png", labels=("rare",))], "class rare has one image"),
        ([*SOUND, *many(("Dent",))], "upper and lower case only: Dent, dent"),
        ([*SOUND, *[s for s in many(("x",)) if s.split is Split.TEST]], "class x has no image in the train part"),
        (
            [
                *SOUND,
                Sample(path="a.png", digest="d", group="g"),
                Sample(path="b.png", digest="d", group="g", labels=("dent",)),
            ],
            "a.png (good), b.png (dent)",
        ),
    ],
)
def test_what_makes_training_pointless_is_an_error(rows, message):
    assert any(message in error for error in report(rows).errors)


def test_nothing_to_compare_an_exported_model_on_is_an_error():
    for parts in ({Split.TRAIN, Split.VALIDATE}, {Split.TRAIN, Split.CALIBRATE}, {Split.TRAIN, Split.TEST}):
        found = report([row for row in SOUND if row.split in parts])
        assert any("data.split.calibrate a share" in error for error in found.errors) == (Split.VALIDATE in parts)


def test_a_mask_that_does_not_fit_is_an_error_and_an_empty_one_a_warning():
    rows = [*SOUND, *(Sample(path=f"m{n}.png", mask=f"m{n}_mask.png", labels=("dent",)) for n in range(2))]
    found = report(rows, files={"m0.png": {"mask_fault": "is 3 x 3 pixels"}, "m1.png": {"mask_empty": True}})
    assert found.errors == ("masks cannot be used: m0_mask.png is 3 x 3 pixels",)
    assert found.warnings == ("1 masks of defective images are empty: m1_mask.png",)


TWINS = [Sample(path="a.png", group="g", split=Split.TRAIN), Sample(path="b.png", group="g", split=Split.TEST)]


def test_copies_across_parts_are_an_error():
    rows = [row.model_copy(update={"digest": "same"}) for row in TWINS]
    assert any("a.png (train), b.png (test)" in error for error in report([*SOUND, *rows]).errors)


def test_a_readers_group_across_parts_is_an_error():
    given = {path: {"group": "board 7"} for path in ("a.png", "b.png")}
    assert any("images of one group" in error for error in report([*SOUND, *TWINS], given=given).errors)


def test_near_duplicates_across_parts_are_a_warning():
    found = report([*SOUND, *TWINS])
    assert found.errors == ()
    assert any("divides 1 groups of alike images" in warning for warning in found.warnings)


def test_labels_that_differ_in_a_group_are_a_warning_with_a_picture():
    rows = [Sample(path="a.png", group="g"), Sample(path="b.png", group="g", labels=("dent",))]
    found = report([*SOUND, *rows])
    assert found.errors == ()
    assert any("a.png (good), b.png (dent)" in warning for warning in found.warnings)
    assert [(pair.left, pair.right, pair.note) for pair in found.twins] == [
        ("a.png", "b.png", "group of 2, labels differ: good / dent")
    ]


def test_a_class_with_few_in_test_is_told_what_its_figures_are_worth():
    rows = [s for s in many(("rare",)) if s.split is not Split.TEST]
    rows += [Sample(path=f"t{n}.png", labels=("rare",), group=f"g{n % 2}", split=Split.TEST) for n in range(8)]
    (warning,) = report([*SOUND, *rows]).warnings
    assert "class rare has 2 independent images" in warning
    assert "34 %" in warning  # Wilson, 2 of 2


def test_a_class_that_a_part_lacks_is_named():
    rows = [s for s in many(("x",)) if s.split is not Split.CALIBRATE]
    assert report([*SOUND, *rows]).warnings == ("the calibrate part has no image of: x",)


def test_unreadable_files_are_named_and_counted():
    found = report(SOUND, unreadable={f"{n}.png": "cut off" for n in range(7)})
    assert found.warnings[0] == "0.png: cut off; left out"
    assert found.warnings[-1] == "2 more files cannot be read; left out"
    assert "7 unreadable" in found.facts["images"]
    assert "6.png" in found.html()


def test_masks_of_more_than_two_levels_are_doubted():
    files = {SOUND[-1].path: {"sample": SOUND[-1].model_copy(update={"mask": "m.png"}), "mask_blurred": True}}
    (warning,) = report(SOUND, files=files).warnings
    assert warning.startswith("1 masks hold many values between 0 and their highest, and whatever is not 0 counts")
    assert ": m.png; save masks with two levels, as PNG" in warning
    assert "data.marked_above=127" in warning


@pytest.mark.parametrize(("top", "bits"), [(1000, 10), (4000, 12), (16383, 14), (16384, None)])
def test_unused_bits_are_noticed(top, bits):
    notes = report(SOUND, files={s.path: {"depth": 16, "top": top} for s in SOUND}).notes
    assert [note for note in notes if "16-bit" in note] == [
        f"no 16-bit image holds a value over {top:,}, which fits {bits} bits: set input.bits={bits}"
    ] * bool(bits)


def test_more_bits_than_the_recipe_says_are_an_error():
    files = {SOUND[0].path: {"depth": 16, "top": 5000}}
    assert report(SOUND, files=files, preprocess=Preprocess(bits=12)).errors
    assert not report(SOUND, files=files, preprocess=Preprocess(bits=13)).errors


def test_sizes_are_compared_with_the_models_input():
    rows = [*SOUND, Sample(path="wide.png", width=640, height=64)]
    found = report(rows, preprocess=Preprocess(height=64, width=64))
    assert any("wide.png" in warning for warning in found.warnings)
    assert report(rows, preprocess=Preprocess(height=64, width=64, fit="pad")).warnings == ()
    assert any("smaller than the model's input" in note for note in report(rows, preprocess=Preprocess()).notes)


def test_a_split_that_came_with_the_images_is_told():
    (note,) = report(SOUND, given={SOUND[0].path: {"split": Split.TEST}}).notes
    assert "(test)" in note
    assert "calibrate, validate are taken from the rest" in note


def test_text_shows_the_whole_table():
    text = report([*SOUND, *TWINS]).text()
    assert "warning: " in text
    row = next(line for line in text.splitlines() if line.startswith("good"))
    assert row.split() == ["good", "26", "25", "7", "6", "6", "7"]


def test_saved_files_are_whole_and_escaped(tmp_path):
    nasty = [*SOUND, Sample(path="<script>.png", group="g"), Sample(path="b.png", group="g")]
    report(nasty).save(tmp_path / "out")
    page = (tmp_path / "out" / "check.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;.png" in page
    assert "<script" not in page
    assert "data:image/png;base64," in page
    assert "http" not in page
    plain = json.loads((tmp_path / "out" / "check.json").read_text(encoding="utf-8"))
    assert plain["counts"]["dent"]["test"] == 6
    assert plain["twins"][0]["left"] == "<script>.png"
