"""The contact sheet shows what training will see."""

import cv2
import numpy as np
import pytest

from sightline import image
from sightline.config.recipe import Augmentation, Data, Preprocess, Recipe
from sightline.dataset.preview import contact_sheet
from sightline.errors import DataError
from sightline.index import Index, Sample, Split

RED = (230, 57, 70)


@pytest.fixture
def index(tmp_path):
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    (tmp_path / "mask.png").write_bytes(image.png(mask))
    for name in ("good.png", "kratzer ß.png", "test.png"):
        (tmp_path / name).write_bytes(image.png(np.full((64, 64, 3), 120, np.uint8)))
    return Index.build(
        tmp_path,
        [
            Sample(path="good.png", split=Split.TRAIN),
            Sample(path="kratzer ß.png", labels=("Kratzer ß",), mask="mask.png", split=Split.TRAIN),
            Sample(path="test.png", labels=("other",), split=Split.TEST),
        ],
    )


@pytest.fixture
def recipe(index):
    flip = Augmentation(name="RandomBrightnessContrast", brightness_limit=[0.3, 0.4], p=1)
    return Recipe(name="sheet", data=Data(root=index.root), input=Preprocess(height=96, width=96), augment=(flip,))


def test_shows_each_class_of_the_train_part_plain_and_augmented(index, recipe, tmp_path):
    sheet = image.read(contact_sheet(index, recipe, tmp_path / "new folder" / "sheet.png", rows=2, columns=4))
    tile = 96 + 6
    assert sheet.shape == (2 * (tile + 22), 4 * tile, 3)  # two classes with one image each; the test part is not shown
    plain, changed = sheet[22 + 10, 20], sheet[22 + 10, tile + 20]
    assert plain.tolist() == [120, 120, 120]
    assert changed.mean() > 140


def test_draws_the_outline_of_the_mask_on_the_plain_image(index, recipe, tmp_path):
    sheet = image.read(contact_sheet(index, recipe, tmp_path / "sheet.png", columns=2))
    red = (sheet == RED).all(axis=2)
    rows, columns = np.nonzero(red)
    assert len(rows) > 50
    height = sheet.shape[0] // 2
    lines = {int(row) // height for row in rows}
    assert len(lines) == 1
    assert columns.max() < 102
    assert cv2.boundingRect(red.astype(np.uint8))[2:] == pytest.approx((30, 30), abs=3)


def test_the_outline_follows_a_padded_image_and_a_faint_mask_of_16_bits(index, recipe, tmp_path):
    mask = np.zeros((32, 64), np.uint16)
    mask[8:24, 16:48] = 1
    (tmp_path / "mask.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    (tmp_path / "kratzer ß.png").write_bytes(image.png(np.full((32, 64, 3), 120, np.uint8)))
    padded = recipe.model_copy(update={"input": Preprocess(height=96, width=96, fit="pad"), "augment": ()})
    sheet = image.read(contact_sheet(index, padded, tmp_path / "sheet.png", columns=1))
    rows, columns = np.nonzero((sheet == RED).all(axis=2))
    assert np.ptp(rows) + 1 == pytest.approx(24, abs=2)
    assert np.ptp(columns) + 1 == pytest.approx(48, abs=2)


def test_the_same_recipe_gives_the_same_sheet(index, recipe, tmp_path):
    first = contact_sheet(index, recipe, tmp_path / "a.png").read_bytes()
    assert contact_sheet(index, recipe, tmp_path / "b.png").read_bytes() == first


def test_refuses_an_empty_index_and_a_place_it_cannot_write(index, recipe, tmp_path):
    with pytest.raises(DataError, match="expected images"):
        contact_sheet(Index.build(index.root, []), recipe, tmp_path / "a.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        contact_sheet(index, recipe, tmp_path / "file" / "a.png")
