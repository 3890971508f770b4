"""Pictures of boxes and regions must show the counts and figures they stand for."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from sightline.boxes import Boxes
from sightline.bundle.manifest import Metric
from sightline.export import localise_plots, plots
from sightline.export.matching import Compared

CLASSES = ("dent", "scratch", "pore")
HALF = [0.5] * 3


def _boxes(*rows: tuple[float, float, float, float, float, int]) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Boxes(table[:, :4], table[:, 4], table[:, 5].astype(np.int64))


TRUTH = _boxes((0, 0, 10, 10, 1, 0), (20, 0, 30, 10, 1, 0), (40, 0, 50, 10, 1, 1))
FOUND = _boxes(
    (0, 0, 10, 10, 0.9, 0),
    (70, 0, 80, 10, 0.8, 0),
    (20, 0, 30, 10, 0.4, 0),
    (40, 0, 50, 10, 0.7, 0),
    (60, 0, 70, 9, 0.6, 1),
)
PART = [Compared("a", FOUND, TRUTH)]


def _metric(name: str, value: float, low: float, high: float) -> Metric:
    return Metric(name=name, value=value, low=low, high=high, count=7, interval="Wilson over groups")


def _texts(figure: Figure) -> dict[tuple[int, int], str]:
    at = [(text.get_position(), text.get_text()) for text in figure.axes[0].texts]
    return {(int(row), int(column)): text for (column, row), text in at}


def test_a_curve_is_precision_over_recall_with_its_average_precision() -> None:
    figure = localise_plots.precision_recall(PART, CLASSES, HALF)
    axes = figure.axes[0]
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    dent = next(line for line in lines if str(line.get_label()).startswith("dent"))
    assert len(lines) == 2  # no pore is true
    assert np.asarray(dent.get_xdata())[1:].tolist() == [0.5, 0.5, 0.5, 1.0]
    assert np.asarray(dent.get_ydata())[1:].tolist() == pytest.approx([1, 1 / 2, 1 / 3, 2 / 4])
    assert dent.get_label() == f"dent: AP {(51 + 50 * 0.5) / 101:.3f}, 2 true"
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert (dots[0].get_xdata()[0], dots[0].get_ydata()[0]) == pytest.approx((0.5, 1 / 3))


def test_equal_scores_are_one_point() -> None:
    found = _boxes((70, 0, 80, 10, 0.5, 0), (0, 0, 10, 10, 0.5, 0))
    line = localise_plots.precision_recall([Compared("a", found, TRUTH)], CLASSES).axes[0].lines[0]
    assert np.asarray(line.get_ydata()).tolist() == [0.5, 0.5]


def test_the_table_counts_what_was_said_missed_and_invented() -> None:
    figure = localise_plots.types_said(PART, CLASSES, HALF)
    assert _texts(figure) == {(0, 0): "1", (0, 3): "1", (1, 0): "1", (3, 0): "1", (3, 1): "1"}
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [*CLASSES, "invented"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == [*CLASSES, "missed"]


def test_bars_have_the_length_of_the_recall_and_the_ends_of_its_interval() -> None:
    metrics = [
        _metric("recall_33", 0.5, 0.4, 0.6),
        _metric("recall_by_size/side-under-16px", 0.25, 0.125, 0.5),
        _metric("recall_by_size/side-16-32px", 0.75, 0.5, 1),
    ]
    figure = localise_plots.recall_by_size(metrics, "recall_by_size/")
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches[2:]] == [0.25, 0.75]
    ends = [segment[:, 1].tolist() for segment in axes.containers[2].lines[2][0].get_segments()]
    assert ends == [[0.125, 0.5], [0.5, 1]]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["side under 16 px\n7 groups", "side 16-32 px\n7 groups"]


@pytest.mark.parametrize("part", [PART, [], [Compared("a", Boxes.empty(), Boxes.empty())]])
def test_every_picture_is_drawn_even_of_nothing(part: list[Compared], tmp_path: Path) -> None:
    figures = [
        localise_plots.precision_recall(part, CLASSES, HALF),
        localise_plots.types_said(part, CLASSES, HALF),
        localise_plots.recall_by_size([], "recall_by_size/"),
    ]
    for number, figure in enumerate(figures):
        assert plots.save(figure, tmp_path / f"{number}.png").stat().st_size > 1000
