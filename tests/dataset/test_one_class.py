"""What is said of images for a model of good parts, before anything is learned from them."""

from collections import Counter

import numpy as np
import pytest

from sightline import image
from sightline.config.recipe import Data, Recipe
from sightline.dataset import one_class
from sightline.dataset.prepare import of_recipe
from sightline.dataset.scan import THUMBNAIL, Scan, Scanned
from sightline.index import Index, Sample, Split


def index(good=(8, 6), bad=0, per_group=1, part=Split.TRAIN):
    """Good images in train and calibrate, and defective ones in a part."""
    rows = [
        Sample(path=f"{split}-{n}.png", split=split, group=f"{split}-{n // per_group}")
        for split, count in zip((Split.TRAIN, Split.CALIBRATE), good, strict=True)
        for n in range(count)
    ]
    rows += [Sample(path=f"bad-{n}.png", labels=("dent",), split=part, group=f"bad-{n}") for n in range(bad)]
    return Index.build("root", rows)


def scan(images, plain=False):
    """What their files hold."""
    shown = np.zeros((THUMBNAIL, THUMBNAIL), np.uint8)
    if not plain:
        shown[::2] = 200
    files = [
        Scanned(sample=s, depth=8, channels=1, top=9, thumbnail=shown, mask_fault="", mask_empty=False)
        for s in images.samples
    ]
    return Scan(tuple(files), {})


def errors(images, **options):
    return list(one_class.errors(images, scan(images, **options)))


def test_enough_different_good_parts_are_enough():
    assert errors(index()) == []


@pytest.mark.parametrize(("good", "per_group"), [((4, 6), 1), ((8, 4), 1), ((1, 0), 1), ((16, 16), 4)])
def test_too_few_that_differ_are_refused_with_the_counts(good, per_group):
    images = index(good, per_group=per_group)
    groups = Counter(split for split, _ in {(s.split, s.group) for s in images.samples})
    (told,) = [line for line in errors(images) if line.startswith("expected at least 5 different good images")]
    assert f"got {groups[Split.TRAIN]} and {groups[Split.CALIBRATE]}, of {sum(good)} good images" in told
    assert "take more pictures" in told


def test_without_a_good_image_it_is_said_how_to_name_one():
    images = Index.build("root", [Sample(path="a.png", labels=("dent",), split=Split.TRAIN, group="a")])
    (told,) = errors(images)
    assert "found only dent" in told
    assert "data.good" in told


def test_black_images_are_refused():
    assert any("every image is plain" in told for told in errors(index(), plain=True))


@pytest.mark.parametrize(
    ("bad", "part", "teach", "said"),
    [
        (0, Split.TRAIN, False, ["no image shows a defect"]),
        (3, Split.TRAIN, False, ["3 defective images came in the train"]),
        (3, Split.TRAIN, True, []),
        (3, Split.TEST, False, []),
    ],
)
def test_what_becomes_of_defects_is_noted(bad, part, teach, said):
    told = list(one_class.notes(index(bad=bad, part=part), defects_teach=teach))
    assert len(told) == len(said)
    assert all(line.startswith(start) for line, start in zip(told, said, strict=True))


def test_single_images_that_show_nothing_are_named(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "good").mkdir()
    for number in range(14):
        frame = random.integers(0, 255, (8, 8, 3), np.uint8) if number else random.poisson(3, (256, 256, 3))
        shown = np.kron(frame, np.ones((32, 32, 1))) if number else frame
        (tmp_path / "good" / f"{number:02}.png").write_bytes(image.png(shown.astype(np.uint8)))
    recipe = Recipe(name="x", task="anomaly", data=Data(root=tmp_path))
    report = of_recipe(recipe, progress=lambda *_: None).report.text()
    assert "1 images are plain, black or of one grey: good/00.png" in report
