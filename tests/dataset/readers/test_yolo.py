"""YOLO annotations."""

import PIL.Image
import pytest

from sightline import image
from sightline.errors import DataError

NAMES = "names: {0: dent, 1: scratch}\n"


@pytest.fixture
def annotate(tmp_path, picture):
    """Writes the label file of images/a.png, 40 wide and 30 high, and data.yaml."""

    def write(text, names=NAMES, above="", file="data.yaml"):
        picture(tmp_path / above / "images" / "a.png")
        labels = tmp_path / above / "labels" / "a.txt"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(text, encoding="utf-8")
        (tmp_path / file).write_text(names, encoding="utf-8")

    return write


def test_shares_become_pixels(annotate, read):
    annotate("1 0.5 0.5 0.25 0.2\n0 0.1 0.1 0.5 0.1 0.5 0.9\n")
    (sample,) = read("yolo").samples
    assert sample.labels == ("dent", "scratch")
    corners = [(box.x1, box.y1, box.x2, box.y2, box.label) for box in sample.boxes]
    assert corners == [(15, 12, 25, 18, "scratch"), (4, 3, 20, 27, "dent")]
    assert sample.polygons[0].points == ((4, 3), (20, 3), (20, 27))


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_an_empty_label_file_says_good(annotate, read, text):
    annotate(text)
    assert read("yolo").samples[0].good


@pytest.mark.parametrize(
    ("names", "file"),
    [("names: [dent, scratch]", "data.yaml"), (NAMES, "my.yml"), ("dent\nscratch\n", "classes.txt")],
)
def test_classes_are_named_in_each_of_the_usual_ways(annotate, read, names, file):
    annotate("1 0.5 0.5 0.25 0.2\n", names, file=file)
    assert read("yolo", file=file).classes == ("scratch",)


def test_parts_may_stand_above_the_images(annotate, read):
    annotate("0 0.5 0.5 0.5 0.5", above="train")
    annotate("1 0.5 0.5 0.5 0.5", above="valid")
    assert read("yolo").counts() == {"dent": 1, "scratch": 1}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2 0.5 0.5 0.5 0.5", "line 2: no class has the number 2"),
        ("dent 0.5 0.5 0.5 0.5", "line 2: expected a class number and numbers"),
        ("0_1 0.5 0.5 0.5 0.5", "line 2: expected a class number and numbers, got '0_1 "),
        ("0 0.5 0.5 0.5 0_5", "line 2: expected a class number and numbers"),
        ("0 0.5 0.5 0.5", "line 2: expected 4 numbers for a box"),
        ("0 0.5 0.5 0.5 0.5 0.97", "line 2: expected 4 numbers for a box"),
        ("0 20 15 10 10", "line 2: expected shares of the image"),
        ("0 nan 0.5 0.5 0.5", "line 2: expected shares of the image"),
        ("0 0.5 0.5 0 0.5", "line 2: expected a box with an area"),
        ("0 0.1 0.1 0.9 0.9", "line 2: expected a box inside the image of 40x30, .*\n.* x and y of its centre"),
    ],
)
def test_a_damaged_line_is_named(annotate, read, line, expected):
    annotate(f"0 0.5 0.5 0.5 0.5\n{line}\n")
    with pytest.raises(DataError, match=f"a.txt, {expected}"):
        read("yolo")


@pytest.mark.parametrize("name", ["O.txt", "a.TXT", "deeper/a.txt", "a.b.txt"])
def test_labels_that_fit_no_image_are_named(annotate, read, tmp_path, name):
    annotate("0 0.5 0.5 0.5 0.5")
    stray = tmp_path / "labels" / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("0 0.5 0.5 0.5 0.5", encoding="utf-8")
    with pytest.raises(DataError, match=rf"1 text file in .* without an image of the same name .*: labels/{name}"):
        read("yolo")


def test_the_names_of_the_classes_may_lie_beside_the_labels(annotate, read, tmp_path):
    annotate("0 0.5 0.5 0.5 0.5")
    (tmp_path / "labels" / "classes.txt").write_text("dent", encoding="utf-8")
    assert read("yolo").classes == ("dent",)


def test_a_misspelt_folder_of_labels_does_not_make_every_image_good(annotate, read, tmp_path):
    annotate("0 0.5 0.5 0.5 0.5", above="train")
    annotate("0 0.5 0.5 0.5 0.5", above="val")
    (tmp_path / "val" / "labels").rename(tmp_path / "val" / "lables")
    with pytest.raises(DataError, match=r"expected a folder labels beside .*images, found images, lables") as caught:
        read("yolo")
    assert "leave it empty" in caught.value.hint


def test_two_images_of_one_name_cannot_share_their_labels(annotate, read, picture, tmp_path):
    annotate("0 0.5 0.5 0.5 0.5")
    picture(tmp_path / "images" / "a.jpg")
    with pytest.raises(DataError, match=r"1 name of several: images/a\.jpg and images/a\.png"):
        read("yolo")


@pytest.mark.parametrize("names", ["names: 3", "nc: 2", "- a", "names: {a: b}"])
def test_a_damaged_data_file_is_named(annotate, read, names):
    annotate("0 0.5 0.5 0.5 0.5\n", names)
    with pytest.raises(DataError, match=r"data\.yaml: "):
        read("yolo")


def test_as_many_classes_are_named_as_the_data_file_says(annotate, read):
    for count, expected in ((5, "as many names as nc says, 5, got 2"), ("five", "nc: Input should be a valid integer")):
        annotate("0 0.5 0.5 0.5 0.5\n", f"{NAMES}nc: {count}\n")
        with pytest.raises(DataError, match=rf"data\.yaml: .*{expected}"):
            read("yolo")
    annotate("0 0.5 0.5 0.5 0.5\n", f"{NAMES}nc: 2\n")
    assert read("yolo").classes == ("dent",)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("nc: " + "9" * 5000, "line 2: .* at most 400 digits"),
        ("x: " + "[" * 3000 + "]" * 3000, "line 2: .* more than 64 levels"),
        ("names: [a", "line 3: cannot be read as YAML"),
        ("names: [dent]", "line 2: names: the same key stands on lines 1 and 2"),
    ],
    ids=["long number", "deep", "cut off", "twice"],
)
def test_a_damaged_data_file_names_its_line(annotate, read, more, expected):
    annotate("0 0.5 0.5 0.5 0.5\n", f"{NAMES}{more}\n")
    with pytest.raises(DataError, match=rf"data\.yaml, {expected}"):
        read("yolo")


def test_a_date_that_there_is_not_does_not_matter(annotate, read):
    annotate("0 0.5 0.5 0.5 0.5\n", f"{NAMES}date: 2024-13-45\n")
    assert read("yolo").classes == ("dent",)


def test_a_damaged_image_keeps_its_label(annotate, read, tmp_path):
    annotate("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "images" / "a.png").write_bytes(b"no image")
    (sample,) = read("yolo").samples
    assert (sample.labels, sample.boxes) == (("dent",), ())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_is_turned_when_decoded_has_its_sides_swapped(annotate, read, tmp_path, orientation):
    annotate("0 0.5 0.5 1 1\n")
    path = tmp_path / "images" / "a.png"
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    path.unlink()
    PIL.Image.new("L", (40, 30)).save(path.with_suffix(".jpg"), exif=exif)
    (sample,) = read("yolo").samples
    height, width = image.read(tmp_path / sample.path).shape[:2]
    assert (sample.boxes[0].x2, sample.boxes[0].y2) == (width, height)
