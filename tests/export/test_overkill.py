"""The recall at a share of overkill must reject no more good images than allowed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import DataError
from sightline.export.overkill import Peaks, overkill_figure, peaks_of


def _good(*heats: float) -> list[Peaks]:
    return [Peaks(True, heat, (), f"good {n}") for n, heat in enumerate(heats)]


def _bad(*peaks: float) -> Peaks:
    return Peaks(False, max(peaks), peaks, f"bad {peaks}")


def _recall(rows: list[Peaks], overkill: float) -> float | None:
    metric = overkill_figure("recall", rows, overkill)
    return None if metric is None else metric.value


GOOD = _good(0.1, 0.2, 0.3, 0.9)


def test_by_hand() -> None:
    rows = [*GOOD, _bad(0.95, 0.5, 0.3), _bad(0.1)]
    assert _recall(rows, 0) == 0.25
    assert _recall(rows, 0.25) == 0.5
    assert _recall(rows, 0.24) == 0.25
    assert _recall(rows, 0.5) == 0.75


def test_without_a_good_image_or_an_instance_there_is_none() -> None:
    assert _recall(GOOD, 0.01) is None
    assert _recall([_bad(0.5)], 0.01) is None
    assert _recall([], 0.01) is None


@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=30),
    st.lists(st.integers(0, 8), min_size=1, max_size=30),
    st.floats(0, 0.99),
)
def test_it_is_the_best_recall_of_all_allowed_thresholds(good, peaks, overkill) -> None:
    rows = [*_good(*map(float, good)), _bad(*map(float, peaks))]
    allowed = [limit for limit in np.arange(-0.5, 9) if np.mean(np.array(good) >= limit) <= overkill + 1e-12]
    assert _recall(rows, overkill) == pytest.approx(np.mean(np.array(peaks) >= min(allowed)))


@pytest.mark.parametrize("overkill", [-0.1, 1.0, float("nan")])
def test_a_share_that_leaves_no_good_image_is_refused(overkill: float) -> None:
    with pytest.raises(DataError, match="from 0 to below 1"):
        _recall(GOOD, overkill)


def test_the_figure_has_an_interval_over_groups() -> None:
    random = np.random.default_rng(0)
    rows = [Peaks(True, float(random.normal(0, 1)), (), f"good {n // 2}") for n in range(80)]
    rows += [Peaks(False, 3.0, tuple(random.normal(1.5, 1, 3).tolist()), f"bad {n}") for n in range(40)]
    metric = overkill_figure("recall_at_5", rows, 0.05)
    assert metric is not None
    assert metric.low < metric.value < metric.high
    assert 0.1 < metric.high - metric.low < 0.7
    assert metric.count == 80
    assert overkill_figure("recall_at_5", rows[:80], 0.05) is None


def test_peaks_are_taken_over_all_types() -> None:
    heat, truth = np.zeros((2, 9, 9), np.float32), np.zeros((2, 9, 9), bool)
    truth[0, 1, 1] = truth[0, 5:7, 5:7] = truth[1, 8, 8] = True
    heat[0, 1, 1], heat[1, 6, 6], heat[0, 0, 8] = 0.5, 0.75, 0.875
    assert peaks_of(heat, truth, "a") == Peaks(False, 0.875, (0.5, 0.75, 0.0), "a")
    assert peaks_of(heat, truth & False, "a") == Peaks(True, 0.875, (), "a")
