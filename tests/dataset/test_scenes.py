"""Scenes for the tasks that learn where defects are: the right patch, the same in any process."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sightline import image
from sightline.boxes import Boxes
from sightline.config import Recipe
from sightline.dataset import scenes as scenes_module
from sightline.dataset.loader import batches
from sightline.dataset.scene import Scene, cut
from sightline.dataset.scenes import Scenes, collated
from sightline.index import Box, Index, Sample

FLIPS = [{"name": "HorizontalFlip", "p": 0.5}, {"name": "RandomBrightnessContrast", "p": 0.5}]


@pytest.fixture
def index(tmp_path):
    """Six frames, 96 wide and 64 high, each with a bright 8 x 6 box but for the last, which is good."""
    draw = np.random.default_rng(0)
    samples = []
    for number in range(6):
        picture = draw.integers(60, 120, (64, 96, 3)).astype(np.uint8)
        x, y = (int(value) for value in draw.integers((0, 0), (88, 58)))
        boxes = (Box(x1=x, y1=y, x2=x + 8, y2=y + 6, label="dent"),) if number < 5 else ()
        picture[y : y + 6, x : x + 8] = 250 if boxes else picture[y : y + 6, x : x + 8]
        samples.append(written(tmp_path, f"{number}.png", picture, boxes=boxes))
    return Index.build(tmp_path, samples)


def written(root, name, picture, **fields):
    data = image.png(picture)
    (root / name).write_bytes(data)
    height, width = picture.shape[:2]
    labels = ("dent",) if fields.get("boxes") or fields.get("mask") else ()
    digest = hashlib.sha256(data).hexdigest()
    return Sample(path=name, labels=labels, digest=digest, width=width, height=height, **fields)


def recipe(**changes):
    values = {"name": "scenes", "task": "detect", "seed": 3, "data": {"root": "."}, "augment": FLIPS}
    return Recipe.model_validate({**values, "input": {"height": 64, "width": 96}, **changes})


def made(index, *, training=True, **changes):
    return Scenes(index, index.samples, recipe(**changes), training=training)


def same(one, other):
    assert np.array_equal(one.image, other.image)
    assert np.array_equal(one.types, other.types)
    assert np.array_equal(one.boxes.corners, other.boxes.corners)
    assert np.array_equal(one.boxes.classes, other.boxes.classes)
    assert (one.template is None) == (other.template is None)
    assert one.template is None or np.array_equal(one.template, other.template)


def test_marks_lie_on_the_defect_whole_and_in_patches(index):
    for scenes in (made(index, augment=[]), made(index, augment=[], localise={"crop": 32, "near_defects": 0.999})):
        for number in range(5):
            scene = scenes[0, number]
            bright = scene.image[..., 0] == 250
            assert np.array_equal(scene.types > 0, bright)
            x1, y1, x2, y2 = scene.boxes.corners[0].astype(int)
            assert bright[y1:y2, x1:x2].all()
            assert bright.sum() == (y2 - y1) * (x2 - x1) == 48, "a patch around a defect shows all of it"
        assert len(scenes[0, 5].boxes) == 0


@settings(deadline=None, max_examples=60)
@given(data=st.data(), size=st.integers(20, 90), wanted=st.integers(10, 60))
def test_a_patch_around_a_defect_shows_as_much_of_it_as_it_can(data, size, wanted):
    size = max(size, wanted)
    low = data.draw(st.floats(0, size - 1))
    high = data.draw(st.floats(low + 0.5, size))
    start = scenes_module._start(np.random.default_rng(data.draw(st.integers(0, 99))), size, wanted, (low, high))
    assert 0 <= start <= size - wanted
    seen = min(high, start + wanted) - max(low, start)
    assert seen >= min(high - low, wanted - 1) - 1e-6


def test_a_defect_larger_than_the_patch_is_still_asked_for(tmp_path):
    picture = np.full((64, 96, 3), 100, np.uint8)
    boxes = (Box(x1=2, y1=30, x2=94, y2=34, label="dent"),)
    index = Index.build(tmp_path, [written(tmp_path, "a.png", picture, boxes=boxes)])
    scenes = made(index, augment=[], localise={"crop": 32, "near_defects": 0.999})
    for epoch in range(20):
        ((x1, y1, x2, y2),) = scenes[epoch, 0].boxes.corners
        assert x2 - x1 == 32
        assert y2 - y1 == 4


def test_a_sliver_of_a_defect_is_not_asked_for():
    corners = np.array([[0, 0, 10, 10], [26, 0, 40, 10]], np.float32)
    blank = np.zeros((64, 64), np.uint8)
    scene = Scene(np.zeros((64, 64, 3), np.uint8), None, blank, Boxes(corners, np.ones(2, np.float32), np.arange(2)))
    assert cut(scene, 0, 8, 32, 20).boxes.classes.tolist() == []
    assert cut(scene, 0, 8, 32, 30).boxes.classes.tolist() == [1]
    assert cut(scene, 0, 5, 32, 30).boxes.corners.tolist() == [[0, 0, 5, 10], [21, 0, 30, 10]]


def test_a_frame_smaller_than_a_tile_is_padded_with_grey(tmp_path):
    boxes = (Box(x1=2, y1=2, x2=8, y2=6, label="dent"),)
    index = Index.build(tmp_path, [written(tmp_path, "a.png", np.full((20, 30, 3), 50, np.uint8), boxes=boxes)])
    tiled = {"height": 64, "width": 64, "tiles": {"overlap": 8}}
    for training in (True, False):
        scene = made(index, training=training, augment=[], input=tiled)[0, 0]
        assert scene.image.shape == (64, 64, 3)
        assert (scene.image[:20, :30] == 50).all()
        assert (scene.image[20:] == image.PAD_GREY).all()
        assert scene.types[20:].sum() == 0
        assert scene.boxes.corners.tolist() == [[2, 2, 8, 6]]


@pytest.mark.parametrize(("height", "width"), [(70, 100), (64, 97), (33, 64)])
def test_patches_of_tiled_frames_show_what_tiles_show(tmp_path, height, width):
    """Tiles lie on a grid of 32 pixels, so that the last ones reach beyond the frame: that too is trained on."""
    rows, columns = np.indices((height, width))
    picture = np.dstack([rows, columns, np.full_like(rows, 200)])
    index = Index.build(tmp_path, [written(tmp_path, "a.png", picture.astype(np.uint8))])
    scenes = made(index, augment=[], input={"height": 64, "width": 64, "tiles": {"overlap": 8}})
    windows = image.plan((height, width), (64, 64), 8)
    tops, lefts = set(), set()
    for epoch in range(300):
        scene = scenes[epoch, 0]
        top, left = (int(value) for value in scene.image[0, 0, :2])
        tops.add(top)
        lefts.add(left)
        assert np.array_equal(scene.image, image.cut(scenes.whole(0).image, image.Window(top, left), (64, 64)))
        assert not scene.types.any()
    assert {max(tops), max(lefts)} == {windows[-1].top, windows[-1].left}
    assert min(tops) == min(lefts) == 0


@pytest.mark.parametrize("cache", [True, False])
def test_randomness_hangs_on_seed_epoch_and_sample_alone(index, cache):
    local = {"crop": 32}
    scenes = made(index, localise=local, train={"cache": cache})
    first = scenes[2, 1]
    scenes[5, 4], scenes[2, 0]
    same(scenes[2, 1], first)
    same(made(index, localise=local)[2, 1], first)
    assert not np.array_equal(scenes[3, 1].image, first.image)
    assert not np.array_equal(made(index, localise=local, seed=4)[2, 1].image, first.image)


def test_other_parts_are_neither_augmented_nor_new_each_epoch(index):
    scenes = made(index, training=False, input={"height": 64, "width": 64, "tiles": {"overlap": 8}})
    same(scenes[0, 1], scenes[7, 1])
    assert scenes[0, 1].image.shape == (64, 64, 3)


def test_tiled_frames_are_validated_on_several_patches_each(index):
    """One alone would often lie around the defect, and false alarms on plain surface would choose no epoch."""
    tiled = {"height": 64, "width": 64, "tiles": {"overlap": 8}}
    scenes = made(index, training=False, input=tiled)
    assert (len(scenes), len(scenes.samples)) == (24, 6)
    for sample in range(6):
        whole, patches = scenes.whole(sample).image, [scenes[0, 4 * sample + patch] for patch in range(4)]
        places = {shown_at(patch.image, whole) for patch in patches}
        assert len(places) > 1
    shown = [bool(scenes[0, number].types.any()) for number in range(20)]
    assert any(shown)
    assert not all(shown)
    assert len(made(index, input=tiled)) == len(made(index, training=False)) == 6
    same(made(index, training=False, input=tiled, train={"cache": False})[3, 17], scenes[0, 17])


def shown_at(patch, whole):
    """Where a patch was cut out of a frame."""
    views = np.lib.stride_tricks.sliding_window_view(whole[..., 0], (16, 16))
    ((top, left),) = np.argwhere((views == patch[:16, :16, 0]).all((2, 3)))
    return int(top), int(left)


def test_what_lies_in_an_ignored_region_is_not_taught(index):
    ignored = [[[0, 0], [96, 0], [96, 40], [0, 40]]]
    scenes = made(index, augment=[], input={"height": 64, "width": 96, "ignore": ignored})
    for number, sample in enumerate(index.samples[:5]):
        scene = scenes[0, number]
        assert not scene.types[:40].any()
        below = min(1.0, (sample.boxes[0].y2 - 40) / 6)
        assert len(scene.boxes) == (below > 0.34)


def test_an_empty_mask_teaches_nothing(tmp_path):
    (tmp_path / "mask.png").write_bytes(image.png(np.zeros((64, 96), np.uint8)))
    empty = written(tmp_path, "a.png", np.full((64, 96, 3), 9, np.uint8), mask="mask.png")
    good = written(tmp_path, "b.png", np.full((64, 96, 3), 10, np.uint8))
    scenes = made(Index.build(tmp_path, [empty, good]))
    assert [sample.path for sample in scenes.samples] == ["b.png"]
    assert len(scenes) == 1


def test_a_template_is_cut_and_turned_with_its_frame(tmp_path):
    """The template is the frame, negated; that must stay so."""
    draw = np.random.default_rng(0)
    samples = []
    for number in range(2):
        picture = draw.integers(0, 256, (64, 96, 3)).astype(np.uint8)
        (tmp_path / f"{number}_template.png").write_bytes(image.png(255 - picture))
        template = f"{number}_template.png"
        samples.append(written(tmp_path, f"{number}.png", picture, template=template))
    scenes = made(
        Index.build(tmp_path, samples), augment=[{"name": "D4"}], template={"compared": True}, localise={"crop": 48}
    )
    turned = set()
    for epoch in range(12):
        scene = scenes[epoch, 0]
        assert np.array_equal(scene.template, 255 - scene.image)
        turned.add(scene.image.tobytes())
    assert len(turned) > 8
    images, templates, types, boxes = collated([scenes[0, 0], scenes[0, 1]])
    assert images.shape == templates.shape == (2, 48, 48, 3)
    assert types.shape == (2, 48, 48)
    assert boxes.tolist() == [[[-1] * 5]] * 2


def test_a_batch_holds_the_boxes_of_each_image(index):
    scenes = made(index, augment=[])
    images, templates, types, boxes = collated([scenes[0, number] for number in (5, 0)])
    assert templates is None
    assert images.dtype == types.dtype == torch.uint8
    assert boxes.shape == (2, 1, 5)
    assert boxes[0, 0].tolist() == [-1] * 5
    assert boxes[1, 0].tolist() == [*scenes[0, 0].boxes.corners[0].tolist(), 0]


def test_frames_cut_at_their_own_size_are_counted_at_it(tmp_path):
    sizes = ((40, 40), (200, 300))
    samples = [written(tmp_path, f"{h}.png", np.full((h, w, 3), h, np.uint8)) for h, w in sizes]
    scenes = made(Index.build(tmp_path, samples), input={"height": 64, "width": 64, "tiles": {"overlap": 8}})
    whole = [scenes.whole(number) for number in range(2)]
    assert scenes._bytes(whole[0]) == pytest.approx(sum(one.bytes for one in whole))


def test_scenes_that_do_not_fit_in_memory_are_read_again(index, monkeypatch):
    monkeypatch.setattr(scenes_module, "MEMORY_SHARE", 0)
    read = made(index)
    assert read._cached is None
    monkeypatch.undo()
    same(read[1, 2], made(index)[1, 2])


def test_scenes_travel_to_processes_that_are_started_anew(index):
    scenes = made(index, localise={"crop": 32}, train={"cache": False})
    again = pickle.loads(pickle.dumps(scenes))
    same(again[4, 2], scenes[4, 2])


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(index):
    def rounds(workers):
        settings = recipe(train={"batch_size": 2, "workers": workers}).train
        loader = batches(made(index, localise={"crop": 32}), settings, seed=1, first_epoch=1, collated=collated)
        return [[part for part in batch if part is not None] for batch in loader]

    for some, others in zip(rounds(0), rounds(2), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def test_defects_are_pasted_as_often_as_asked_and_never_elsewhere(index):
    never, half, always = (made(index, localise={"paste": share}) for share in (0, 0.5, 0.999))
    good = next(number for number, sample in enumerate(always.samples) if sample.good)
    assert all(not len(never[epoch, good].boxes) for epoch in range(40))
    assert sum(len(always[epoch, good].boxes) for epoch in range(40)) >= 38
    assert 8 <= sum(len(half[epoch, good].boxes) for epoch in range(40)) <= 32  # less than once in ten thousand
    same(always[3, good], made(index, localise={"paste": 0.999})[3, good])
    assert not len(made(index, training=False, localise={"paste": 0.999})[0, good].boxes)


def test_nothing_is_pasted_upon_what_is_compared_with_a_template(index):
    with pytest.raises(ValidationError, match=r"localise\.paste: what is pasted would not lie upon the template"):
        recipe(localise={"paste": 0.5}, template={"compared": True})
