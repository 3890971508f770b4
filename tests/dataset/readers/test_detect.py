"""Which layout a folder has, told by looking."""

import pytest

from sightline.dataset import readers
from sightline.errors import DataError


def test_a_folder_that_fits_two_layouts_is_refused(tmp_path, picture):
    for name in ("images/a.png", "train/good/a.png", "test/dent/a.png"):
        picture(tmp_path / name)
    (tmp_path / "labels.csv").write_text("path,label\nimages/a.png,dent\n", encoding="utf-8")
    with pytest.raises(DataError, match="can be read as csv and as mvtec") as caught:
        readers.detect(tmp_path)
    assert "data.reader.kind=csv" in caught.value.hint


def test_an_index_is_taken_where_nothing_else_fits(tmp_path, picture):
    (tmp_path / "index.jsonl").write_text("", encoding="utf-8")
    assert readers.detect(tmp_path).kind == "index"


def test_masks_of_a_folder_of_their_own_are_found(tmp_path, picture):
    for name in ("images/good/1.png", "images/dent/2.png", "masks/dent/2_mask.png"):
        picture(tmp_path / name)
    settings = readers.detect(tmp_path)
    assert (settings.kind, settings.images, settings.mask_suffix) == ("masks", "images/{class}", "_mask.png")


def test_a_folder_of_data_sets_is_refused(tmp_path, picture):
    for name in ("bottle/train/good/1.png", "bottle/test/broken/1.png", "steel/scratch/1.png"):
        picture(tmp_path / name)
    with pytest.raises(DataError, match="is no data set itself, but holds some: bottle"):
        readers.detect(tmp_path)


def test_a_folder_around_the_class_folders_is_refused(tmp_path, picture):
    for name in ("steel/scratch/1.png", "steel/dent/1.png"):
        picture(tmp_path / name)
    with pytest.raises(DataError, match="holds one folder only, steel, and that holds dent, scratch") as caught:
        readers.detect(tmp_path)
    assert str(tmp_path / "steel") in caught.value.hint


@pytest.mark.parametrize("name", ["labels.csv", "annotations.json", "data.yaml", "notes.txt"])
def test_a_file_that_is_something_else_does_not_mislead(tmp_path, picture, name):
    for image in ("scratch/1.png", "dent/1.png"):
        picture(tmp_path / image)
    (tmp_path / name).write_text('["some text", 1]\n', encoding="utf-8")
    assert readers.detect(tmp_path).kind == "folders"


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="found no file at all") as caught:
        readers.detect(tmp_path)
    assert ".png" in caught.value.hint
