"""Figures of boxes must be COCO's own, those of hand-made cases, and no surer than the parts that were seen."""

import contextlib
import io
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.boxes import Boxes
from sightline.bundle.manifest import Metric
from sightline.errors import DataError
from sightline.export import matching
from sightline.export.detection import (
    COCO_LIMITS,
    Compared,
    average_precision,
    average_precisions,
    best_thresholds,
    detection_figures,
    mean_average_precision,
    rates,
)
from sightline.verdict import ANY_DEFECT

CLASSES = ("dent", "scratch", "pore")
HALF = [0.5] * 3


def _boxes(*rows: tuple[float, float, float, float, float, int]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


def _random_boxes(random: np.random.Generator, count: int, types: int, levels: int) -> Boxes:
    """Boxes on a coarse grid, so that many overlap alike and score alike."""
    low = random.integers(0, 6, (count, 2)) * 4
    size = random.integers(1, 5, (count, 2)) * 4
    scores = random.integers(1, levels + 1, count) / levels
    corners = np.concatenate([low, low + size], axis=1).astype(np.float32)
    return Boxes(corners, scores.astype(np.float32), random.integers(0, types, count))


def _random_part(seed: int, images: int = 25, types: int = 3, levels: int = 5, jitter: float = 0.0) -> list[Compared]:
    """Images of which some have no truth, some no box found, and some neither; the last type is never true."""
    random = np.random.default_rng(seed)
    part = []
    for number in range(images):
        truth = _random_boxes(random, int(random.integers(0, 5)), max(1, types - 1), 1)
        found = _random_boxes(random, int(random.integers(0, 7)), types, levels)
        seen = truth.only(random.random(len(truth)) < 0.6)
        corners = (
            seen.corners + random.normal(0, jitter, seen.corners.shape).astype(np.float32) if jitter else seen.corners
        )
        near = Boxes(corners, random.random(len(seen)).astype(np.float32), seen.classes)
        part.append(Compared(f"part {number // 2}", matching.joined([found, near]), truth))
    return part


def _coco(part: list[Compared], types: int) -> np.ndarray:
    """(T, C) average precisions by COCO's own code, -1 of a type that is never true."""
    coco, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    truth, found = [], []
    for image, one in enumerate(part, start=1):
        for boxes, rows in ((one.truth, truth), (one.found, found)):
            for (x1, y1, x2, y2), score, kind in zip(
                boxes.corners.tolist(), boxes.scores.tolist(), boxes.classes.tolist(), strict=True
            ):
                row = {"image_id": image, "category_id": kind + 1, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
                rows.append(row | {"id": len(rows) + 1, "area": (x2 - x1) * (y2 - y1), "iscrowd": 0})
    with contextlib.redirect_stdout(io.StringIO()):
        labels = coco.COCO()
        labels.dataset = {"images": [{"id": i + 1} for i in range(len(part))], "annotations": truth}
        labels.dataset["categories"] = [{"id": kind + 1} for kind in range(types)]
        labels.createIndex()
        answers = coco.COCO()
        answers.dataset = labels.dataset | {"annotations": found}
        answers.createIndex()
        run = cocoeval.COCOeval(labels, answers, "bbox")
        run.evaluate()
        run.accumulate()
    return run.eval["precision"][:, :, :, 0, -1].mean(axis=1)


def _metrics(part: list[Compared], thresholds: list[float] = HALF) -> dict[str, Metric]:
    return {metric.name: metric for metric in detection_figures(part, CLASSES, thresholds)}


CASES = [(0, 5, 0.0), (1, 2, 0.0), (2, 1, 0.0), (3, 1000, 0.0), (4, 50, 1.5), (5, 3, 0.7)]


@pytest.mark.parametrize(("seed", "levels", "jitter"), CASES)
def test_average_precision_is_cocos(seed: int, levels: int, jitter: float) -> None:
    part = _random_part(seed, levels=levels, jitter=jitter)
    expected = _coco(part, 3)
    assert (expected[:, 2] == -1).all()
    for row, limit in enumerate(COCO_LIMITS):
        mine = list(average_precisions(part, CLASSES, limit).values())
        assert mine[:2] == pytest.approx(expected[row, :2], abs=1e-6)
        assert math.isnan(mine[2])
    assert mean_average_precision(part, CLASSES, 0.5) == pytest.approx(expected[0, :2].mean(), abs=1e-6)
    assert mean_average_precision(part, CLASSES) == pytest.approx(expected[:, :2].mean(), abs=1e-6)


def test_the_figures_are_cocos_too() -> None:
    part = _random_part(7, images=60, jitter=1.0)
    expected, metrics = _coco(part, 3), _metrics(part)
    assert metrics["map_50"].value == pytest.approx(expected[0, :2].mean(), abs=1e-6)
    assert metrics["map_50_95"].value == pytest.approx(expected[:, :2].mean(), abs=1e-6)
    assert metrics["ap_50/scratch"].value == pytest.approx(expected[0, 1], abs=1e-6)
    assert "ap_50/pore" not in metrics


def test_average_precision_by_hand() -> None:
    hits = np.array([True, False, True])
    # Precision 1 up to recall 0.25, then 2/3 up to recall 0.5, then none; of 101 recalls 26, 25 and 50.
    assert average_precision(hits, 4) == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)
    assert average_precision(hits, 4, interpolated=False) == pytest.approx((1 + 2 / 3) / 4)
    assert average_precision(np.array([False, True]), 1, interpolated=False) == 0.5
    assert average_precision(np.zeros(0, bool), 3) == 0
    assert average_precision(np.zeros(3, bool), 3) == 0
    assert math.isnan(average_precision(np.zeros(2, bool), 0))


def test_the_pooled_figure_ranks_all_types_in_one_list() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0), (20, 20, 30, 30, 1, 1))
    found = _boxes((0, 0, 10, 10, 0.9, 0), (50, 50, 60, 60, 0.8, 0), (20, 20, 30, 30, 0.7, 1))
    metrics = _metrics([Compared("a", found, truth)])
    assert metrics["ap_33_pooled"].value == pytest.approx((1 + 2 / 3) / 2)
    assert metrics["map_33"].value == pytest.approx(1)


