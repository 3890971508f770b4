"""What training is fed: the same at any time and with any number of processes."""

import hashlib
import pickle

import numpy as np
import pytest
import torch

from sightline import image
from sightline.config import Augmentation, Preprocess
from sightline.config.recipe import Training
from sightline.dataset.augment import Pipeline
from sightline.dataset.loader import EpochOrder, ImageDataset, batches, mixed
from sightline.errors import DataError, ImageError
from sightline.index import Index, Sample

SPEC = Preprocess(height=32, width=48)


@pytest.fixture
def index(tmp_path):
    draw = np.random.default_rng(0)
    samples = []
    for number in range(9):
        name = f"ä {number}.png"
        data = image.png(draw.integers(0, 256, (40, 60, 3)).astype(np.uint8))
        (tmp_path / name).write_bytes(data)
        samples.append(Sample(path=name, digest=hashlib.sha256(data).hexdigest()))
    return Index.build(tmp_path, samples)


def dataset(index, **options):
    targets = np.eye(len(index.samples), dtype=np.float32)
    return ImageDataset(index, index.samples, targets, SPEC, **options)


def augmented(index, **options):
    noise = Augmentation(name="GaussNoise", std_range=[0.1, 0.2], p=1)
    return dataset(index, augment=Pipeline([noise], SPEC), seed=5, **options)


def round_of(loader, epoch):
    loader.sampler.set_epoch(epoch)
    return [(images.clone(), targets.clone()) for images, targets in loader]


def same(some, others):
    return len(some) == len(others) and all(
        torch.equal(a, b) for pair, other in zip(some, others, strict=True) for a, b in zip(pair, other, strict=True)
    )


@pytest.mark.parametrize("cache", [True, False])
def test_gives_what_the_edge_sees(index, cache):
    made = dataset(index, cache=cache)
    picture, target = made[0, 3]
    expected = image.view(image.read(index.file(index.samples[3])), SPEC).image
    assert picture.dtype == torch.uint8
    assert np.array_equal(picture.numpy(), expected)
    assert target.argmax() == 3


def test_cached_images_need_their_files_no_more(index):
    made = dataset(index, cache=True)
    for sample in index.samples:
        index.file(sample).unlink()
    assert made[4, 0][0].shape == (32, 48, 3)
    with pytest.raises(ImageError):
        dataset(index, cache=False)[0, 0]


@pytest.mark.parametrize("cache", [True, False])
def test_an_image_that_was_overwritten_is_not_trained_on(index, cache):
    index.file(index.samples[1]).write_bytes(index.file(index.samples[0]).read_bytes())
    with pytest.raises(DataError, match="was changed since the index was made"):
        dataset(index, cache=cache)[0, 1]


def test_images_that_do_not_fit_in_memory_are_read_again(index, monkeypatch):
    monkeypatch.setattr("sightline.dataset.loader.MEMORY_SHARE", 0)
    made = dataset(index, cache=True)
    index.file(index.samples[0]).unlink()
    with pytest.raises(ImageError):
        made[0, 0]


def test_randomness_hangs_on_epoch_and_sample_alone(index):
    made = augmented(index)
    first = made[2, 1][0]
    made[7, 3], made[2, 4]
    assert torch.equal(made[2, 1][0], first)
    assert torch.equal(augmented(index)[2, 1][0], first)
    assert not torch.equal(made[3, 1][0], first)


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(index):
    alone = batches(augmented(index), Training(batch_size=4), seed=1)
    many = batches(augmented(index), Training(batch_size=4, workers=2), seed=1, first_epoch=3)
    assert same(round_of(alone, 3), round_of(many, 3))
    assert same(round_of(alone, 4), round_of(many, 4))


def test_order_is_new_each_epoch_and_each_sample_comes_once(index):
    loader = batches(dataset(index), Training(batch_size=4), seed=1)
    orders = [[int(t) for _, targets in round_of(loader, epoch) for t in targets.argmax(1)] for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]
    assert sorted(orders[0])[:8] == sorted(set(orders[0]))[:8]


def test_without_a_seed_the_order_is_that_of_the_samples(index):
    loader = batches(dataset(index), Training(batch_size=4), seed=None)
    assert [int(t) for _, targets in loader for t in targets.argmax(1)] == list(range(9))


@pytest.mark.parametrize(("size", "sizes"), [(4, [4, 4]), (5, [5, 4]), (9, [9]), (1, [1] * 9), (20, [9])])
def test_training_never_sees_a_batch_of_one_left_over(index, size, sizes):
    assert [len(images) for images, _ in batches(dataset(index), Training(batch_size=size), seed=0)] == sizes


def test_images_travel_to_processes_that_are_started_anew(index):
    made = augmented(index, cache=False)
    again = pickle.loads(pickle.dumps(made))
    assert torch.equal(again[2, 3][0], made[2, 3][0])


def test_an_empty_part_gives_no_batches(index):
    empty = ImageDataset(index, (), np.zeros((0, 2), np.float32), SPEC)
    assert len(batches(empty, Training(batch_size=4), seed=None)) == 0


def test_order_begins_with_the_epoch_it_was_made_for():
    assert [key[0] for key in EpochOrder(3, seed=1, epoch=6)] == [6, 6, 6]


def test_a_sample_that_is_to_come_more_often_does_and_is_drawn_anew_each_time():
    order = EpochOrder(8, seed=1, draws=np.array([4, 2.5, *[0.25] * 6]))
    rounds = []
    for epoch in range(200):
        order.set_epoch(epoch)
        rounds.append(list(order))
        assert len(rounds[-1]) == len(set(rounds[-1])) == len(order) == 8
    counts = np.bincount([number for keys in rounds for _, number in keys], minlength=8) / 200
    np.testing.assert_allclose(counts, [4, 2.5, *[0.25] * 6], atol=0.12)
    order.set_epoch(0)
    assert list(order) == rounds[0] != rounds[1]


def test_neighbouring_seeds_have_nothing_in_common():
    seeds = [mixed(0, epoch, sample) for epoch in range(30) for sample in range(30)]
    assert len(set(seeds)) == len(seeds)
    assert abs(np.mean(seeds) / 2**32 - 0.5) < 0.05
