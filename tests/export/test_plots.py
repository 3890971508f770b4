"""Pictures must show what happened: what was true, what was said, and how often that was right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.special import expit, logit

from sightline.export import plots
from sightline.export.calibrate import Calibrator
from sightline.export.evaluate import Scored
from sightline.index import Sample
from sightline.verdict import ANY_DEFECT, Policy, Threshold

CLASSES = ("dent", "scratch")
HALF = Threshold(ng=0.5, review=0.5)
ONE = Policy(exclusive=True, good_known=True, thresholds={ANY_DEFECT: HALF})
SEVERAL = Policy(exclusive=False, good_known=True, thresholds=dict.fromkeys(CLASSES, HALF))


def _scored(labels: list[tuple[str, ...]], scores: list[list[float]], policy: Policy, group: str = "") -> Scored:
    samples = tuple(Sample(path=f"{i}.png", labels=shown, group=group or f"g{i}") for i, shown in enumerate(labels))
    return Scored(samples, np.array(scores, np.float32), CLASSES, policy)


def _counts(figure: Figure) -> list[dict[tuple[int, int], str]]:
    """The numbers in each panel, by row (true) and column (said)."""
    at = [{(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in a.texts} for a in figure.axes]
    return [panel for panel in at if panel]


def _points(figure: Figure) -> list[tuple[np.ndarray, np.ndarray]]:
    """Coordinates of the points with bars, one pair a line."""
    lines = [container.lines[0] for container in figure.axes[0].containers]
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in lines]


def test_one_type_a_frame_has_one_table_with_good() -> None:
    labels: list[tuple[str, ...]] = [(), (), ("dent",), ("scratch",)]
    scored = _scored(labels, [[0.1, 0.1], [0.9, 0.0], [0.9, 0.0], [0.9, 0.0]], ONE)
    assert _counts(plots.confusion(scored)) == [{(0, 0): "1", (0, 1): "1", (1, 1): "1", (2, 1): "1"}]


def test_several_types_a_frame_have_a_table_each() -> None:
    labels: list[tuple[str, ...]] = [(), (), ("dent",), CLASSES]
    scored = _scored(labels, [[0.1, 0.1], [0.1, 0.9], [0.2, 0.1], [0.9, 0.9]], SEVERAL)
    figure = plots.confusion(scored)
    dent, scratch = _counts(figure)
    assert dent == {(0, 0): "2", (1, 0): "1", (1, 1): "1"}
    assert scratch == {(0, 0): "2", (0, 1): "1", (1, 1): "1"}
    assert [axes.get_title() for axes in figure.axes] == list(CLASSES)


def test_reliability_of_several_types_is_a_line_each() -> None:
    labels: list[tuple[str, ...]] = [("dent",), ()] * 40
    scored = _scored(labels, [[0.8, 0.1], [0.3, 0.1]] * 40, SEVERAL)
    dent, scratch = _points(plots.reliability(scored))
    assert list(dent[0]) == pytest.approx([0.3] * 5 + [0.8] * 5)
    assert list(dent[1]) == [0] * 5 + [1] * 5
    assert list(scratch[1]) == [0] * 10


@pytest.mark.parametrize(("group", "longest"), [("", 0.4), ("one part", 0.8)])
def test_reliability_shows_the_bins_of_the_calibration_error_with_bars_over_groups(group: str, longest: float) -> None:
    random = np.random.default_rng(0)
    defect = random.uniform(0.5, 1, 200)
    labels: list[tuple[str, ...]] = [("dent",)] * 200
    figure = plots.reliability(_scored(labels, [[p, 0.0] for p in defect], ONE, group))
    (container,) = figure.axes[0].containers
    bars = container.lines[2][0].get_segments()
    assert len(bars) == 10
    lengths = [abs(bar[1, 1] - bar[0, 1]) for bar in bars]
    assert longest / 4 < max(lengths) < longest
    (points,) = _points(figure)
    assert list(points[0]) == pytest.approx([part.mean() for part in np.array_split(np.sort(defect), 10)], abs=1e-6)


def test_reliability_before_calibration_stands_beside_that_after() -> None:
    scored = _scored([("dent",), ()] * 40, [[0.8, 0.1], [0.3, 0.1]] * 40, SEVERAL)
    calibrator = Calibrator("platt", False, np.full(2, 0.5), np.zeros(2), 80, 0.0, 0.0)
    figure = plots.reliability(replace(scored, calibrator=calibrator))
    before, after, *below = figure.axes
    assert [axes.get_title().split(",")[0] for axes in (before, after)] == ["before calibration", "after"]
    lines = [axes.containers[0].lines[0].get_xdata() for axes in (before, after)]
    assert lines[0][-1] == pytest.approx(expit(2 * logit(0.8)))
    assert lines[1][-1] == pytest.approx(0.8)
    assert len(below) == 2


@pytest.mark.parametrize("policy", [ONE, SEVERAL])
def test_every_picture_is_drawn(policy: Policy, tmp_path: Path) -> None:
    labels: list[tuple[str, ...]] = [(), ("dent",), ("scratch",)] * 5
    scored = _scored(labels, [[0.1, 0.1], [0.9, 0.0], [0.0, 0.9]] * 5, policy)
    assert all(path.stat().st_size > 1000 for path in plots.all_plots(scored, tmp_path))
