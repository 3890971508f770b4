"""Thresholds, edges and figures of the tasks that say where, where data are few or odd."""

from dataclasses import replace

import numpy as np
import pytest

import bundle_factory
from sightline import image
from sightline.boxes import Boxes
from sightline.bundle.manifest import Locate, Metric, Templates
from sightline.config import Preprocess
from sightline.config.decision import Decision
from sightline.config.recipe import Card
from sightline.export import card, local
from sightline.export.evaluate import Scored
from sightline.export.matching import Compared
from sightline.export.sweep import Outputs
from sightline.image import Place
from sightline.index import Box, Index, Sample
from sightline.runtime.reader import Reading
from sightline.verdict import ANY_DEFECT, Policy, Threshold

SIDE = 32
CLASSES = ("dent", "scratch")
PLACE = Place((SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE))


def _found(count: int, *, right: int) -> list[Compared]:
    """An image with so many boxes of the first type found, of which some are right."""
    corners = np.array([[4 * n, 0, 4 * n + 3, 3] for n in range(count)], np.float32).reshape(-1, 4)
    scores, classes = np.linspace(0.9, 0.1, count, dtype=np.float32), np.zeros(count, np.int64)
    truth = Boxes(corners[:right], np.ones(right, np.float32), classes[:right])
    return [Compared("a", Boxes(corners, scores, classes), truth)]


@pytest.mark.parametrize(("count", "right"), [(0, 0), (30, 30), (30, 0), (30, 5)])
def test_boxes_of_one_kind_alone_stay_as_they_are(count: int, right: int) -> None:
    calibrator = local._of_boxes(_found(count, right=right), 2, 0.5)
    assert calibrator.method == "none"
    np.testing.assert_array_equal((calibrator.scale, calibrator.bias), ([1, 1], [0, 0]))
    assert calibrator.count == count


def test_enough_boxes_of_either_kind_calibrate_their_type_alone() -> None:
    calibrator = local._of_boxes(_found(40, right=20), 2, 0.5)
    assert calibrator.method == "platt"
    assert calibrator.scale[1] == 1
    assert calibrator.log_loss_after <= calibrator.log_loss_before


