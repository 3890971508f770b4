"""A file is there whole or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest

from sightline import image
from sightline.files import PNG_MARK, signed, write_whole


def test_what_is_written_is_there_and_nothing_else(tmp_path):
    path = tmp_path / "new folder" / "ä b.json"
    write_whole(path, b"one")
    write_whole(path, memoryview(b"two"))
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch, error):
    path = tmp_path / "a.json"
    write_whole(path, b"old")

    def fail(_):
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(error)):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_told_by_the_system(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file" / "below.json", b"new")


@pytest.mark.parametrize("folder", [".", "", "/", "new folder"])
def test_a_folder_is_no_place_for_a_file(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new folder").mkdir()
    with pytest.raises(IsADirectoryError, match="expected a file, got a folder"):
        write_whole(Path(folder), b"new")


def test_a_signed_picture_is_the_same_picture():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    png = signed(image.png(picture))
    assert PNG_MARK in png
    assert (image.decode(png, name="signed.png") == picture).all()
