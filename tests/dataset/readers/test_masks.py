"""Class folders with masks, found by patterns."""

import numpy as np
import pytest
from pydantic import ValidationError

from sightline import image
from sightline.config.readers import MasksReader
from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.dataset.readers import detect
from sightline.errors import DataError


def test_the_class_may_be_a_part_of_a_folders_name(tmp_path, picture, read):
    for name in ("MT_Crack/Imgs/1.jpg", "MT_Crack/Imgs/1.png", "MT_Free/Imgs/2.jpg", "other/Imgs/3.jpg"):
        picture(tmp_path / name)
    index = read("masks", images="MT_{class}/Imgs", masks="MT_{class}/Imgs", good=["Free"])
    assert {sample.path: (sample.labels, sample.mask) for sample in index.samples} == {
        "MT_Crack/Imgs/1.jpg": (("Crack",), "MT_Crack/Imgs/1.png"),
        "MT_Free/Imgs/2.jpg": ((), None),
    }


def test_masks_may_lie_in_a_folder_of_their_own(tmp_path, picture, read):
    for name in ("images/dent/1.png", "images/good/1.png", "masks/dent/1_mask.png"):
        picture(tmp_path / name)
    index = read("masks", images="images/{class}", masks="masks/{class}", image_suffix=".png", mask_suffix="_mask.png")
    assert [sample.mask for sample in index.samples] == ["masks/dent/1_mask.png", None]


def test_the_value_above_which_masks_mark_goes_with_each_mask(tmp_path, picture, read):
    for name in ("images/dent/1.png", "images/good/1.png", "masks/dent/1.png"):
        picture(tmp_path / name)
    settings = {"images": "images/{class}", "masks": "masks/{class}", "image_suffix": ".png"}
    index = read("masks", marked_above=127, **settings)
    assert [sample.mask_above for sample in index.samples] == [127, 0]
    index.save(tmp_path / "index.jsonl")
    assert [sample.mask_above for sample in read("index").samples] == [127, 0]
    with pytest.raises(DataError, match=r"data\.marked_above is 127, but no image has a black and white mask"):
        read("masks", marked_above=127, good=["good"], ignore=["dent"], **settings)


def test_a_mask_beside_its_image_is_no_image(tmp_path, picture, read):
    for name in ("dent/1.png", "dent/1_mask.png", "dent/2.png"):
        picture(tmp_path / name)
    index = read("masks", images="{class}", masks="{class}", image_suffix=".png", mask_suffix="_mask.png")
    assert [sample.path for sample in index.samples] == ["dent/1.png", "dent/2.png"]


def test_missing_masks_and_other_endings_are_reported(tmp_path, picture, read, caplog):
    for name in ("dent/Imgs/1.jpg", "dent/Imgs/1.png", "dent/Imgs/2.jpg", "scratch/Imgs/3.bmp"):
        picture(tmp_path / name)
    assert len(read("masks").samples) == 2
    assert "1 of 2 images without a mask: 2.jpg" in caplog.text
    assert "holds no image that ends in .jpg" in caplog.text


def test_masks_of_no_image_are_named_and_are_no_images(tmp_path, picture, read, caplog):
    for name in ("dent/1.png", "dent/1_mask.png", "dent/9_mask.png"):
        picture(tmp_path / name)
    index = read("masks", images="{class}", masks="{class}", image_suffix=".png", mask_suffix="_mask.png")
    assert [sample.path for sample in index.samples] == ["dent/1.png"]
    assert "1 mask that no image goes with, left out: dent/9_mask.png" in caplog.text


def test_a_pattern_without_a_match_says_what_is_there(tmp_path, picture, read):
    picture(tmp_path / "dent" / "1.png")
    with pytest.raises(DataError, match=r"expected folders like \{class\}/Imgs in .*, found dent"):
        read("masks")


@pytest.mark.parametrize(
    "settings",
    [{"images": "Imgs"}, {"images": "{class}/{class}"}, {"masks": "{class}/{class}"}, {"mask_suffix": ".JPG"}],
)
def test_a_pattern_that_cannot_work_is_refused(settings):
    with pytest.raises(ValidationError):
        MasksReader.model_validate({"kind": "masks", **settings})


