"""What labels come to mean: good, renamed, ignored."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.config.recipe import Data
from sightline.dataset.readers.mapping import map_labels
from sightline.errors import DataError
from sightline.index import Box, Sample


def _map(*labels, marks=(), **settings):
    rows = [Sample(path=f"{number}.png", labels=found) for number, found in enumerate(labels)]
    rows += [
        Sample(
            path=f"marked {number}.png",
            labels=tuple(sorted(set(found))),
            boxes=tuple(Box(x1=0, y1=0, x2=1, y2=1, label=label) for label in found),
        )
        for number, found in enumerate(marks)
    ]
    return map_labels(rows, Data.model_validate({"root": Path(), **settings}))


def test_good_is_compared_without_case_and_becomes_no_label():
    assert [row.labels for row in _map(("GOOD",), ("Ok",), ("dent",))] == [(), (), ("dent",)]


def test_good_may_be_the_new_name_of_a_label():
    assert [row.labels for row in _map(("Frei",), ("dent",), rename={"Frei": "good"})] == [(), ("dent",)]


def test_two_labels_may_get_one_name():
    rows = _map(("dent", "ding"), ("ding",), rename={"ding": "dent"})
    assert [row.labels for row in rows] == [("dent",), ("dent",)]


def test_names_are_swapped_without_a_chain():
    assert [row.labels for row in _map(("a",), ("b",), rename={"a": "b", "b": "a"})] == [("b",), ("a",)]


def test_an_image_with_an_ignored_label_is_left_out():
    rows = _map(("dent", "dirt"), ("dent",), ("dirt",), ignore=["dirt"])
    assert [row.path for row in rows] == ["1.png"]


def test_boxes_follow_their_label_and_good_ones_vanish():
    (row,) = _map(marks=[("ok", "dent", "dent")], rename={"dent": "Beule"})
    assert (row.labels, [box.label for box in row.boxes]) == (("Beule",), ["Beule", "Beule"])


def test_an_image_cannot_be_good_and_defective():
    with pytest.raises(DataError, match=r"0\.png is labelled good and defective at once: dent, good"):
        _map(("dent", "good"))


@pytest.mark.parametrize("setting", ["rename", "ignore"])
def test_a_label_that_is_not_there_is_refused(setting):
    with pytest.raises(DataError, match=f"data.{setting} names the label 'scrach'") as caught:
        _map(("scratch",), ("dent",), **{setting: {"scrach": "x"} if setting == "rename" else ["scrach"]})
    assert caught.value.hint == "Did you mean `scratch`?"


def test_a_mistyped_good_label_does_not_turn_good_parts_into_a_defect():
    with pytest.raises(DataError, match=r"data\.good is MT_Fre, but no image is labelled so") as caught:
        _map(("MT_Free",), ("MT_Crack",), good=["MT_Fre"])
    assert caught.value.hint == "Did you mean `MT_Free`?"


def test_a_good_label_of_ones_own_is_no_promise_where_unmarked_images_are_good():
    assert [row.labels for row in _map((), ("dent",), good=["fine"])] == [(), ("dent",)]


def test_good_may_not_be_a_defect():
    with pytest.raises(DataError, match="the label 'Good' stands for a defect"):
        _map(("Good",), ("fine",), good=["fine"])


@pytest.mark.parametrize("label", ["", " ", "\t", "a\nb", "a\x00b"])
def test_a_label_is_printable_text(label):
    with pytest.raises(DataError, match="expected a label of printable text"):
        _map((label,))


def test_a_name_to_rename_to_is_printable_text():
    with pytest.raises(DataError, match="expected a label of printable text"):
        _map(("dent",), rename={"dent": " "})


def test_accents_taken_apart_are_the_same_label():
    apart = unicodedata.normalize("NFD", "Prüfling")
    rows = _map(("Prüfling",), (apart,), ("x",), rename={apart: "Teil"})
    assert [row.labels for row in rows] == [("Teil",), ("Teil",), ("x",)]


@settings(deadline=None)
@given(st.lists(st.sets(st.sampled_from(["a", "b", "c", "d"]), max_size=3), min_size=1, max_size=8), st.data())
def test_mapping_keeps_every_row_that_is_not_ignored(labels, data):
    found = sorted(set().union(*labels))
    ignore = data.draw(st.lists(st.sampled_from(found), unique=True)) if found else []
    rows = _map(*(tuple(sorted(one)) for one in labels), ignore=ignore)
    kept = [tuple(sorted(one)) for one in labels if not one & set(ignore)]
    assert [row.labels for row in rows] == kept
