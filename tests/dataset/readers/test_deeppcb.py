"""The layout of DeepPCB."""

import pytest

from sightline.errors import DataError
from sightline.index import Split


@pytest.fixture
def boards(tmp_path, picture):
    """Three tested boards of 40x30 with their templates, on two boards, and the authors' lists."""
    for board, name in (("1", "1000"), ("1", "1001"), ("2", "2000")):
        folder = tmp_path / "PCBData" / f"group{board}"
        for ending in ("test.png", "temp.png"):
            picture(folder / board / f"{name}_{ending}")
        (folder / f"{board}_not").mkdir(exist_ok=True)
        (folder / f"{board}_not" / f"{name}.txt").write_text("1 2 9 8 3\n30 20 41 29 6\n", encoding="utf-8")
    list_of(tmp_path, "trainval", ("1", "1000"), ("2", "2000"))
    list_of(tmp_path, "test", ("1", "1001"))
    return tmp_path


def list_of(root, part, *names):
    lines = [f"group{b}/{b}/{name}.jpg group{b}/{b}_not/{name}.txt" for b, name in names]
    (root / "PCBData" / f"{part}.txt").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("inside", ["", "PCBData"])
def test_boards_have_templates_types_and_the_authors_parts(boards, read, inside):
    first, second, third = read("deeppcb", root=boards / inside).samples
    above = "" if inside else "PCBData/"
    assert (first.path, first.template) == tuple(f"{above}group1/1/1000_{one}.png" for one in ("test", "temp"))
    assert [(one.x1, one.y1, one.x2, one.y2, one.label) for one in first.boxes] == [
        (1, 2, 9, 8, "mousebite"),
        (30, 20, 40, 29, "pin-hole"),
    ]
    assert first.labels == ("mousebite", "pin-hole")
    assert [sample.split for sample in (first, second, third)] == [Split.TRAIN, Split.TEST, Split.TRAIN]


def test_a_board_is_told_and_holds_nothing_together(boards, read):
    samples = read("deeppcb").samples
    assert [sample.attributes for sample in samples] == [{"board": "group1"}, {"board": "group1"}, {"board": "group2"}]
    assert {sample.group for sample in samples} == {""}


def test_the_recipe_may_divide_instead(boards, read):
    assert {sample.split for sample in read("deeppcb", keep_split=False).samples} == {None}


def test_what_the_lists_lack_is_told(boards, read, caplog):
    list_of(boards, "trainval", ("1", "1000"))
    (boards / "PCBData" / "test.txt").unlink()
    assert [sample.split for sample in read("deeppcb").samples] == [Split.TRAIN, None, None]
    assert "test.txt is not there" in caplog.text
    assert "2 images in no list" in caplog.text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([("1", "1001"), ("3", "3000")], r"test\.txt, line 2: names 'group3/3/3000\.jpg', of which no picture is in"),
        ([("1", "1000")], r"test\.txt, line 1: group1/1/1000 is in trainval\.txt and in test\.txt"),
    ],
)
def test_lists_that_cannot_be_are_refused(boards, read, names, expected):
    list_of(boards, "test", *names)
    with pytest.raises(DataError, match=expected):
        read("deeppcb")


@pytest.mark.parametrize(
    ("file", "what"), [("group1/1/1000_temp.png", "template"), ("group1/1_not/1000.txt", "text file")]
)
def test_a_picture_without_its_files_is_refused(boards, read, file, what):
    (boards / "PCBData" / file).unlink()
    with pytest.raises(DataError, match=rf"1 picture of .*: .*1000_test\.png \({what}\)"):
        read("deeppcb")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1 2 3 4", "expected whole numbers x1 y1 x2 y2 type, got '1 2 3 4'"),
        ("1 2 3 x 1", "expected whole numbers"),
        ("1 2 3 4 0", "no type has the number 0"),
        ("41 2 50 4 1", "expected a box inside the image of 40x30, got 41, 2, 50, 4"),
        ("1 1 99999 99999 1", "expected a box inside the image of 40x30"),
        ("40 2 41 4 1", "expected a box with an area inside the image of 40x30"),
        ("3 2 3 4 1", "expected a box with an area"),
    ],
)
def test_a_damaged_row_is_named(boards, read, row, expected):
    file = boards / "PCBData" / "group1" / "1_not" / "1000.txt"
    file.write_text(f"1,2,3,4,1\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"1000\.txt, line 2: {expected}"):
        read("deeppcb")


def test_another_folder_says_what_is_expected(tmp_path, picture, read):
    picture(tmp_path / "images" / "a.png")
    with pytest.raises(
        DataError, match=r"expected pictures like group00041/00041/00041000_test\.jpg in .*found images"
    ):
        read("deeppcb")
