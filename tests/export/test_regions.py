"""Figures of regions must be those of their definitions, whatever the order, and no surer than the parts seen."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from sightline.bundle.manifest import Metric
from sightline.errors import DataError
from sightline.export.regions import Instances, RegionTally

CLASSES = ("dent", "scratch")
HALF = (0.5, 0.5)

Image = tuple[NDArray[np.float32], NDArray[np.bool_]]


def _metrics(images: list[Image], groups: list[str] | None = None) -> dict[str, Metric]:
    tally = RegionTally(CLASSES)
    for number, (heat, truth) in enumerate(images):
        tally.add(heat, truth, HALF, groups[number] if groups else f"part {number:02}")
    return {metric.name: metric for metric in tally.metrics()}


def _blank(side: int = 60) -> Image:
    return np.zeros((2, side, side), np.float32), np.zeros((2, side, side), bool)


def _random_part(seed: int, images: int = 12) -> list[Image]:
    """Blobs of both types, found in part, and blobs that were invented; every third part is good."""
    random = np.random.default_rng(seed)
    part = []
    for number in range(images):
        heat, truth = _blank()
        for kind in range(2):
            for _ in range(int(random.integers(0, 4)) * (number % 3 > 0)):
                row, column = random.integers(0, 45, 2)
                height, width = random.integers(1, 14, 2)
                truth[kind, row : row + height, column : column + width] = True
                if random.random() < 0.7:
                    shift = int(random.integers(0, 4))
                    said = kind if random.random() < 0.8 else 1 - kind
                    heat[said, row + shift : row + shift + height, column : column + width] = 0.9
            if random.random() < 0.3:
                heat[kind, 50:55, 50:55] = 0.7
        part.append((heat, truth))
    return part


def _exact(images: list[Image]) -> dict[str, float]:
    """The figures by their definitions, with scipy's regions."""
    said, truth = (np.stack(arrays) for arrays in ([h >= 0.5 for h, _ in images], [t for _, t in images]))
    figures, ious = {}, []
    for kind, name in enumerate(CLASSES):
        if truth[:, kind].any():
            both, either = (truth[:, kind] & said[:, kind]).sum(), (truth[:, kind] | said[:, kind]).sum()
            figures[f"iou/{name}"] = both / either
            figures[f"dice/{name}"] = 2 * both / (truth[:, kind].sum() + said[:, kind].sum())
            ious.append(both / either)
    good, quiet = ~truth.any(axis=1), ~said.any(axis=1)
    figures["miou"] = float(np.mean(ious))
    figures["miou_with_background"] = float(np.mean([*ious, (good & quiet).sum() / (good | quiet).sum()]))
    found, typed, invented = [], [], 0
    for one, other in zip(said, truth, strict=True):
        for kind in range(2):
            labels, count = ndimage.label(other[kind], np.ones((3, 3)))
            found += [one.any(axis=0)[labels == k].any() for k in range(1, count + 1)]
            typed += [one[kind][labels == k].any() for k in range(1, count + 1)]
        labels, count = ndimage.label(one.any(axis=0), np.ones((3, 3)))
        invented += sum(not other.any(axis=0)[labels == k].any() for k in range(1, count + 1))
    figures |= {"instance_recall": float(np.mean(found)), "instance_recall_typed": float(np.mean(typed))}
    return figures | {"invented_per_image": invented / len(images)}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_figures_are_those_of_all_images_together(seed: int) -> None:
    images = _random_part(seed)
    if not any(truth.any() for _, truth in images):
        return
    metrics, exact = _metrics(images), _exact(images)
    assert {name: metrics[name].value for name in exact} == pytest.approx(exact)
    for metric in metrics.values():
        assert 0 <= metric.low <= metric.value <= metric.high
        assert metric.high <= 1 or metric.name == "invented_per_image"


def test_by_hand() -> None:
    heat, truth = _blank()
    truth[0, 0:10, 0:10] = True  # 100 px, half of it found
    heat[0, 0:10, 5:15] = 0.5
    truth[1, 30:34, 30:34] = True  # 16 px, found as the other type
    heat[0, 30:34, 30:34] = 0.9
    heat[1, 50:52, 50:52] = 0.9  # invented
    values = {name: metric.value for name, metric in _metrics([(heat, truth)]).items()}
    assert values["iou/dent"] == pytest.approx(50 / (150 + 16))
    assert values["iou/scratch"] == 0
    assert values["miou"] == pytest.approx(25 / 166)
    assert values["miou_with_background"] == pytest.approx((50 / 166 + (3600 - 170) / (3600 - 66)) / 3)
    assert values["dice/dent"] == pytest.approx(100 / (100 + 100 + 16))
    assert values["instance_recall"] == 1
    assert values["instance_recall_typed"] == 0.5
    assert values["instance_recall/scratch"] == 1
    assert values["invented_per_image"] == 1


