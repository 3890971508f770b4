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
    assert splits["train/good/000.png"] is Split.TRAIN  # never moved into test, even if it looks like an image of it


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


@pytest.fixture
def can(tmp_path, picture):
    """MVTec AD 2: a number in the test part is one scene under several lights; the private parts have no labels."""
    for name in (
        "train/good/000_regular.png",
        "validation/good/000_regular.png",
        "test_public/good/000_regular.png",
        "test_public/bad/000_regular.png",
        "test_public/bad/000_overexposed.png",
        "test_public/ground_truth/bad/000_regular_mask.png",
        "test_public/ground_truth/bad/000_overexposed_mask.png",
        "test_private/000_regular.png",
        "test_private_mixed/000_mixed.png",
    ):
        picture(tmp_path / name)
    return tmp_path


def test_the_second_set_keeps_its_parts_and_masks(can, read, caplog):
    found = {sample.path: (sample.split, sample.mask) for sample in read("mvtec").samples}
    assert found == {
        "train/good/000_regular.png": (Split.TRAIN, None),
        "validation/good/000_regular.png": (Split.CALIBRATE, None),
        "test_public/good/000_regular.png": (Split.TEST, None),
        **{
            f"test_public/bad/000_{light}.png": (Split.TEST, f"test_public/ground_truth/bad/000_{light}_mask.png")
            for light in ("regular", "overexposed")
        },
    }
    assert caplog.messages == []
    assert {sample.split for sample in read("mvtec", keep_split=False).samples} == {None}


def test_the_lights_of_a_scene_belong_together(can, read):
    groups = [sample.group for sample in read("mvtec").samples]
    assert sorted(groups) == [
        "test_public/bad/000",
        "test_public/bad/000",
        "test_public/good/000",
        "train/good/000",
        "validation/good/000",
    ]


def test_ok_is_good_and_masks_may_have_the_name_of_their_image(tmp_path, picture, read, caplog):
    for name in ("train/ok/0000.bmp", "test/ok/0000.bmp", "test/ko/0000.bmp", "test/ko/0001.bmp"):
        picture(tmp_path / name)
    picture(tmp_path / "ground_truth/ko/0000.png")
    picture(tmp_path / "ground_truth/ko/0001.bmp")
    index = read("mvtec")
    assert index.counts() == {"good": 2, "ko": 2}
    assert {sample.path: sample.mask for sample in index.samples if sample.mask} == {
        "test/ko/0000.bmp": "ground_truth/ko/0000.png",
        "test/ko/0001.bmp": "ground_truth/ko/0001.bmp",
    }
    assert caplog.messages == []
