"""CVAT's own annotations."""

import numpy as np
import pytest

from sightline.dataset import readers
from sightline.errors import DataError


@pytest.fixture
def annotate(tmp_path, picture):
    """Writes annotations.xml with marks on an image of 40x30, and a second one without."""

    def write(marks="", head="", subset="", folder="images", name="a.png", file="annotations.xml"):
        for image in (name, "b.png"):
            picture(tmp_path / folder / image)
        size = f'width="40" height="30" {subset}'
        images = f'<image name="{name}" {size}>{marks}</image>\n<image name="b.png" {size}></image>'
        text = f"{head}<annotations><version>1.1</version><meta><task/></meta>\n{images}</annotations>"
        (tmp_path / file).write_text(text, encoding="utf-8")

    return write


def box(x1, y1, x2, y2, more=""):
    return f'<box label="dent" xtl="{x1}" ytl="{y1}" xbr="{x2}" ybr="{y2}" {more}/>'


def corners(sample):
    return [(one.x1, one.y1, one.x2, one.y2) for one in sample.boxes]


def test_boxes_polygons_and_tags(annotate, read):
    annotate(box(1, 2, 9.5, 8) + '<polygon label="scratch" points="1,2;5,2;5,8"/>' + '<tag label="dirty"/>')
    first, second = read("cvat").samples
    assert first.labels == ("dent", "dirty", "scratch")
    assert corners(first) == [(1, 2, 9.5, 8), (1, 2, 5, 8)]
    assert [one.points for one in first.polygons] == [((1, 2), (5, 2), (5, 8))]
    assert (second.labels, second.boxes) == ((), ())


def test_a_turned_box_becomes_an_outline_and_the_box_around_it(annotate, read):
    annotate(box(10, 10, 20, 14, 'rotation="90.0"'))
    sample = read("cvat").samples[0]
    assert np.allclose(corners(sample), [(13, 7, 17, 17)])
    assert np.allclose(sample.polygons[0].points[0], (17, 7))  # clockwise: the upper left corner is upper right now


def test_what_is_turned_at_the_edge_is_cut_however_far_it_reaches_out(annotate, read):
    annotate(box(0, 0, 40, 4, 'rotation="90"') + '<ellipse label="dent" cx="20" cy="3" rx="9" ry="3" rotation="90"/>')
    assert np.allclose(corners(read("cvat").samples[0]), [(18, 0, 22, 22), (17, 0, 23, 12)])


def test_an_ellipse_may_be_turned(annotate, read):
    annotate('<ellipse label="dent" cx="20" cy="15" rx="10" ry="2" rotation="90"/>')
    assert np.allclose(corners(read("cvat").samples[0]), [(18, 5, 22, 25)])


def test_a_mask_is_counted_along_its_rows(annotate, read):
    annotate('<mask label="dent" rle="0, 3, 1, 2" left="4" top="2" width="3" height="2"/>')
    sample = read("cvat").samples[0]
    assert corners(sample) == [(4, 2, 7, 4)]
    assert set(sample.polygons[0].points) == {(4, 2), (7, 2), (7, 4), (5, 4), (5, 3), (4, 3)}


def test_what_encloses_nothing_labels_its_image_and_marks_no_place(annotate, read, caplog):
    annotate('<points label="dent" points="1,2"/><polyline label="scratch" points="1,2;3,4"/>')
    sample = read("cvat").samples[0]
    assert (sample.labels, sample.boxes) == (("dent", "scratch"), ())
    assert "mark no place: 1 points, 1 polyline" in caplog.text


def test_the_subsets_of_a_project_have_folders(annotate, read, tmp_path):
    annotate(subset='subset="train"', folder="images/train")
    assert [sample.path for sample in read("cvat").samples] == ["images/train/a.png", "images/train/b.png"]
    assert readers.detect(tmp_path).images == "images"


@pytest.mark.parametrize("folder", ["images", ".", "pictures/2024"])
def test_the_folder_of_the_images_is_found(annotate, tmp_path, folder):
    annotate(box(1, 2, 3, 4), folder=folder, file="job 7.xml")
    settings = readers.detect(tmp_path)
    assert (settings.kind, settings.file, settings.images) == ("cvat", "job 7.xml", folder)


def test_several_files_are_for_the_user_to_choose_from(annotate, tmp_path):
    annotate()
    annotate(file="job 7.xml")
    with pytest.raises(DataError, match=r"several files of CVAT's: annotations\.xml, job 7\.xml"):
        readers.detect(tmp_path)


