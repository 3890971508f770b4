"""A folder per class, and the walk below every reader that looks for images."""

import os

import pytest

from sightline.errors import DataError


def test_two_classes_that_differ_in_case_are_refused(picture, read, tmp_path):
    picture(tmp_path / "scratch" / "a.png")
    picture(tmp_path / "Scratch" / "b.png")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system does not tell case")
    with pytest.raises(DataError, match="'Scratch' and 'scratch' differ in case only") as caught:
        read()
    assert "data.rename" in caught.value.hint
    assert read(rename={"Scratch": "scratch"}).counts() == {"scratch": 2}


def test_a_class_folder_without_images_is_reported(picture, read, tmp_path, caplog):
    picture(tmp_path / "scratch" / "a.png")
    (tmp_path / "dent").mkdir()
    assert read().classes == ("scratch",)
    assert "dent holds no image" in caplog.text


def test_images_beside_the_class_folders_are_reported(picture, read, tmp_path, caplog):
    picture(tmp_path / "scratch" / "a.png")
    picture(tmp_path / "overview.png")
    assert [sample.path for sample in read().samples] == ["scratch/a.png"]
    assert "1 image in no class folder" in caplog.text
    assert "overview.png" in caplog.text


def test_images_without_any_class_folder_are_refused(picture, read, tmp_path):
    picture(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"found 1 image without one: a\.png"):
        read()


def test_parts_are_no_classes(picture, read, tmp_path):
    picture(tmp_path / "train" / "scratch" / "a.png")
    picture(tmp_path / "Test" / "scratch" / "a.png")
    with pytest.raises(DataError, match="found Test, train, which are parts") as caught:
        read()
    assert "kind=mvtec" in caught.value.hint


def test_a_folder_of_other_files_says_what_it_holds(read, tmp_path):
    (tmp_path / "scratch").mkdir()
    for name in ("a.dcm", "b.dcm", "README"):
        (tmp_path / "scratch" / name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"found 2 \.dcm, 1 no suffix"):
        read()


def test_a_root_that_is_a_file_is_refused(read, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataError, match="found a file"):
        read(root=tmp_path / "file")


@pytest.fixture
def link():
    """Makes a link, or skips where the system allows none."""

    def make(path, target):
        try:
            path.symlink_to(target, target_is_directory=True)
        except OSError:
            pytest.skip("no links can be made here")

    return make


def test_links_that_go_round_end(picture, read, tmp_path, link):
    picture(tmp_path / "scratch" / "a.png")
    link(tmp_path / "scratch" / "again", tmp_path)
    link(tmp_path / "scratch" / "self", tmp_path / "scratch" / "self")
    assert [sample.path for sample in read().samples] == ["scratch/a.png"]


def test_a_linked_folder_is_read(picture, read, tmp_path, link):
    elsewhere = picture(tmp_path / "elsewhere" / "a.png").parent
    (tmp_path / "root").mkdir()
    link(tmp_path / "root" / "scratch", elsewhere)
    assert [sample.path for sample in read(root=tmp_path / "root").samples] == ["scratch/a.png"]


def test_a_link_to_nothing_is_reported(picture, read, tmp_path, link, caplog):
    picture(tmp_path / "scratch" / "a.png")
    link(tmp_path / "scratch" / "b.png", tmp_path / "gone.png")
    assert len(read().samples) == 1
    assert "b.png is a link to nothing" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_refused(picture, read, tmp_path):
    image = picture(tmp_path / "scratch" / "a.png")
    try:
        image.rename(os.fsdecode(os.fsencode(tmp_path / "scratch") + b"/\xff.png"))
    except OSError:
        pytest.skip("this file system takes only text")
    with pytest.raises(DataError, match="is not valid UTF-8"):
        read()
