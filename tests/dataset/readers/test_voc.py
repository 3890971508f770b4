"""Pascal VOC annotations."""

import pytest

from sightline.errors import DataError

OBJECT = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


@pytest.fixture
def annotate(tmp_path, picture):
    """Writes Annotations/NAME.xml and, unless told, its picture of 40x30."""

    def write(inside, name="a", picture_too=True, head=""):
        if picture_too:
            picture(tmp_path / "JPEGImages" / f"{name}.png")
        file = tmp_path / "Annotations" / f"{name}.xml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{head}<annotation>{inside}</annotation>", encoding="utf-8")

    return write


def test_pixels_are_counted_from_one_and_the_last_belongs_to_the_box(annotate, read):
    annotate(OBJECT.format(" dent ", 1, 1, 40, 30) + OBJECT.format("dent", 3, 4, 3, 4))
    boxes = read("voc").samples[0].boxes
    assert [(box.x1, box.y1, box.x2, box.y2, box.label) for box in boxes] == [
        (0, 0, 40, 30, "dent"),
        (2, 3, 3, 4, "dent"),
    ]


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (OBJECT.format("", 1, 1, 2, 2), "object 1: expected a name"),
        (OBJECT.format("dent", 1, 1, "two", 2), "object 1: bndbox/xmax: expected a number, got 'two'"),
        ("<object><name>dent</name></object>", "object 1: bndbox/xmin: expected a number, got nothing"),
        (OBJECT.format("dent", 5, 1, 2, 2), "object 1: expected a box with an area"),
        (
            "<size><width>40</width><height>30</height></size>" + OBJECT.format("dent", 45, 1, 50, 2),
            "object 1: expected a box inside the image of 40x30, got 44, 0, 50, 2",
        ),
        (OBJECT.format("dent", "nan", 1, 2, 2), "object 1: bndbox/xmin: expected a number, got 'nan'"),
        ("<size><width>wide</width></size>", "size/width: expected a number"),
        ("<size><width>inf</width></size>", "size/width: expected a number, got 'inf'"),
        ("<size><height>1e400</height></size>", "size/height: expected a number"),
        ("<size><width>nan</width></size>", "size/width: expected a number"),
        ("<size><width>1_0</width></size>", "size/width: expected a number, got '1_0'"),
        ("<size><width>-9</width></size>", "size/width: expected pixels, 0 to 268,435,456, got '-9'"),
        ("<size><width>1e300</width></size>", "size/width: expected pixels, .* got '1e300'"),
        (
            "<size><width>40</width><height>30</height></size>" + OBJECT.format("dent", 1, 1, 20000, 2),
            "object 1: expected a box inside the image of 40x30, got 0, 0, 20000, 2",
        ),
        ("<Object><name>dent</name></Object>", "expected a VOC annotation .*, found 'Object'"),
        ("<object>", r"line 1: mismatched tag"),
    ],
)
def test_a_damaged_annotation_is_named(annotate, read, inside, expected):
    annotate(inside)
    with pytest.raises(DataError, match=rf"a\.xml.*{expected}"):
        read("voc")


def test_an_annotation_without_objects_says_good(annotate, read):
    annotate("<filename>a.png</filename><size><width>40</width><height>30</height></size>")
    assert read("voc").samples[0].good


def test_xml_that_is_no_annotation_does_not_say_good(annotate, read, tmp_path):
    annotate("")
    (tmp_path / "Annotations" / "a.xml").write_text("<a/>", encoding="utf-8")
    with pytest.raises(DataError, match=r"a\.xml: expected the element <annotation> at the top, got 'a'"):
        read("voc")


def test_entities_cannot_fill_the_memory(annotate, read):
    layers = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    annotate("<object><name>&l11;</name></object>", head=f'<!DOCTYPE x [<!ENTITY l0 "lol">{layers}]>\n')
    with pytest.raises(DataError, match=r"a\.xml: it declares a document type \(x\)"):
        read("voc")


def test_an_image_without_an_annotation_is_good_only_where_the_recipe_says_so(annotate, read, picture, tmp_path):
    annotate(OBJECT.format("dent", 1, 1, 2, 2))
    picture(tmp_path / "JPEGImages" / "b.png")
    with pytest.raises(DataError, match=r"1 image in .*JPEGImages without an XML file in .*Annotations: b") as caught:
        read("voc")
    assert "data.reader.missing=good" in caught.value.hint
    assert [sample.labels for sample in read("voc", missing="good").samples] == [("dent",), ()]


def test_an_annotation_without_an_image_is_refused(annotate, read):
    annotate("")
    annotate("", name="gone", picture_too=False)
    with pytest.raises(DataError, match=r"1 XML file in .* without an image in .*: gone"):
        read("voc")


@pytest.mark.parametrize("name", ["a", "deeper/a"])
def test_two_images_of_one_name_are_refused(annotate, read, picture, tmp_path, name):
    annotate("")
    (tmp_path / "Annotations" / "deeper").mkdir()
    if name != "a":
        annotate("", name=name)
    picture(tmp_path / "JPEGImages" / f"{name}.jpg")
    with pytest.raises(DataError, match=rf"1 name of several: {name}\.jpg and {name}\.png"):
        read("voc")


def test_images_may_lie_deeper_than_their_annotations(annotate, read, picture, tmp_path):
    annotate(OBJECT.format("dent", 1, 1, 2, 2), picture_too=False)
    picture(tmp_path / "JPEGImages" / "dents" / "a.png")
    assert read("voc").samples[0].path == "JPEGImages/dents/a.png"


def test_equal_names_in_two_folders_are_paired_by_folder(annotate, read):
    annotate(OBJECT.format("dent", 1, 1, 2, 2), name="a")
    annotate("", name="b")
    (read("voc").root / "Annotations" / "day 2").mkdir()
    annotate(OBJECT.format("scratch", 1, 1, 2, 2), name="day 2/a")
    labels = {sample.path: sample.labels for sample in read("voc").samples}
    assert labels == {
        "JPEGImages/a.png": ("dent",),
        "JPEGImages/b.png": (),
        "JPEGImages/day 2/a.png": ("scratch",),
    }
