"""Pixel figures must match slow exact ones, whatever the values, the order and the amount; intervals count groups."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from sightline.bundle.manifest import Metric
from sightline.errors import DataError
from sightline.export.pixels import PixelTally

Image = tuple[NDArray[np.float32], NDArray[np.bool_]]


def _metrics(images: list[Image], groups: list[str] | None = None) -> dict[str, Metric]:
    tally = PixelTally()
    for number, (heat, mask) in enumerate(images):
        tally.add(heat, mask, groups[number] if groups else f"part {number}")
    return {metric.name: metric for metric in tally.metrics()}


def _values(metrics: dict[str, Metric]) -> dict[str, float]:
    return {name: metric.value for name, metric in metrics.items()}


def _regions(images: list[Image]) -> list[NDArray[np.float32]]:
    """Values in each region of touching defective pixels, corners included."""
    found = []
    for heat, mask in images:
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        found += [heat[labels == number] for number in range(1, count + 1)]
    return found


def _area_to_30(points: list[tuple[float, float]]) -> float:
    area = 0.0
    for (x, y), (next_x, next_y) in pairwise([(0.0, 0.0), *points]):
        if x < 0.3 < next_x:
            next_y = y + (next_y - y) * (0.3 - x) / (next_x - x)  # noqa: PLW2901 - the segment ends at the limit
            next_x = 0.3  # noqa: PLW2901
        area += (next_x - x) * (y + next_y) / 2 if next_x <= 0.3 else 0
    return area / 0.3


def _exact(images: list[Image]) -> dict[str, float]:
    """The figures by their definitions: over all pixels, at every threshold there is."""
    values = np.concatenate([heat.ravel() for heat, _ in images])
    truth = np.concatenate([mask.ravel() for _, mask in images])
    regions, good = _regions(images), values[~truth]
    thresholds = np.unique(values)[::-1]
    points = [(float((good >= t).mean()), float(np.mean([(r >= t).mean() for r in regions]))) for t in thresholds]
    return {
        "pixel_auroc": float(roc_auc_score(truth, values)),
        "aupro_30": _area_to_30(points),
        "pixel_average_precision": float(average_precision_score(truth, values)),
    }


def _exact_of_many(image: Image) -> dict[str, float]:
    """The same for as many values as there are pixels, by sorting."""
    heat, mask = image
    values, which = np.unique(heat, return_inverse=True)
    which, last = which.reshape(mask.shape), len(values) - 1
    false = np.bincount(last - which[~mask], minlength=len(values)).cumsum() / np.count_nonzero(~mask)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    shares = 1 / np.bincount(labels[mask])[labels[mask]]
    found = np.bincount(last - which[mask], shares, minlength=len(values)).cumsum() / count
    return {
        "pixel_auroc": float(roc_auc_score(mask.ravel(), heat.ravel())),
        "aupro_30": _area_to_30(list(zip(false.tolist(), found.tolist(), strict=True))),
        "pixel_average_precision": float(average_precision_score(mask.ravel(), heat.ravel())),
    }


@st.composite
def _some_images(draw: st.DrawFn) -> list[Image]:
    levels = draw(st.integers(1, 60))  # few of them tie nearly all pixels
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 6))
    images = []
    for shape in draw(st.lists(shapes, min_size=1, max_size=4)):
        heat = draw(arrays.arrays(np.int64, shape, elements=st.integers(0, levels))) / 61
        images.append((heat.astype(np.float32), draw(arrays.arrays(np.bool_, shape))))
    return images


@settings(max_examples=40, deadline=None)
@given(_some_images())
def test_the_figures_are_those_of_all_pixels_at_every_threshold(images: list[Image]) -> None:
    metrics = _metrics(images)
    truth = np.concatenate([mask.ravel() for _, mask in images])
    if truth.all() or not truth.any():
        assert metrics == {}
        return
    assert _values(metrics) == pytest.approx(_exact(images), abs=1e-9)
    for metric in metrics.values():
        assert 0 <= metric.low <= metric.value <= metric.high <= 1


def _blobs() -> NDArray[np.bool_]:
    mask = np.zeros((400, 500), bool)
    for row, column, size in [(20, 30, 1), (60, 80, 3), (100, 200, 40), (250, 300, 60), (10, 400, 12)]:
        mask[row : row + size, column : column + size] = True
    return mask


def _overlapping(shift: float, scale: float, rising: bool = True) -> NDArray[np.float32]:
    """Good pixels low and defective ones high, or the other way round, with much overlap."""
    random, mask = np.random.default_rng(1), _blobs()
    low, high = random.beta(2, 4, mask.shape), random.beta(4, 2, mask.shape)
    return (shift + scale * np.where(mask == rising, high, low)).astype(np.float32)


def _tail() -> NDArray[np.float32]:
    random, mask = np.random.default_rng(2), _blobs()
    nines = np.where(mask, random.gamma(4, 0.6, mask.shape), random.exponential(1 / np.log(10), mask.shape))
    return (nines / (1 + nines)).astype(np.float32)


HARD = {
    "a tail estimate's values": _tail(),
    "all between 0.62 and 0.66": _overlapping(0.62, 0.04),
    "all just below 1": _overlapping(1, -1e-4, rising=False),
    "all next to 0": _overlapping(0, 1e-7),
    "a hundred ties each": np.round(_overlapping(0, 0.99), 3),
    "two values": np.round(_overlapping(0, 0.99)) * np.float32(0.9),
    "most of them 0": np.maximum(_overlapping(-0.7, 1), 0),
}


@pytest.mark.parametrize("heat", HARD.values(), ids=HARD.keys())
def test_the_bins_are_fine_enough_for(heat: NDArray[np.float32]) -> None:
    image = heat, _blobs()
    assert _values(_metrics([image])) == pytest.approx(_exact_of_many(image), abs=1e-4)


def test_a_map_that_is_the_same_everywhere_tells_nothing() -> None:
    values = _values(_metrics([(np.full((400, 500), 0.37, np.float32), _blobs())]))
    share = float(_blobs().mean())
    assert values == pytest.approx({"pixel_auroc": 0.5, "aupro_30": 0.15, "pixel_average_precision": share}, abs=1e-12)


def test_pixels_that_touch_at_a_corner_are_one_region() -> None:
    heat, mask = np.full((5, 6), 0.5, np.float32), np.zeros((5, 6), bool)
    mask[0, 0] = mask[1, 1] = mask[4, 4] = True
    heat[0, 0] = heat[1, 1] = 0.9
    heat[4, 4] = 0.0
    assert _values(_metrics([(heat, mask)]))["aupro_30"] == pytest.approx(1 / 2)


def test_a_large_region_outweighs_no_small_one_in_aupro() -> None:
    heat, mask = np.zeros((50, 50), np.float32), np.zeros((50, 50), bool)
    mask[:30, :30] = mask[45, 45] = True
    heat[:30, :30] = 0.9  # the large one is found, the small one is not
    values = _values(_metrics([(heat, mask)]))
    assert values["aupro_30"] == pytest.approx(0.5 + 0.5 * 0.15)
    assert values["pixel_auroc"] == pytest.approx((900 + 0.5) / 901)


@settings(max_examples=20, deadline=None)
@given(_some_images(), st.randoms(use_true_random=False))
def test_the_order_of_images_changes_nothing(images: list[Image], random) -> None:
    numbers = list(range(len(images)))
    random.shuffle(numbers)
    ordered = _metrics(images, [f"part {n % 2}" for n in range(len(images))])
    shuffled = _metrics([images[n] for n in numbers], [f"part {n % 2}" for n in numbers])
    assert ordered.keys() == shuffled.keys()
    for name, metric in ordered.items():
        assert metric.model_dump() == pytest.approx(shuffled[name].model_dump(), abs=1e-9)


def _parts(count: int, seed: int = 0) -> list[Image]:
    """Parts of which every other one has a defect, found the better the brighter it is."""
    random = np.random.default_rng(seed)
    images = []
    for number in range(count):
        mask = np.zeros((12, 12), bool)
        mask[3:6, 4:8] = number % 2
        images.append(((random.beta(2, 3, (12, 12)) * 0.6 + mask * random.uniform(0, 0.35)).astype(np.float32), mask))
    return images


def test_images_of_one_group_are_drawn_together() -> None:
    parts = _parts(10)
    halves = [(heat[:, rows], mask[:, rows]) for heat, mask in parts for rows in (slice(0, 9), slice(9, 12))]
    whole = _metrics(parts, [f"part {n}" for n in range(10)])
    halved = _metrics(halves, [f"part {n // 2}" for n in range(20)])
    for name, metric in whole.items():
        assert metric.model_dump() == pytest.approx(halved[name].model_dump(), abs=1e-9)


def test_copies_in_one_group_prove_no_more_than_one() -> None:
    parts = _parts(20)
    once, copied = _metrics(parts), _metrics(parts * 10, [f"part {n % 20}" for n in range(200)])
    apart = _metrics(parts * 10)
    for name, metric in once.items():
        assert copied[name].model_dump() == pytest.approx(metric.model_dump(), abs=1e-9)
        assert apart[name].count == 10 * metric.count
        assert apart[name].high - apart[name].low < (metric.high - metric.low) / 2


def test_intervals_are_those_of_drawing_the_groups_anew() -> None:
    parts, random = _parts(80), np.random.default_rng(0)
    heats, masks = np.stack([heat for heat, _ in parts]), np.stack([mask for _, mask in parts])
    draws = random.integers(80, size=(400, 80))
    drawn = [roc_auc_score(masks[numbers].ravel(), heats[numbers].ravel()) for numbers in draws]
    low, high = np.percentile(drawn, (2.5, 97.5))
    metric = _metrics(parts)["pixel_auroc"]
    assert metric.interval == "bootstrap over groups"
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.25 * (high - low))


def test_a_narrow_band_keeps_its_interval() -> None:
    wide = _parts(80)
    narrow = [((0.62 + 0.04 * heat).astype(np.float32), mask) for heat, mask in wide]
    for name, metric in _metrics(wide).items():
        assert _metrics(narrow)[name].model_dump() == pytest.approx(metric.model_dump(), abs=0.01)


def test_one_defective_part_proves_little() -> None:
    heat, mask = np.zeros((8, 8), np.float32), np.zeros((8, 8), bool)
    mask[2, 2] = heat[2, 2] = True
    found = _metrics([(heat * np.float32(0.9), mask), *[(np.zeros((8, 8), np.float32), mask & False)] * 30])
    assert _values(found) == pytest.approx(dict.fromkeys(found, 1.0))
    assert all(metric.low < 0.3 for metric in found.values())


@pytest.mark.parametrize("defective", [True, False])
def test_pixels_of_one_kind_give_no_figure(defective: bool) -> None:
    assert _metrics([(np.full((4, 4), 0.5, np.float32), np.full((4, 4), defective))]) == {}
    assert PixelTally().metrics() == ()


def test_a_defect_nobody_has_drawn_is_left_out_and_told() -> None:
    tally = PixelTally()
    for heat, mask in _parts(6):
        tally.add(heat, mask, "part")
    before = tally.metrics()
    tally.add(np.full((12, 12), 0.99, np.float32), None, "another")
    assert tally.left_out == 1
    assert tally.metrics() == before


def test_what_float32_rounds_up_to_1_is_the_highest_value() -> None:
    heat = np.array([[1.0, 0.9, 0.1]], np.float32)
    assert _values(_metrics([(heat, np.array([[True, False, False]]))]))["pixel_auroc"] == 1


WRONG = [
    ("of another size", np.zeros((4, 5), np.float32), r"part 7: expected .* got \(4, 5\) and \(4, 4\)"),
    ("of several types", np.zeros((1, 4, 4), np.float32), r"got \(1, 4, 4\)"),
    ("not a number", np.full((4, 4), np.nan, np.float32), "from 0 to 1, got nan"),
    ("one not a number", np.diag(np.array([np.nan, 0, 0, 0], np.float32)), "got nan"),
    ("raw", np.full((4, 4), 17, np.float32), "got 17 to 17"),
    ("negative", np.full((4, 4), -0.1, np.float32), "got -0.1"),
    ("infinite", np.full((4, 4), np.inf, np.float32), "got inf"),
]


@pytest.mark.parametrize(("heat", "told"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_map_that_cannot_be_counted_is_refused_and_nothing_of_it_counts(heat: NDArray[np.float32], told: str) -> None:
    tally = PixelTally()
    for image in _parts(4):
        tally.add(*image, "part")
    before = tally.metrics()
    with pytest.raises(DataError, match=told) as refusal:
        tally.add(heat, np.eye(4, dtype=bool), "part 7")
    assert refusal.value.hint
    assert tally.metrics() == before


def test_an_image_of_no_pixels_is_refused() -> None:
    with pytest.raises(DataError, match="height and width"):
        PixelTally().add(np.zeros((0, 4), np.float32), np.zeros((0, 4), bool), "part")


def test_memory_does_not_grow_with_the_images() -> None:
    random = np.random.default_rng(0)
    tracemalloc.start()
    try:
        tally = PixelTally()
        for number in range(60):
            shape = (64, 64) if number < 2 else (256, 256)
            mask = np.zeros(shape, bool)
            mask[:9, :9] = number % 2
            tally.add(random.random(shape, np.float32), mask, f"part {number}")
            if number == 1:
                start = tracemalloc.get_traced_memory()[0]
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held - start < 100_000  # the names of the groups
    assert peak < 100e6