def test_the_surest_box_takes_the_true_one_it_overlaps_most() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0), (4, 0, 14, 10, 1, 0))
    found = _boxes((3, 0, 13, 10, 0.5, 0), (4, 0, 14, 10, 0.9, 0), (0, 0, 10, 10, 0.1, 0))
    assert matching.match(found, truth, [0.33, 0.6]).tolist() == [[0, 1, -1], [-1, 1, 0]]


def test_a_second_box_on_the_same_defect_is_invented_and_another_type_is_no_match() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0))
    twice = _boxes((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.9, 0))
    assert matching.match(twice, truth, [0.5]).tolist() == [[0, -1]]
    assert matching.match(_boxes((0, 0, 10, 10, 0.9, 1)), truth, [0.5]).tolist() == [[-1]]


def test_an_iou_of_the_limit_suffices() -> None:
    truth, found = _boxes((0, 0, 5, 1, 1, 0)), _boxes((0, 0, 3, 1, 0.9, 0))
    assert matching.match(found, truth, [3 / 5, 0.61]).tolist() == [[0], [-1]]


def test_rates_at_thresholds_by_hand() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0), (20, 0, 30, 10, 1, 0), (40, 0, 50, 10, 1, 1))
    found = _boxes((0, 0, 10, 10, 0.9, 0), (20, 0, 30, 10, 0.4, 0), (60, 0, 70, 10, 0.6, 0), (40, 0, 50, 10, 0.4, 1))
    told = rates([Compared("a", found, truth)], CLASSES, [0.5, 0.3, 0.5], 0.5)
    assert told["dent"] == (0.5, 0.5, 0.5)
    assert told["scratch"] == (1, 1, 1)
    assert told[ANY_DEFECT] == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert all(math.isnan(value) for value in told["pore"])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_threshold_drops_boxes_as_if_they_had_never_been_found(seed: int, threshold: float) -> None:
    part = _random_part(seed, images=6)
    kept = [Compared(one.group, matching.sure_enough(one.found, [threshold] * 3), one.truth) for one in part]
    told, cut = rates(part, CLASSES, [threshold] * 3, 0.5), rates(kept, CLASSES, [0, 0, 0], 0.5)
    assert {n: repr(r) for n, r in told.items()} == {n: repr(r) for n, r in cut.items()}


def test_best_thresholds_lie_between_scores_and_rare_types_take_the_pooled_one() -> None:
    part = []
    for number in range(6):
        truth = _boxes((0, 0, 10, 10, 1, 0))
        found = _boxes((0, 0, 10, 10, 0.8, 0), (50, 0, 60, 10, 0.25, 0))
        if number < 2:
            truth = matching.joined([truth, _boxes((20, 0, 30, 10, 1, 1))])
            found = matching.joined([found, _boxes((20, 0, 30, 10, 0.5, 1))])
        part.append(Compared(str(number), found, truth))
    dent, scratch, pore = best_thresholds(part, CLASSES, 0.5)
    assert dent == pytest.approx((0.8 + 0.25) / 2)
    assert scratch == pore == pytest.approx((0.5 + 0.25) / 2)


def test_where_nothing_is_found_the_threshold_is_a_half() -> None:
    part = [Compared("a", Boxes.empty(), _boxes((0, 0, 9, 9, 1, 0)))]
    assert best_thresholds(part, CLASSES, 0.5).tolist() == HALF
    assert best_thresholds([], CLASSES, 0.5).tolist() == HALF


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_best_threshold_is_as_good_as_any(seed: int) -> None:
    part = _random_part(seed, images=12, types=1, levels=7)
    best = rates(part, ("dent",), best_thresholds(part, ("dent",), 0.5), 0.5)[ANY_DEFECT].f
    others = [rates(part, ("dent",), [limit], 0.5)[ANY_DEFECT].f for limit in np.linspace(0, 1, 50)]
    assert math.isnan(best) or best >= np.nanmax(others) - 1e-12


