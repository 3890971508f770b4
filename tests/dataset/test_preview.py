"""The contact sheet shows what training will see."""

import cv2
import numpy as np
import pytest

from sightline import image
from sightline.config.recipe import Augmentation, Data, Preprocess, Recipe
from sightline.dataset.preview import _chosen, contact_sheet
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


def local(recipe, task="detect", **changes):
    """The recipe for a task that learns where defects are."""
    values = recipe.model_dump(by_alias=True, exclude_unset=True) | {"task": task, "augment": []}
    return Recipe.model_validate(values | changes)


def count(sheet, colour):
    return int((sheet == colour).all(axis=2).sum())


def scaled_index(index):
    """The index with the size of its images, which a scan would have filled in."""
    return index.with_samples(s.model_copy(update={"width": 64, "height": 64}) for s in index.samples)


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_marks_are_drawn_on_every_picture_of_a_localising_task(index, recipe, tmp_path, task):
    turns = [Augmentation(name="RandomRotate90", p=1)]
    sheet = image.read(
        contact_sheet(scaled_index(index), local(recipe, task, augment=turns), tmp_path / "s.png", columns=4)
    )
    tile, height = 96 + 6, sheet.shape[0] // 2
    for column in range(4):
        part = sheet[:height, column * tile : (column + 1) * tile]
        assert count(part, RED) > 80
        assert count(sheet[height:, column * tile : (column + 1) * tile], RED) == 0


def test_patches_are_shown_as_they_are_trained_on(index, recipe, tmp_path):
    cropped = local(recipe, localise={"crop": 48, "near_defects": 0.99})
    sheet = image.read(contact_sheet(scaled_index(index), cropped, tmp_path / "s.png", columns=3))
    plain, patch = sheet[22 : 22 + 96, 6 : 6 + 96], sheet[22 : 22 + 96, 6 + 102 : 6 + 102 + 96]
    box = np.array([cv2.boundingRect((one == RED).all(axis=2).astype(np.uint8))[2:] for one in (plain, patch)])
    assert box[0].tolist() == [30, 30]
    assert box[1].tolist() == [60, 60], "a patch half as large shows it twice as large"


def test_what_nobody_looks_at_is_hatched_and_the_region_cut(index, recipe, tmp_path):
    spec = {"height": 96, "width": 96, "roi": [[0, 0], [32, 0], [32, 32], [0, 32]]}
    ignoring = spec | {"ignore": [[[0, 0], [16, 0], [16, 32], [0, 32]]]}
    cut, hatched = (
        image.read(contact_sheet(scaled_index(index), local(recipe, input=one), tmp_path / "s.png", columns=1))
        for one in (spec, ignoring)
    )
    assert cut[22 + 10, 20].tolist() == [120, 120, 120]
    assert hatched[22:118, 6:54].std() > hatched[22 + 96 + 6 + 22 : -6, 60:100].std()
    assert {tuple(pixel) for pixel in hatched[30:60, 10:40].reshape(-1, 3).tolist()} == {(114,) * 3, (48, 52, 63)}
    assert (hatched[124 + 30 : 124 + 60, 60:100] == 120).all()


def test_the_template_stands_beside_its_frame(index, recipe, tmp_path):
    (tmp_path / "template.png").write_bytes(image.png(np.full((64, 64, 3), 200, np.uint8)))
    paired = local(recipe, template={"variants": {"only": tmp_path / "template.png"}, "choose": "name"})
    sheet = image.read(contact_sheet(scaled_index(index), paired, tmp_path / "s.png", columns=4))
    assert [int(sheet[22 + 10, x].mean()) for x in (20, 6 + 96 + 20, 6 + 193 + 20, 6 + 193 + 6 + 96 + 20)] == [
        120,
        200,
        120,
        200,
    ]


def test_an_unmarked_defect_is_shown_once(index, recipe, tmp_path):
    rows = [sample.model_copy(update={"mask": None}) for sample in scaled_index(index).samples]
    sheet = image.read(contact_sheet(index.with_samples(rows), local(recipe), tmp_path / "s.png", columns=3))
    half = sheet.shape[0] // 2
    assert (sheet[:half, 110:] == sheet[half - 1, -1]).all()
    assert not (sheet[half:, 110:] == sheet[half - 1, -1]).all()


def test_an_image_that_shows_several_types_is_shown_for_one(index, recipe, tmp_path):
    both = Sample(path="good.png", labels=("Kratzer ß", "dent"), split=Split.TRAIN)
    rows = [both, *(s.model_copy(update={"split": Split.TRAIN}) for s in index.samples if not s.good)]
    several = Index.build(index.root, rows)
    lines = _chosen(several, several.samples, recipe, 1)
    assert [(name, sample.path) for name, sample in lines] == [
        ("Kratzer ß", "good.png"),
        ("dent", "good.png"),
        ("other", "test.png"),
    ]
    lines = _chosen(several, several.samples, recipe, 2)
    assert [sample.path for _, sample in lines[:3]] == ["good.png", "kratzer ß.png", "good.png"]
