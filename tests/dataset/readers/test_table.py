"""CSV tables in the dialects that spreadsheets write, and elpv's."""

import pytest

from sightline.dataset.views import variant_of
from sightline.errors import DataError
from sightline.index import Split


@pytest.fixture
def table(tmp_path, picture):
    """Writes labels.csv beside the images a.png and b.png."""

    def write(text, encoding="utf-8", name="labels.csv"):
        for image in ("a.png", "b.png"):
            picture(tmp_path / image)
        (tmp_path / name).write_bytes(text.encode(encoding))

    return write


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_dialects_are_told_apart(table, read, delimiter, encoding, ending):
    rows = [["path", "label", "note"], ["a.png", "Kratzer ß", '"one, two; three"'], ["", "", ""], ["b.png", "ok", ""]]
    table(ending.join(delimiter.join(row) for row in rows), encoding)
    first, second = read("csv").samples
    assert (first.labels, first.attributes) == (("Kratzer ß",), {"note": "one, two; three"})
    assert (second.labels, second.attributes) == ((), {})


def test_columns_have_the_names_that_the_recipe_gives(table, read):
    table("file,kind,board,part,certain\na.png,dent|scratch,7,Train,yes\nb.png,ok,8,VAL,\n", name="my table.csv")
    names = {"file": "my table.csv", "path_column": "file", "label_column": "kind", "label_separator": "|"}
    first, second = read("csv", **names, group_column="board", split_column="part").samples
    assert (first.labels, first.group, first.split) == (("dent", "scratch"), "7", Split.TRAIN)
    assert (second.labels, second.group, second.split) == ((), "8", Split.VALIDATE)
    assert first.attributes == {"certain": "yes"}


def test_a_template_is_no_attribute(table, read):
    table("path,label,reference\na.png,dent,./b.png\nb.png,ok,\n")
    first, second = read("csv", template_column="reference").samples
    assert (first.template, first.attributes) == ("b.png", {})
    assert second.template is None


def test_the_variant_has_a_place_of_its_own_whatever_its_column_is_called(table, read):
    table("path,label,side,note\na.png,dent,left-hand,x\nb.png,ok,,\n")
    first, second = read("csv", variant_column="side").samples
    assert first.attributes == {"variant": "left-hand", "note": "x"}
    assert variant_of(first) == "left-hand"
    assert second.attributes == {}
    table("path,label,variant\na.png,dent,right-hand\nb.png,ok,\n")
    assert [variant_of(sample) for sample in read("csv").samples] == ["right-hand", ""]


def test_a_missing_column_lists_those_that_are_there(table, read):
    table("path;lable;note\na.png;x;\n")
    with pytest.raises(DataError, match=r"expected a column 'label', found 'path', 'lable', 'note'") as caught:
        read("csv")
    assert "Did you mean `lable`?" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("path,label,label\na.png,x,y\n", "the column 'label' stands there twice"),
        ("path,label\na.png\n", "line 2: expected 2 fields, got 1"),
        ("path,label\na.png,x\nb.png,\n", "line 3: expected a label, the field is empty"),
        ("path,label\na.png,x\n,y\n", "line 3: expected a path inside"),
        ("path,label\n../a.png,x\n", "line 2: expected a path inside"),
        ("path,label\nC:\\data\\a.png,x\n", "line 2: expected a path inside"),
        ("path,label\n/elsewhere/a.png,x\n", "line 2: expected a path inside"),
        ('path,label\na.png,"x\n', "line 2: unexpected end of data"),
        ("path,label\na.png,x\na.png,y\n", "1 image listed more than once: a.png"),
        ("path,label\na.png,x\nx.png,y\nc.png,y\n", "2 of 3 files that the labels name not in .*: x.png, c.png"),
        ("path,label\n", "expected a row for each image, found only the header"),
        pytest.param("x" * 140_000 + ",label\na.png,x\n", "line 1: field larger than field limit", id="long header"),
        ("", "expected a column 'path', found nothing"),
    ],
)
def test_a_damaged_table_says_where(table, read, text, expected):
    table(text)
    with pytest.raises(DataError, match=expected):
        read("csv")


def test_a_label_that_spans_rows_is_not_printed_whole(table, read):
    rows = "".join(f"{n}.png,x\n" for n in range(5000))
    table(f'path,label\na.png,"x\n{rows}"\n')
    with pytest.raises(DataError, match="expected a label of printable text") as caught:
        read("csv")
    assert len(caught.value.message) < 500


def test_a_path_that_spans_rows_is_not_printed_whole(table, read):
    rows = "".join(f"{n}.png,x\n" for n in range(5000))
    table(f'path,label\n"a.png\n{rows}",x\n')
    with pytest.raises(DataError, match="1 of 1 file that the labels name") as caught:
        read("csv")
    assert len(caught.value.message) < 1000


def test_a_folder_of_the_tables_name_is_called_one(read, tmp_path):
    (tmp_path / "labels.csv").mkdir()
    with pytest.raises(DataError, match="found a folder") as caught:
        read("csv")
    assert "Did you mean" not in caught.value.hint


def test_an_empty_elpv_table_is_called_empty(table, read):
    table("\n")
    with pytest.raises(DataError, match=r"labels\.csv: expected a row for each image"):
        read("elpv")


def test_a_split_that_does_not_exist_is_refused(table, read):
    table("path,label,split\na.png,x,holdout\n")
    with pytest.raises(DataError, match=r"line 2: expected a split \(train, validate, calibrate, test\)"):
        read("csv", split_column="split")


def test_another_encoding_names_its_line(table, read):
    table("path,label\na.png,x\nb.png,größer\n", "cp1252")
    with pytest.raises(DataError, match=r"labels\.csv, line 3: not UTF-8") as caught:
        read("csv")
    assert caught.value.hint == "Save the file as UTF-8."


def test_a_missing_table_names_the_nearest_file(table, read):
    table("path,label\na.png,x\n", name="label.csv")
    with pytest.raises(DataError, match=r"expected the file .*labels\.csv") as caught:
        read("csv")
    assert caught.value.hint == "Did you mean `label.csv`?"


def test_absolute_paths_inside_the_root_are_taken(table, read, tmp_path):
    table(f"path,label\n{tmp_path / 'a.png'},x\n")
    assert read("csv").samples[0].path == "a.png"


@pytest.mark.parametrize(
    ("probability", "labels", "certainty"),
    [("0.0", (), 1.0), ("0.3333", (), 0.6667), ("0.5", (), 0.5), ("0.6667", ("defective",), 0.6667)],
)
def test_elpv_labels_what_is_more_likely_defective(table, read, probability, labels, certainty):
    table(f"a.png  {probability}   mono\n\nb.png 1 poly\n")
    first = read("elpv").samples[0]
    assert (first.labels, first.certainty) == (labels, pytest.approx(certainty))
    assert first.attributes == {"probability": probability, "cell": "mono"}


@pytest.mark.parametrize("line", ["a.png 1.0", "a.png high mono", "a.png nan mono", "a.png -0.1 mono"])
def test_elpv_names_a_damaged_line(table, read, line):
    table(f"b.png 0.0 mono\n{line}\n")
    with pytest.raises(DataError, match=r"labels\.csv, line 2: expected a path, a probability"):
        read("elpv")