def test_recall_by_size_counts_the_root_of_the_area() -> None:
    truth = _boxes((0, 0, 8, 8, 1, 0), (0, 20, 40, 30, 1, 0), (100, 100, 200, 200, 1, 1))
    found = _boxes((0, 0, 8, 8, 0.9, 0), (0, 20, 40, 30, 0.4, 0), (100, 100, 200, 200, 0.9, 1))
    metrics = _metrics([Compared("a", found, truth)])
    sizes = {name: metric.value for name, metric in metrics.items() if name.startswith("recall_by_size/")}
    assert sizes == {
        "recall_by_size/side-under-16px": 1,
        "recall_by_size/side-16-32px": 0,
        "recall_by_size/side-from-64px": 1,
    }


def test_every_interval_holds_its_figure_and_no_part_gives_none() -> None:
    for metric in _metrics(_random_part(3)).values():
        assert 0 <= metric.low <= metric.value <= metric.high <= 1
    assert detection_figures([], CLASSES, HALF) == ()
    assert detection_figures([Compared("a", Boxes.empty(), Boxes.empty())], CLASSES, HALF) == ()


def test_good_parts_alone_still_tell_the_precision() -> None:
    metrics = _metrics([Compared("a", _boxes((0, 0, 9, 9, 0.9, 0)), Boxes.empty())])
    assert {name: metric.value for name, metric in metrics.items()} == dict.fromkeys(
        ["f_33", "precision_33", "f_33/dent", "precision_33/dent", "f_50", "precision_50"], 0
    )


def test_intervals_are_those_of_matching_drawn_groups_anew() -> None:
    part = _random_part(11, images=80, levels=200, jitter=1.0)
    groups = sorted({one.group for one in part})
    random = np.random.default_rng(5)
    values = []
    for _ in range(150):
        drawn = [groups[number] for number in random.integers(len(groups), size=len(groups))]
        again = [one for name in drawn for one in part if one.group == name]
        values.append(mean_average_precision(again, CLASSES, 0.5))
    low, high = np.percentile(values, (2.5, 97.5))
    metric = _metrics(part)["map_50"]
    assert metric.interval == "bootstrap over groups"
    assert (metric.low, metric.high) == pytest.approx((low, high), abs=0.25 * (high - low))


def test_copies_in_one_group_prove_no_more_than_one() -> None:
    part = _random_part(12, images=40)
    once, copied = _metrics(part), _metrics(part * 5)
    for name in ("map_50", "f_33", "recall_33"):
        assert copied[name].count == once[name].count
        width = once[name].high - once[name].low
        assert copied[name].high - copied[name].low == pytest.approx(width, rel=0.15)


def test_one_defective_part_proves_little() -> None:
    part = [Compared("bad", _boxes((0, 0, 9, 9, 0.9, 0)), _boxes((0, 0, 9, 9, 1, 0)))]
    part += [Compared(f"good {n}", Boxes.empty(), Boxes.empty()) for n in range(40)]
    metrics = _metrics(part)
    assert {metrics[name].value for name in ("map_50", "recall_33", "f_33", "ap_33_pooled")} == {1.0}
    assert all(metric.low < 0.3 for metric in metrics.values())


def test_the_order_of_images_changes_no_figure() -> None:
    part = _random_part(13, levels=10_000)
    forward, backward = _metrics(part), _metrics(part[::-1])
    for name, metric in forward.items():
        assert metric.model_dump() == pytest.approx(backward[name].model_dump(), abs=0.02)


def test_types_said_are_counted_beside_what_was_missed_and_invented() -> None:
    truth = _boxes((0, 0, 10, 10, 1, 0), (20, 0, 30, 10, 1, 0), (40, 0, 50, 10, 1, 2))
    found = _boxes((0, 0, 10, 10, 0.6, 0), (0, 0, 10, 10, 0.9, 1), (20, 0, 30, 10, 0.7, 1), (40, 0, 50, 10, 0.1, 2))
    counts = matching.type_counts([Compared("a", found, truth)], CLASSES, HALF)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]


def test_a_type_beyond_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="part 7: expected boxes of the types 0 to 2, got 3 to 3") as refusal:
        mean_average_precision([Compared("part 7", _boxes((0, 0, 9, 9, 0.5, 3)), Boxes.empty())], CLASSES)
    assert refusal.value.hint


def test_five_hundred_images_take_seconds() -> None:
    random = np.random.default_rng(0)
    part = []
    for number in range(500):
        low = random.uniform(0, 600, (10, 2))
        truth = Boxes(np.hstack([low, low + 30]).astype(np.float32), np.ones(10, np.float32), random.integers(0, 3, 10))
        moved = truth.corners + random.normal(0, 3, (10, 4)).astype(np.float32)
        part.append(Compared(str(number), Boxes(moved, random.random(10).astype(np.float32), truth.classes), truth))
    start = time.process_time()
    assert len(_metrics(part)) > 15
    assert time.process_time() - start < 20
