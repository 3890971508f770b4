"""Each frame finds its own template on the disk, or the reason says where it was looked for."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.errors import DataError, ImageError
from sightline.runtime.pairing import Pairing


def write(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.png(bundle_factory.frame_of((level, level, level), 8, 8)))
    return path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("templates/{stem}.png", "templates/0017_test.png"),
        ("{parent}/{stem-_test}_temp.png", "boards/lot 3/0017_temp.png"),
        ("{parent}/plain{suffix}", "boards/lot 3/plain.jpg"),
        ("{stem}{stem-17_test}{suffix}", "0017_test00.jpg"),
    ],
)
def test_a_pattern_is_filled_from_the_frames_path(pattern, expected):
    assert Pairing(pattern).file(Path("boards/lot 3/0017_test.jpg")) == Path(expected)


def test_one_file_is_every_frames_and_is_read_once(tmp_path):
    file = write(tmp_path / "plain.png", 90)
    pairing = Pairing(str(file))
    file.unlink()
    first, second = (pairing(Path(name)) for name in ("a.png", "b/c.png"))
    assert first is second
    assert (first == 90).all()
    assert pairing.file(Path("a.png")) == file


def test_a_folder_holds_one_of_each_name_whatever_its_ending(tmp_path):
    write(tmp_path / "t" / "a.png", 10)
    write(tmp_path / "t" / "b.bmp.png", 20)
    (tmp_path / "t" / "c.bmp").write_bytes((tmp_path / "t" / "a.png").read_bytes())
    pairing = Pairing(str(tmp_path / "t"))
    assert (pairing(Path("parts/a.png")) == 10).all()
    assert (pairing(Path("parts/b.bmp.jpg")) == 20).all()
    assert pairing.file(Path("c.tif")).name == "c.bmp"
    with pytest.raises(ImageError, match=r"expected a template named d in .*, got none"):
        pairing(Path("d.png"))
    write(tmp_path / "t" / "c.png", 30)
    with pytest.raises(ImageError, match=r"named c in .*, got c\.bmp and c\.png"):
        pairing(Path("c.tif"))
    assert (pairing(Path("c.png")) == 30).all()  # the very name comes first


def test_a_name_with_braces_that_is_there_is_no_pattern(tmp_path):
    file = write(tmp_path / "{stem}.png", 50)
    assert (Pairing(str(file))(Path("a.png")) == 50).all()


def test_a_frame_whose_template_is_missing_damaged_or_unnamed_says_so(tmp_path):
    pairing = Pairing(str(tmp_path / "{stem-_test}_temp.png"))
    with pytest.raises(ImageError, match=r"the template of 1_test\.png: 1_temp\.png: cannot be read"):
        pairing(Path("1_test.png"))
    (tmp_path / "2_temp.png").write_bytes(b"damaged")
    with pytest.raises(ImageError, match=r"the template of 2_test\.png: 2_temp\.png: no image"):
        pairing(Path("2_test.png"))
    for name in ("3_temp.png", "_test.png"):
        with pytest.raises(ImageError, match=rf"{name} has no template: expected a name that ends with _test\.png"):
            pairing(Path(name))


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("{name}.png", "got {name}"),
        ("{stm}.png", "got {stm}"),
        ("{}.png", r"got {}"),
        ("{parent-x}/a.png", "got {parent}"),
        ("a{.png", "got 'a{.png'"),
        ("{stem}}.png", "got '{stem}}.png'"),
    ],
)
def test_a_pattern_that_means_nothing_is_refused(text, got):
    with pytest.raises(DataError) as caught:
        Pairing(text)
    assert got in caught.value.message
    assert "stem" in caught.value.message


@pytest.mark.parametrize("text", ["missing.png", "missing/folder"])
def test_what_is_not_there_is_refused_before_any_frame(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"--template .*cannot be read") as caught:
        Pairing(text)
    assert "{stem}" in caught.value.hint


def test_templates_have_the_bits_of_the_frames(tmp_path):
    (tmp_path / "t.png").write_bytes(cv2.imencode(".png", np.full((8, 8), 4000, np.uint16))[1].tobytes())
    assert Pairing(str(tmp_path / "t.png"), bits=12)(Path("a.png")).max() == 4000 >> 4
