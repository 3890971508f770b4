"""Figures must match their definitions, and intervals must hold and count groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from sightline.bundle.manifest import Metric
from sightline.export.evaluate import Scored, auroc, evaluate, wilson
from sightline.index import Sample
from sightline.verdict import ANY_DEFECT, Policy, Threshold

CLASSES = ("dent", "scratch")
GOOD_POLICY = Policy(exclusive=True, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.4)})


def _scored(rows: list[tuple[str, list[float]]], policy: Policy = GOOD_POLICY, groups: int = 0) -> Scored:
    samples = tuple(
        Sample(path=f"{i}.png", labels=(label,) if label else (), group=f"g{i % groups}" if groups else f"g{i}")
        for i, (label, _) in enumerate(rows)
    )
    return Scored(samples, np.array([s for _, s in rows], np.float32), CLASSES, policy)


def _by_name(metrics: tuple[Metric, ...]) -> dict[str, Metric]:
    return {m.name: m for m in metrics}


ROWS = [
    ("", [0.1, 0.1]),
    ("", [0.3, 0.3]),
    ("dent", [0.9, 0.0]),
    ("dent", [0.2, 0.1]),
    ("scratch", [0.0, 0.8]),
    ("scratch", [0.25, 0.2]),
]


def test_figures_of_a_small_set_counted_by_hand() -> None:
    figures = _by_name(evaluate(_scored(ROWS)))
    assert figures["accuracy"].value == pytest.approx(4 / 6)
    assert figures["recall/dent"].value == pytest.approx(1 / 2)
    assert figures["precision/good"].value == pytest.approx(2 / 4)
    assert figures["escape_rate"].value == pytest.approx(1 / 4)
    assert figures["overkill_rate"].value == pytest.approx(1 / 2)
    assert figures["review_rate"].value == pytest.approx(1 / 6)


def test_every_figure_lies_in_its_interval() -> None:
    for metric in evaluate(_scored(ROWS * 20)):
        assert metric.low <= metric.value + 1e-9, metric
        assert metric.value <= metric.high + 1e-9, metric


def test_intervals_count_groups_not_images() -> None:
    apart = _by_name(evaluate(_scored(ROWS * 10)))["accuracy"]
    together = _by_name(evaluate(_scored(ROWS * 10, groups=6)))["accuracy"]
    assert (apart.count, together.count) == (60, 6)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_a_flawless_figure_still_has_an_interval() -> None:
    rows = [("dent", [0.9, 0.05]), ("scratch", [0.05, 0.9])] * 20
    figure = _by_name(evaluate(_scored(rows)))["macro_f1"]
    assert figure.value == 1
    assert figure.low < 0.95


def test_no_rate_is_given_where_nothing_was_counted() -> None:
    figures = _by_name(evaluate(_scored([("dent", [0.9, 0.0])] * 8)))
    assert "overkill_rate" not in figures
    assert "auroc" not in figures
    assert "recall/scratch" not in figures


def test_several_types_a_frame() -> None:
    policy = Policy(
        exclusive=False, good_known=True, thresholds={name: Threshold(ng=0.5, review=0.5) for name in CLASSES}
    )
    both = Sample(path="a.png", labels=CLASSES, group="a")
    one = Sample(path="b.png", labels=("dent",), group="b")
    scored = Scored((both, one), np.array([[0.9, 0.4], [0.9, 0.1]], np.float32), CLASSES, policy)
    figures = _by_name(evaluate(scored))
    assert figures["exact_match"].value == pytest.approx(0.5)
    assert figures["recall/scratch"].value == 0
    assert figures["escape_rate"].value == 0


@given(st.integers(1, 400), st.floats(0, 1))
def test_wilson_holds_the_rate_and_narrows(count: int, share: float) -> None:
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    wide = wilson(share, count)
    narrow = wilson(share, count * 4)
    assert narrow[1] - narrow[0] <= wide[1] - wide[0] + 1e-12


def test_wilson_against_a_published_figure() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.integers(0, 10_000), st.integers(2, 40))
def test_auroc_agrees_with_scikit_learn(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    truth = np.arange(count) < random.integers(1, count)
    score = np.round(random.random(count), 1)
    assert auroc(truth, score) == pytest.approx(roc_auc_score(truth, score))


def test_macro_f1_agrees_with_scikit_learn() -> None:
    scored = _scored(ROWS * 3)
    expected = f1_score(scored.answers, scored.predictions, average="macro")
    assert _by_name(evaluate(scored))["macro_f1"].value == pytest.approx(expected)
