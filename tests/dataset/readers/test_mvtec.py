"""The layout of MVTec AD, and sets whose classes lie inside train and test."""

import pytest

from sightline.errors import DataError
from sightline.index import Split


@pytest.fixture
def bottle(tmp_path, picture):
    for name in ("train/good/000.png", "test/good/000.png", "test/broken/000.png", "test/broken/001.png"):
        picture(tmp_path / name)
    picture(tmp_path / "ground_truth/broken/000_mask.png")
    return tmp_path


def test_the_test_folder_stays_the_test_part(bottle, read):
    splits = {sample.path: sample.split for sample in read("mvtec").samples}
    assert {path for path, split in splits.items() if split is Split.TEST} == {
        "test/good/000.png",
        "test/broken/000.png",
        "test/broken/001.png",
    }
    assert splits["train/good/000.png"] is None


def test_or_is_divided_anew(bottle, read):
    assert {sample.split for sample in read("mvtec", keep_split=False).samples} == {None}


def test_a_mask_is_found_by_its_name_and_a_missing_one_is_reported(bottle, read, caplog):
    masks = {sample.path: sample.mask for sample in read("mvtec").samples}
    assert masks["test/broken/000.png"] == "ground_truth/broken/000_mask.png"
    assert masks["test/broken/001.png"] is None
    assert "1 defective image in" in caplog.text


def test_any_class_may_stand_in_any_part(tmp_path, picture, read):
    for name in ("train/ok_front/1.png", "train/def_front/2.png", "validation/ok_front/3.png", "test/def_front/1.png"):
        picture(tmp_path / name)
    assert read("mvtec", good=["OK_front"]).counts() == {"good": 2, "def_front": 2}


def test_images_outside_of_a_class_are_refused(bottle, read, picture):
    picture(bottle / "test" / "stray.png")
    with pytest.raises(DataError, match=r"expected a folder per class in .*test, found the image stray\.png"):
        read("mvtec")


def test_a_folder_of_products_is_refused(bottle, read):
    with pytest.raises(DataError, match="expected the folders train and test") as caught:
        read("mvtec", root=bottle.parent)
    assert "one product" in caught.value.hint