def test_masks_beside_the_images_of_class_folders_are_told_by_their_two_levels(tmp_path, picture):
    random = np.random.default_rng(0)
    for name in ("good/1.jpg", "dent/1.jpg", "dent/2.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(image.png(random.integers(0, 255, (16, 16, 3), np.uint8)))
    for name in ("dent/1.png", "dent/2.png"):
        (tmp_path / name).write_bytes(image.png((random.random((16, 16)) > 0.5).astype(np.uint8) * 255))
    found = detect(tmp_path)
    assert (found.kind, found.images, found.masks) == ("masks", "{class}", "{class}")
    index = readers.read(Data(root=tmp_path, reader=found))
    assert [(sample.path, sample.mask) for sample in index.samples] == [
        ("dent/1.jpg", "dent/1.png"),
        ("dent/2.jpg", "dent/2.png"),
        ("good/1.jpg", None),
    ]


def test_pictures_of_the_same_name_are_no_masks_and_are_questioned(tmp_path, caplog):
    random = np.random.default_rng(0)
    (tmp_path / "good").mkdir()
    for name in ("good/1.jpg", "good/1.png"):
        (tmp_path / name).write_bytes(image.png(random.integers(0, 255, (16, 16, 3), np.uint8)))
    found = detect(tmp_path)
    assert found.kind == "folders"
    assert len(readers.read(Data(root=tmp_path, reader=found)).samples) == 2
    assert "1 image of the same name as another" in caplog.text


VALUES = {"images": "images", "masks": "masks", "image_suffix": ".png", "values": {1: "scratch", 2: "dent"}}


@pytest.fixture
def numbered(tmp_path, picture):
    """Writes images/NAME.png and masks/NAME.png that holds some values, one a row."""

    def write(name, *values, suffix=".png"):
        picture(tmp_path / "images" / f"{name}.png", width=4, height=max(1, len(values)))
        rows = np.repeat(np.array([values], np.uint8).T, 4, axis=1)
        (tmp_path / "masks").mkdir(exist_ok=True)
        (tmp_path / "masks" / f"{name}{suffix}").write_bytes(image.png(rows))

    return write


def test_values_of_masks_tell_what_an_image_shows(numbered, picture, read, tmp_path, caplog):
    numbered("a", 0, 2, 1)
    numbered("b", 0, 0)
    picture(tmp_path / "images" / "c.png")
    first, second, third = read("masks", **VALUES).samples
    assert (first.labels, first.mask, first.mask_values) == (
        ("dent", "scratch"),
        "masks/a.png",
        {1: "scratch", 2: "dent"},
    )
    assert (second.labels, second.mask, second.mask_values) == ((), "masks/b.png", {})
    assert (third.labels, third.mask) == ((), None)
    assert "1 of 3 images without a mask, which therefore count as good: c.png" in caplog.text


@pytest.mark.parametrize("name", ["00O", "B", "c_mask"])
def test_a_misnamed_mask_does_not_make_its_image_good(numbered, read, tmp_path, name):
    numbered("a", 0, 2, 1)
    numbered("b", 0, 1)
    (tmp_path / "masks" / "b.png").rename(tmp_path / "masks" / f"{name}.png")
    if name == "B":  # capitals do not matter
        assert [sample.labels for sample in read("masks", **VALUES).samples] == [("dent", "scratch"), ("scratch",)]
        return
    with pytest.raises(DataError, match=rf"1 mask in .* that no image goes with: masks/{name}\.png") as caught:
        read("masks", **VALUES)
    assert "count as good" in caught.value.hint


def test_values_go_by_the_names_of_the_recipe(numbered, read):
    numbered("a", 0, 2, 1)
    (sample,) = read("masks", **VALUES, good=["dent"], rename={"scratch": "Kratzer"}).samples
    assert (sample.labels, sample.mask_values) == (("Kratzer",), {1: "Kratzer"})


def test_values_need_no_folder_for_each_class_and_may_have_folders(picture, read, tmp_path):
    for part in ("train", "val"):
        picture(tmp_path / part / "images" / f"{part}.jpg")
        picture(tmp_path / part / "masks" / f"{part}.png", value=1)
    settings = {"images": "{class}/images", "masks": "{class}/masks", "values": {1: "scratch"}}
    assert [sample.labels for sample in read("masks", **settings).samples] == [("scratch",), ("scratch",)]


def test_masks_of_class_numbers_have_no_value_to_mark_above(numbered, read):
    numbered("a", 0, 1)
    with pytest.raises(DataError, match="no image has a black and white mask"):
        read("masks", marked_above=1, **VALUES)


def test_a_value_that_is_no_class_is_named_with_its_file(numbered, read):
    numbered("a", 0, 1, 7, 255)
    with pytest.raises(
        DataError, match=r"masks/a\.png: no class has the value 7, 255; expected 0 and 1 \(scratch\), 2"
    ):
        read("masks", **VALUES)


def test_a_mask_of_colours_holds_no_values(tmp_path, picture, read):
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(image.png(np.full((30, 40, 3), (1, 0, 2), np.uint8)))
    with pytest.raises(DataError, match=r"masks/a\.png: expected a mask of one number a pixel, got colours"):
        read("masks", **VALUES)


def test_values_without_any_mask_do_not_make_every_part_good(numbered, read):
    numbered("a", 1, suffix="_other.png")
    with pytest.raises(DataError, match=r"expected masks like masks/\*\.png in .*, for they tell what the images show"):
        read("masks", **VALUES)


@pytest.mark.parametrize(
    "settings",
    [{"values": {0: "scratch"}}, {"values": {1: ""}}, {"values": {"one": "scratch"}}, {**VALUES, "masks": "{class}"}],
)
def test_values_that_cannot_be_are_refused(settings):
    with pytest.raises(ValidationError):
        MasksReader.model_validate({"kind": "masks", **settings})
