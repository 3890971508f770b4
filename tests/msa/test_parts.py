"""Parts as they come: folders and tables say what they are, and a picture counts once."""

import pytest

from sightline import image
from sightline.errors import DataError
from sightline.msa.parts import from_folders, from_table, read_pictures, tells
from sightline.verdict import Outcome


@pytest.fixture
def photos(tmp_path):
    """Two good and two defective parts, each picture of its own."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("Good/a.png", "Good/deep/b.png", "dent/c.png", "scratch/d.PNG")):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image.png(_frame(40 * number)))
    return folder


def _frame(grey):
    import numpy as np

    return np.full((16, 16, 3), grey, np.uint8)


def refused(function, *arguments):
    with pytest.raises(DataError) as error:
        function(*arguments)
    return str(error.value)


def test_the_topmost_folder_says_what_a_part_is(photos):
    assert {part.name: part.reference.value for part in from_folders(photos)} == {
        "Good/a.png": "OK",
        "Good/deep/b.png": "OK",
        "dent/c.png": "NG",
        "scratch/d.PNG": "NG",
    }
    named = from_folders(photos, ("good", "DENT"))
    assert [part.reference for part in named] == [Outcome.OK, Outcome.OK, Outcome.OK, Outcome.NG]


def test_a_folder_that_is_not_there_is_said_with_the_nearest(photos):
    told = refused(from_folders, photos, ("good", "dents"))
    assert "expected a folder called dents" in told
    assert "Did you mean `dent`?" in told
    (photos / "Good").rename(photos / "sound")
    told = refused(from_folders, photos)
    assert "called good or ok" in told
    assert "dent, scratch, sound" in told


def test_an_image_that_no_folder_speaks_for_is_refused(photos):
    (photos / "stray.png").write_bytes(image.png(_frame(200)))
    assert "stray.png in" in refused(from_folders, photos)


def test_no_folder_and_no_image(tmp_path):
    assert "expected a folder of images" in refused(from_folders, tmp_path / "nowhere")
    assert "found no image" in refused(from_folders, tmp_path)


def test_a_table_says_what_each_image_shows_and_which_show_one_part(photos, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("Image;Reference;Part\nGood/a.png;pass;7\nGood\\deep\\b.png;1;007\ndent/c.png;n.i.O.;\n")
    parts, left = from_table(photos, table)
    assert [(part.name, part.reference.value, len(part.pictures)) for part in parts] == [
        ("7", "OK", 2),
        ("dent/c.png", "NG", 1),
    ]
    assert left == ["scratch/d.PNG"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("Good/a.png,OK,1\ndent/c.png,NG,1\n", "line 3: the part '1' is NG here and OK above"),
        ("Good/a.png,OK,\nGood/../Good/a.png,OK,\n", "line 3: the image 'Good/../Good/a.png' stands there already"),
        ("Good/x.png,OK,\n", "line 2: there is no image Good/x.png"),
        (",OK,\n", "line 2: expected the path of an image"),
        ("Good/a.png,perhaps,\n", "line 2: expected a verdict"),
        ("", "expected rows below the header"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(photos, tmp_path, rows, message):
    (tmp_path / "labels.csv").write_text("image,reference,part\n" + rows)
    assert message in refused(from_table, photos, tmp_path / "labels.csv")


def test_a_copy_and_a_damaged_picture_are_refused(photos):
    (photos / "dent" / "copy.png").write_bytes((photos / "Good" / "a.png").read_bytes())
    assert "is a copy of Good/a.png" in refused(lambda: list(read_pictures(from_folders(photos))))
    (photos / "dent" / "copy.png").write_bytes(b"damaged")
    assert "dent/copy.png: no image, or damaged" in refused(lambda: list(read_pictures(from_folders(photos))))


def test_what_tells_good_parts_from_defective_ones_is_said():
    assert "the ending tells good parts (.jpg) from defective ones (.png)" in tells(
        {Outcome.OK: {".jpg"}, Outcome.NG: {".png"}}, "the ending"
    )
    assert not tells({Outcome.OK: {".jpg", ".png"}, Outcome.NG: {".png"}}, "the ending")
