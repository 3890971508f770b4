"""The curve of regions is that of what the runtime would tell at each threshold."""

from dataclasses import replace

import numpy as np
import pytest

from sightline import image
from sightline.bundle.manifest import Locate
from sightline.export import localise_plots, told
from sightline.export.region_curves import Ranked, ranked
from sightline.export.regions import RegionTally
from sightline.export.sweep import Outputs
from sightline.image import Place
from sightline.index import Index, Sample
from sightline.runtime.reader import Reading
from sightline.verdict import Policy, Threshold

SIDE = 48
CLASSES = ("dent", "scratch")
PLACE = Place((SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE))
LOCATE = Locate(by="regions", peaks=dict.fromkeys(CLASSES, 0.5), edges=dict.fromkeys(CLASSES, 0.2))


def _policy(limit: float = 0.5, least: float = 0.0) -> Policy:
    thresholds = {name: Threshold(ng=limit, review=limit) for name in CLASSES}
    return Policy(exclusive=False, good_known=True, thresholds=thresholds, minimum_area=least)


def _part(tmp_path) -> tuple[Outputs, Index]:
    """Three dents, of which the map of one image says two and invents two; a good image, on which it invents one."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[4:12, 4:12] = mask[4:12, 20:28] = mask[30:38, 4:12] = 255
    (tmp_path / "mask.png").write_bytes(image.png(mask))
    size = {"width": SIDE, "height": SIDE}
    samples = (Sample(path="0.png", labels=("dent",), mask="mask.png", **size), Sample(path="1.png", **size))
    maps = np.full((2, 2, SIDE, SIDE), 0.01, np.float32)
    for row, column, value in ((4, 4, 0.9), (4, 20, 0.4), (40, 40, 0.6), (40, 20, 0.3)):
        maps[0, 0, row : row + 6, column : column + 6] = value
    maps[1, 0, 10:16, 10:16] = 0.7
    readings = tuple(Reading(one.max((1, 2)), one, None, PLACE) for one in maps)
    index = Index(root=tmp_path, classes=CLASSES, samples=samples)
    return Outputs(samples, np.stack([one.scores for one in readings]), readings), index


def _ranked(tmp_path, least: float = 0.0, outputs: Outputs | None = None) -> list[Ranked]:
    part, index = _part(tmp_path)
    every = told.regions(outputs or part, index, CLASSES, _policy(least=least), LOCATE, ranked=True)
    return ranked(every, len(CLASSES))


def test_every_region_counts_at_its_score_whatever_the_threshold(tmp_path) -> None:
    recall, precision, scores = _ranked(tmp_path)[0].curve()
    assert scores[:5].tolist() == pytest.approx([0.9, 0.7, 0.6, 0.4, 0.3])
    assert recall[:5].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])
    assert precision[:5].tolist() == pytest.approx([1, 1 / 2, 1 / 3, 2 / 4, 2 / 5])


@pytest.mark.parametrize("limit", [0.25, 0.35, 0.5, 0.65, 0.8])
def test_at_each_threshold_the_recall_is_the_figure(tmp_path, limit: float) -> None:
    outputs, index = _part(tmp_path)
    recall, _, scores = _ranked(tmp_path)[0].curve()
    locate = LOCATE.model_copy(update={"peaks": dict.fromkeys(CLASSES, limit)})
    tally = RegionTally(CLASSES)
    for one in told.regions(outputs, index, CLASSES, _policy(limit), locate):
        tally.add(one.told, one.truth, [told.LEAST] * 2, outputs.samples[one.row].unit)
    figures = {metric.name: metric.value for metric in tally.metrics()}
    assert recall[scores >= limit][-1] == pytest.approx(figures["instance_recall_typed"])


def test_what_is_too_small_is_neither_right_nor_invented(tmp_path) -> None:
    assert (_ranked(tmp_path, least=20)[0].scores >= 0.3).sum() == 5
    outputs, _ = _part(tmp_path)
    maps = outputs.readings[0].maps.copy()
    maps[0, 44:46, 2:4] = 0.95
    readings = (replace(outputs.readings[0], maps=maps), outputs.readings[1])
    outputs = Outputs(outputs.samples, outputs.scores, readings)
    assert 0.95 in np.round(_ranked(tmp_path, 0, outputs)[0].scores, 4)
    assert 0.95 not in np.round(_ranked(tmp_path, 20, outputs)[0].scores, 4)


def test_the_picture_has_a_line_and_a_dot_of_each_type_that_is_true(tmp_path) -> None:
    axes = localise_plots.regions_precision_recall(_ranked(tmp_path), CLASSES, [0.5, 0.5]).axes[0]
    line, dot = axes.lines
    assert line.get_label() == "dent: 3 true"
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == pytest.approx((1 / 3, 1 / 3))
    nothing = localise_plots.regions_precision_recall(ranked([], 2), CLASSES, [0.5, 0.5])
    assert not nothing.axes[0].lines
