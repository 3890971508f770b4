"""Near-duplicates are found, and images that only show the same product are not."""

import cv2
import numpy as np
import pytest

from sightline.config.recipe import SplitPlan
from sightline.dataset.duplicates import group, near_duplicates
from sightline.dataset.scan import THUMBNAIL
from sightline.index import Sample

THRESHOLD = SplitPlan().near_duplicates


def surface(seed, contrast=40.0):
    """A texture of its own: grey, float32, 128 x 128, mean 0."""
    noise = np.random.default_rng(seed).standard_normal((128, 128)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return soft / soft.std() * contrast


def product():
    """What a fixed camera sees in every image: bars and a bore with sharp edges."""
    picture = np.full((128, 128), 150, np.float32)
    picture[:, 30:36] = picture[:, 92:98] = 30
    cv2.circle(picture, (64, 64), 22, 20, -1)
    return picture


def again(picture, seed):
    """The same scene in another exposure: darker, uneven light, noise, cut a little differently."""
    rng = np.random.default_rng(seed)
    light = np.linspace(0.5, 0.8, 128, dtype=np.float32)
    return (picture * light + rng.normal(0, 3, picture.shape).astype(np.float32))[1:127, 2:128]


def thumbnails(pictures):
    small = [cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA) for picture in pictures]
    return np.clip(np.array(small), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("count", [8, 30, 120])
def test_another_exposure_is_found_and_strangers_are_not(count):
    scenes = [surface(seed) + 128 for seed in range(count)]
    shots = [again(scene, seed) for seed, scene in enumerate(scenes[: count // 4])]
    found = near_duplicates(thumbnails([*scenes, *shots]), THRESHOLD)
    assert found == [(row, count + row) for row in range(count // 4)]


def test_the_same_product_in_the_same_place_is_no_duplicate():
    parts = [product() + surface(seed, contrast=8) for seed in range(150)]
    shots = [again(part, seed) for seed, part in enumerate(parts[:20])]
    pictures = thumbnails([*parts, *shots])
    plain = np.corrcoef([picture.ravel() for picture in pictures[:150].astype(float)])
    assert np.median(plain) > 0.8, "the product has to outweigh what is particular to each part"
    found = near_duplicates(pictures, THRESHOLD)
    true = {(row, 150 + row) for row in range(20)}
    assert len(true & set(found)) >= 18
    assert len(set(found) - true) <= 2


def test_one_strong_line_does_not_decide():
    pictures = [surface(seed, contrast=6) + 128 for seed in range(60)]
    for picture in pictures:
        picture[:, 60:64] = 10
    assert near_duplicates(thumbnails(pictures), THRESHOLD) == []


def test_plain_images_are_not_alike():
    pictures = np.stack([np.full((THUMBNAIL, THUMBNAIL), value, np.uint8) for value in (0, 100, 200, 255)])
    assert near_duplicates(pictures, THRESHOLD) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 14])
def test_small_sets(count):
    pictures = thumbnails([surface(seed) + 128 for seed in range(count)]) if count else np.zeros((0, 8, 8), np.uint8)
    assert near_duplicates(pictures, THRESHOLD) == []


def test_none_finds_nothing():
    assert near_duplicates(thumbnails([surface(1) + 128] * 4), None) == []


def rows(*named):
    """Rows from (digest, the reader's group)."""
    return [Sample(path=f"{n}.png", digest=digest, group=name) for n, (digest, name) in enumerate(named)]


def strangers(count):
    return thumbnails([surface(seed) + 128 for seed in range(count)])


def test_copies_and_the_readers_groups_are_joined():
    samples = rows(("d1", ""), ("d2", "board 7"), ("d1", "board 7"), ("d3", "board 7"), ("d4", ""))
    names = [sample.group for sample in group(samples, strangers(5), None)]
    assert names == ["board 7"] * 4 + ["d4"]


def test_twins_join_the_readers_groups():
    samples = rows(("d1", "board 1"), ("d2", "board 2"), ("d3", "board 2"), ("d4", ""))
    pictures = strangers(40)
    pictures[0] = pictures[1]
    samples += [Sample(path=f"x{n}.png", digest=f"x{n}") for n in range(36)]
    names = [sample.group for sample in group(samples, pictures, THRESHOLD)]
    assert names[:4] == ["board 1"] * 3 + ["d4"]


def test_many_copies_do_not_hide_a_twin():
    scene = surface(0) + 128
    pictures = thumbnails([*[scene] * 20, again(scene, 1), *(surface(seed) + 128 for seed in range(1, 30))])
    samples = rows(*[("copy", "")] * 20, *((f"d{n:02}", "") for n in range(30)))
    names = [sample.group for sample in group(samples, pictures, THRESHOLD)]
    assert names[:21] == ["copy"] * 21
    assert len(set(names[21:])) == 29


def test_groups_do_not_hang_on_order():
    scenes = [surface(seed) + 128 for seed in range(40)]
    pictures = thumbnails([*scenes, *(again(scene, n) for n, scene in enumerate(scenes[:10]))])
    samples = rows(*((f"d{n:02}", "") for n in range(50)))
    straight = {s.path: s.group for s in group(samples, pictures, THRESHOLD)}
    order = np.random.default_rng(3).permutation(50)
    mixed = {s.path: s.group for s in group([samples[n] for n in order], pictures[order], THRESHOLD)}
    assert mixed == straight
    assert len(set(straight.values())) == 40