def test_annotations_without_their_images_say_so(annotate, tmp_path):
    annotate()
    (tmp_path / "images" / "a.png").unlink()
    with pytest.raises(DataError, match=r"names the image 'a\.png', which is not in"):
        readers.detect(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [("annotations.xml", "<annotations><image>"), ("annotations.xml", ""), ("job 7.xml", "<annotations>")],
)
def test_damaged_annotations_are_refused_where_the_folders_would_be_taken(annotate, tmp_path, file, text):
    annotate()
    (tmp_path / "annotations.xml").unlink()
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"^{file} looks like broken annotations, .*data\.reader\.kind=cvat") as caught:
        readers.detect(tmp_path)
    assert "data.reader.kind=folders" in caught.value.hint


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        (box(50, 2, 60, 9), r"box \(mark 1\): expected a box inside the image of 40x30, got 50, 2, 60, 9"),
        (box(5, 2, 5, 9), r"box \(mark 1\): expected a box with an area"),
        (box(5, 2, "x", 9), r"box \(mark 1\): xbr: expected a number, got 'x'"),
        ('<box label="dent" xtl="1"/>', r"box \(mark 1\): ytl: expected a number, got nothing"),
        ('<box xtl="1"/>', r"box \(mark 1\): expected the attribute label of <box>, found none"),
        ('<polygon label="dent" points="1,2;3,4"/>', r"polygon \(mark 1\): expected an outline of at least three"),
        ('<polygon label="dent" points="1,2;3"/>', r"polygon \(mark 1\): points: expected x,y;x,y;… got '1,2;3'"),
        ('<polygon label="dent" points="1,2;3,4;nan,3"/>', r"polygon \(mark 1\): points: expected a number, got 'nan'"),
        ('<polygon label="dent" points="1,2;3,1_0;5,3"/>', r"polygon \(mark 1\): points: expected a number, got '1_0'"),
        ('<polygon label="dent" points="1,2;90,4;5,3"/>', r"polygon \(mark 1\): expected an outline inside the image"),
        (box(1, 2, 9000, 9), r"box \(mark 1\): expected a box inside the image of 40x30"),
        (box(5, 2, "1_0", 9), r"box \(mark 1\): xbr: expected a number, got '1_0'"),
        (box(5, 2, 90, 9, 'rotation="90"'), r"box \(mark 1\): expected an outline inside the image of 40x30"),
        ('<ellipse label="dent" cx="20" cy="15" rx="30" ry="2"/>', r"ellipse \(mark 1\): expected an outline inside"),
        (
            '<mask label="dent" rle="0,36" left="38" top="2" width="6" height="6"/>',
            "expected an outline inside the image",
        ),
        ('<mask label="dent" rle="0, 1_0" left="4" top="2" width="5" height="2"/>', "rle: expected whole numbers"),
        ('<mask label="dent" rle="0, 3" left="4" top="2" width="3" height="2"/>', "of 6 pixels, got 3 in 2 runs"),
        ('<mask label="dent" rle="0, x" left="4" top="2" width="3" height="2"/>', "rle: expected whole numbers"),
        ('<tag label="dent"/><circle label="dent"/>', r"circle \(mark 2\): no mark of CVAT's"),
    ],
)
def test_a_damaged_mark_is_named(annotate, read, marks, expected):
    annotate(marks)
    with pytest.raises(DataError, match=rf"annotations\.xml, image 'a\.png', .*{expected}"):
        read("cvat")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<annotations>\n<image>", r"annotations\.xml, line 2: no element found"),
        ("<annotation/>", r"annotations\.xml: expected the element <annotations> at the top, got 'annotation'"),
        ("<annotations/>", r"annotations\.xml: expected images, found none"),
        ("<annotations><track/></annotations>", r"annotations\.xml: expected images, found those of a video"),
        ("<annotations><image/></annotations>", r"expected the attribute name of <image>, found none"),
        ('<!DOCTYPE x [<!ENTITY l "lol">]>\n<annotations/>', r"it declares a document type \(x\)"),
        ('<annotations><image name="../../a.png"/></annotations>', r"expected a path inside"),
    ],
)
def test_a_damaged_file_is_named(annotate, read, tmp_path, text, expected):
    annotate()
    (tmp_path / "annotations.xml").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=expected):
        read("cvat")