def _part(tmp_path, scores, boxes=None) -> tuple[Outputs, Index]:
    """A dent with a mask and a box, and good parts: as many as there are scores."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:8, :8] = 255
    (tmp_path / "mask.png").write_bytes(image.png(mask))
    size, drawn = {"width": SIDE, "height": SIDE}, (Box(x1=0, y1=0, x2=8, y2=8, label="dent"),)
    samples = tuple(
        Sample(path=f"{n}.png", labels=() if n else ("dent",), boxes=() if n else drawn, **size)
        if n
        else Sample(path="0.png", labels=("dent",), mask="mask.png", boxes=drawn, **size)
        for n in range(len(scores))
    )
    table = np.array(scores, np.float32)
    readings = tuple(Reading(row, np.repeat(row, 16).reshape(2, 4, 4), boxes, PLACE) for row in table)
    return Outputs(samples, table, readings), Index(root=tmp_path, classes=CLASSES, samples=samples)


def test_without_any_box_found_there_is_a_policy_and_figures_of_nothing_found(tmp_path) -> None:
    outputs, index = _part(tmp_path, [(0.1, 0.1)] * 8, Boxes.empty())
    policy = local._by_boxes(outputs, index, Decision())
    assert {limit.ng for limit in policy.thresholds.values()} == {0.5}
    scored = Scored(outputs.samples, outputs.scores, CLASSES, policy)
    locate = Locate(by="boxes", peaks=dict.fromkeys(CLASSES, 0.5))
    figures = {metric.name: metric.value for metric in local.figures(scored, outputs, index, locate)}
    assert figures["map_50"] == 0
    assert figures["recall_33"] == 0
    assert "precision_33" not in figures


def test_maps_above_their_edge_say_nothing_where_the_frame_reaches_no_threshold(tmp_path) -> None:
    outputs, index = _part(tmp_path, [(0.4, 0.1)] * 4)
    locate = Locate(by="regions", peaks=dict.fromkeys(CLASSES, 0.3), edges=dict.fromkeys(CLASSES, 0.3))

    def figures(limit: float) -> dict[str, float]:
        policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=limit, review=limit)})
        scored = Scored(outputs.samples, outputs.scores, CLASSES, policy)
        return {metric.name: metric.value for metric in local.figures(scored, outputs, index, locate)}

    assert (figures(0.9)["instance_recall"], figures(0.9)["invented_per_image"]) == (0, 0)
    assert (figures(0.3)["instance_recall"], figures(0.3)["invented_per_image"]) == (1, 0.75)


@pytest.mark.parametrize(("by", "expected"), [("boxes", 1.0), ("regions", 64 / (4 * SIDE * SIDE))])
def test_what_the_gate_of_int8_asks_of_places_is_what_is_measured(tmp_path, by, expected) -> None:
    drawn = Boxes(np.array([[0, 0, 8, 8]], np.float32), np.array([0.9], np.float32), np.zeros(1, np.int64))
    outputs, index = _part(tmp_path, [(0.9, 0.1)] * 4, Boxes.empty() if by == "regions" else drawn)
    if by == "boxes":  # on the first image alone is a defect
        rest = tuple(replace(reading, boxes=Boxes.empty()) for reading in outputs.readings[1:])
        outputs = replace(outputs, readings=(outputs.readings[0], *rest))
    edges = dict.fromkeys(CLASSES, 0.3) if by == "regions" else {}
    located = {"locate": Locate(by=by, peaks=dict.fromkeys(CLASSES, 0.5), edges=edges), "classes": CLASSES}
    manifest = bundle_factory.manifest()
    policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)})
    manifest = manifest.model_copy(update={**located, "policy": policy})
    assert local.places(outputs, index, manifest) == pytest.approx(expected)
    assert local.places(outputs, index, manifest.model_copy(update={"locate": None})) is None


def test_the_thresholds_of_boxes_count_what_is_large_enough(tmp_path) -> None:
    """Specks on good parts, surer than the dent, take no threshold beyond it."""
    dent, speck = (
        Boxes(np.array([c], np.float32), np.array([s], np.float32), np.zeros(1, np.int64))
        for c, s in (((0, 0, 8, 8), 0.6), ((20, 20, 22, 22), 0.9))
    )
    outputs, index = _part(tmp_path, [(0.6, 0.0)] + [(0.9, 0.0)] * 8, speck)
    outputs = replace(outputs, readings=(replace(outputs.readings[0], boxes=dent), *outputs.readings[1:]))
    limits = [
        local._by_boxes(outputs, index, Decision(rule="overkill", overkill=0.01, minimum_area=least)).threshold("*").ng
        for least in (0, 20)
    ]
    assert limits[0] > 0.9
    assert limits[1] == pytest.approx(0.3)


def test_an_image_of_specks_alone_is_no_good_one_whose_heat_sets_the_overkill(tmp_path) -> None:
    outputs, index = _part(tmp_path, [(0.8, 0.1)] + [(0.2, 0.1)] * 4)
    speck = np.zeros((SIDE, SIDE), np.uint8)
    speck[20:22, 20:22] = 255
    (tmp_path / "speck.png").write_bytes(image.png(speck))
    hot = Sample(path="hot.png", labels=("dent",), mask="speck.png", width=SIDE, height=SIDE)
    readings = (*outputs.readings, replace(outputs.readings[0], maps=np.full((2, 4, 4), 0.9, np.float32)))
    samples, scores = (*outputs.samples, hot), np.vstack([outputs.scores, [[0.9, 0.1]]]).astype(np.float32)
    part = Outputs(samples, scores, readings)
    policy = Policy(
        exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)}, minimum_area=20
    )
    locate = Locate(by="regions", peaks=dict.fromkeys(CLASSES, 0.5), edges=dict.fromkeys(CLASSES, 0.3))
    figures = {
        metric.name: metric.value
        for metric in local.figures(Scored(samples, scores, CLASSES, policy), part, index, locate)
    }
    assert (figures["instance_recall"], figures["invented_per_image"]) == (1, 0)
    assert figures["instance_recall_at_overkill_5"] == 1


def test_figures_of_no_image(tmp_path) -> None:
    outputs, index = Outputs((), np.zeros((0, 2), np.float32), ()), Index(root=tmp_path, classes=CLASSES, samples=())
    policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)})
    scored = Scored((), outputs.scores, CLASSES, policy)
    assert local.figures(scored, outputs, index, Locate(by="boxes", peaks=dict.fromkeys(CLASSES, 0.5))) == ()


@pytest.mark.parametrize("by", ["boxes", "regions"])
def test_the_card_says_what_frames_need_and_how_defects_are_told(by) -> None:
    names = bundle_factory.CLASSES
    edges = dict.fromkeys(names, 0.25) if by == "regions" else {}
    metrics = tuple(
        Metric(name=name, value=0.5, low=0.1, high=0.9, count=8, interval="Wilson over groups")
        for name in ("map_50", "auroc", "ap_50/red", "auroc/red")
    )
    spec = Preprocess(
        height=64,
        width=64,
        align={"motion": "euclidean"},
        tiles={"overlap": 16},
        ignore=(((0, 0), (9, 0), (9, 9)),),
        mm_per_pixel=0.1,
    )
    manifest = bundle_factory.manifest()
    told = manifest.model_copy(
        update={
            "locate": Locate(by=by, peaks=dict.fromkeys(names, 0.4), edges=edges),
            "templates": Templates(compared=True, choose="match", variants={"left": "templates/left.png"}),
            "input": spec,
            "metrics": metrics,
            "policy": manifest.policy.model_copy(update={"minimum_area": 20.0}),
        }
    )
    text = card.write(told, Card(), size=1, kept="")
    places = [text.index(f"| {name} |") for name in ("map_50", "auroc", "ap_50/red", "auroc/red")]
    assert places == sorted(places)
    for part in ("smaller than 20 px of the frame (0.2 mm²)", "tiles of 64 x 64 px", "those of left", "is registered"):
        assert part in text
    assert "1 outlines are not inspected" in text
    assert ("| red | 0.4000 | 0.2500 |" in text) == (by == "regions")
