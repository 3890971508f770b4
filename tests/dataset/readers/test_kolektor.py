"""The layouts of KolektorSDD and KolektorSDD2: a mask beside each image says whether it is defective."""

import pytest

from sightline.errors import DataError
from sightline.index import Split


@pytest.fixture
def first(tmp_path, picture):
    """KolektorSDD: two items, with a defect on one side of the first."""
    for item, side, value in (("kos01", 0, 255), ("kos01", 1, 0), ("kos02", 0, 0)):
        picture(tmp_path / item / f"Part{side}.jpg")
        picture(tmp_path / item / f"Part{side}_label.bmp", value=value)
    return tmp_path


@pytest.fixture
def second(tmp_path, picture):
    """KolektorSDD2, with the stray copies of an image and its mask that its archive holds."""
    for part, number, value in (("train", 10000, 0), ("train", 10301, 1), ("test", 20000, 255)):
        picture(tmp_path / part / f"{number}.png")
        picture(tmp_path / part / f"{number}_GT.png", value=value)
    for name in ("10301 (copy).png", "10301_GT (copy).png"):
        picture(tmp_path / "train" / name)
    return tmp_path


def test_a_mask_with_any_pixel_says_defective(first, read):
    found = {sample.path: (sample.labels, sample.mask) for sample in read("kolektor").samples}
    assert found == {
        "kos01/Part0.jpg": (("defective",), "kos01/Part0_label.bmp"),
        "kos01/Part1.jpg": ((), None),
        "kos02/Part0.jpg": ((), None),
    }


def test_the_sides_of_an_item_belong_together(first, read):
    samples = read("kolektor").samples
    assert [sample.group for sample in samples] == ["kos01", "kos01", "kos02"]
    assert {sample.split for sample in samples} == {None}


def test_the_division_of_the_second_set_is_kept(second, read, caplog):
    samples = read("kolektor").samples
    assert {sample.path: sample.split for sample in samples} == {
        "train/10000.png": Split.TRAIN,
        "train/10301.png": Split.TRAIN,
        "test/20000.png": Split.TEST,
    }
    assert [sample.good for sample in samples] == [False, True, False]  # by path: the test part comes first
    assert {sample.group for sample in samples} == {""}
    assert "10301 (copy).png, train/10301_GT (copy).png" in caplog.text
    assert {sample.split for sample in read("kolektor", keep_split=False).samples} == {None}


def test_a_mask_without_an_image_is_refused(first, read):
    (first / "kos02" / "Part0.jpg").unlink()
    with pytest.raises(DataError, match=r"1 mask in .* without an image: kos02/Part0_label\.bmp"):
        read("kolektor")