def test_recall_by_size_counts_the_pixels_of_each_instance() -> None:
    heat, truth = _blank(200)
    for place, side in enumerate((7, 8, 15, 16, 31, 32)):  # 49, 64, 225, 256, 961 and 1024 px
        truth[0, place * 33 : place * 33 + side, 0:side] = True
    heat[0, :66, :50] = 0.9  # finds the first two
    sizes = {name: (m.value, m.count) for name, m in _metrics([(heat, truth)]).items() if "by_size" in name}
    assert sizes == {
        "instance_recall_by_size/area-under-64px": (1, 1),
        "instance_recall_by_size/area-64-256px": (0.5, 1),
        "instance_recall_by_size/area-256-1024px": (0, 1),
        "instance_recall_by_size/area-from-1024px": (0, 1),
    }


def test_a_type_that_never_occurs_counts_in_no_mean() -> None:
    heat, truth = _blank()
    truth[0, :9, :9] = True
    heat[0, :9, :9] = heat[1, 40:45, 40:45] = 0.9
    metrics = _metrics([(heat, truth)])
    assert metrics["miou"].value == metrics["dice"].value == 1
    assert "iou/scratch" not in metrics
    assert metrics["invented_per_image"].value == 1


def test_good_parts_alone_tell_what_is_invented() -> None:
    metrics = _metrics([_blank() for _ in range(10)])
    assert list(metrics) == ["invented_per_image"]
    assert metrics["invented_per_image"].value == metrics["invented_per_image"].low == 0
    assert 0.1 < metrics["invented_per_image"].high < 0.4
    assert RegionTally(CLASSES).metrics() == ()


def test_pixels_that_touch_at_a_corner_are_one_instance() -> None:
    instances = Instances.of(np.eye(3, dtype=bool))
    assert instances.areas.tolist() == [3]
    assert instances.corners.tolist() == [[0, 0, 3, 3]]
    assert instances.peaks(np.eye(3, dtype=np.float32) * 0.4).tolist() == pytest.approx([0.4])
    assert len(Instances.of(np.zeros((3, 3), bool)).areas) == 0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100), st.randoms(use_true_random=False))
def test_the_order_of_images_changes_nothing(seed: int, random) -> None:
    images = _random_part(seed)
    numbers = list(range(len(images)))
    random.shuffle(numbers)
    ordered = _metrics(images, [f"part {n % 4}" for n in range(len(images))])
    assert ordered == _metrics([images[n] for n in numbers], [f"part {n % 4}" for n in numbers])


def test_copies_in_one_group_prove_no_more_than_one() -> None:
    images = _random_part(1, images=20)
    groups = [f"part {n:02}" for n in range(20)]
    once, copied, apart = _metrics(images, groups), _metrics(images * 5, groups * 5), _metrics(images * 5)
    for name, metric in once.items():
        assert copied[name].model_dump() == pytest.approx(metric.model_dump(), abs=1e-9)
        assert apart[name].count == 5 * metric.count
    assert apart["miou"].high - apart["miou"].low < (once["miou"].high - once["miou"].low) * 0.7


def test_one_defective_part_proves_little() -> None:
    heat, truth = _blank()
    heat[0, :9, :9], truth[0, :9, :9] = 0.9, True
    metrics = _metrics([(heat, truth), *[_blank()] * 30])
    for name in ("miou", "dice", "iou/dent", "instance_recall"):
        assert metrics[name].value == 1
        assert metrics[name].low < 0.3


WRONG = [
    ("another size", np.zeros((2, 4, 5), np.float32), np.zeros((2, 4, 4), bool), HALF, r"got \(2, 4, 5\), \(2, 4, 4\)"),
    ("one map", np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), bool), HALF, "masks of 2 types"),
    ("no type", np.zeros((4, 4), np.float32), np.zeros((4, 4), bool), HALF, r"got \(4, 4\)"),
    ("one threshold", np.zeros((2, 4, 4), np.float32), np.zeros((2, 4, 4), bool), (0.5,), r"and \(1,\)"),
    ("no number", np.full((2, 4, 4), np.nan, np.float32), np.zeros((2, 4, 4), bool), HALF, "maps of numbers"),
]


@pytest.mark.parametrize(("heat", "truth", "limits", "told"), [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_what_does_not_fit_is_refused_and_nothing_of_it_counts(heat, truth, limits, told) -> None:
    tally = RegionTally(CLASSES)
    tally.add(*_random_part(1)[1], HALF, "part 1")
    before = tally.metrics()
    with pytest.raises(DataError, match=f"part 7: .*{told}") as refusal:
        tally.add(heat, truth, limits, "part 7")
    assert refusal.value.hint
    assert tally.metrics() == before
