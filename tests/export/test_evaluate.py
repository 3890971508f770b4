"""Figures must match their definitions, and intervals must hold and count groups."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from sightline.bundle.manifest import Metric
from sightline.export.calibrate import Calibrator
from sightline.export.evaluate import Scored, auroc, evaluate, truth_of
from sightline.index import Sample
from sightline.verdict import ANY_DEFECT, Defect, Outcome, Policy, Threshold

CLASSES = ("dent", "scratch")
GOOD_POLICY = Policy(exclusive=True, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.4)})
_EACH = {name: Threshold(ng=0.5, review=0.5) for name in CLASSES}
SEVERAL = Policy(exclusive=False, good_known=True, thresholds=_EACH)
NO_GOOD = Policy(exclusive=True, good_known=False, thresholds=_EACH)


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


@pytest.mark.parametrize("highest_good", [0.1, 0.95])
def test_one_defective_part_proves_little_however_many_good_ones_there_are(highest_good: float) -> None:
    """Flawless, or with one good part above the only defective one: neither is known to the hundredth."""
    good = np.linspace(0, 0.1, 399)
    good[-1] = highest_good
    figures = _by_name(evaluate(_scored([("dent", [0.9, 0.0]), *(("", [float(s), 0.0]) for s in good)])))
    assert figures["auroc"].value > 0.99
    for name in ("auroc", "average_precision", "auroc/dent", "macro_f1"):
        assert figures[name].low < 0.3, figures[name]


def test_many_of_both_kinds_narrow_the_interval_of_a_flawless_figure() -> None:
    rows = [("dent", [0.9, 0.0]), ("", [0.1, 0.0])] * 100
    figure = _by_name(evaluate(_scored(rows)))["auroc"]
    assert (figure.value, figure.high) == (1, 1)
    assert 0.95 < figure.low < 0.99


def test_pictures_of_one_defective_part_are_one_proof() -> None:
    rows = [*[("dent", [0.9, 0.0])] * 20, *[("", [0.1, 0.0])] * 200]
    samples = tuple(
        Sample(path=f"{i}.png", labels=(name,) if name else (), group=name or f"{i}")
        for i, (name, _) in enumerate(rows)
    )
    scored = Scored(samples, np.array([s for _, s in rows], np.float32), CLASSES, GOOD_POLICY)
    assert _by_name(evaluate(scored))["auroc"].low < 0.3


@pytest.mark.parametrize("seed", range(12))
def test_the_calibration_error_lies_in_its_interval(seed: int) -> None:
    random = np.random.default_rng(seed)
    sure = random.uniform(0.5, 1, 60)  # and it is right that often, so that the error is all noise
    rows = [("dent" if random.random() < p else "scratch", [p, 1 - p]) for p in sure]
    figure = _by_name(evaluate(_scored(rows, NO_GOOD)))["calibration_error"]
    assert 0 <= figure.low <= figure.value <= figure.high <= 1


@pytest.mark.parametrize(
    ("policy", "calibrator"),
    [
        (GOOD_POLICY, Calibrator("platt", True, np.full(3, 0.4), np.array([1.0, 0, 0]), 9, 0.0, 0.0)),
        (NO_GOOD, Calibrator("temperature", True, np.full(2, 1.7), np.zeros(2), 9, 0.0, 0.0)),
        (SEVERAL, Calibrator("platt", False, np.array([0.4, 2.0]), np.array([1.0, -1.0]), 9, 0.0, 0.0)),
    ],
)
def test_what_scores_were_before_calibration_is_told_back_from_them(policy: Policy, calibrator: Calibrator) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (60, len(calibrator.scale)))
    bare = replace(calibrator, scale=np.ones_like(calibrator.scale), bias=np.zeros_like(calibrator.bias))
    scores = calibrator.probabilities(logits)[:, -2:].astype(np.float32)
    samples = tuple(Sample(path=f"{i}.png", labels=(CLASSES[i % 2],)) for i in range(60))
    scored = Scored(samples, scores, CLASSES, policy, calibrator=calibrator)
    np.testing.assert_allclose(scored.before, bare.probabilities(logits), atol=1e-3)
    figures, alone = (_by_name(evaluate(replace(scored, calibrator=one))) for one in (calibrator, None))
    assert figures.keys() - alone.keys() == {"log_loss_before", "calibration_error_before"}
    before = Scored(samples, bare.probabilities(logits)[:, -2:].astype(np.float32), CLASSES, policy)
    for name in ("log_loss", "calibration_error"):
        assert figures[f"{name}_before"].value == pytest.approx(_by_name(evaluate(before))[name].value, abs=1e-3)


@pytest.mark.parametrize("policy", [GOOD_POLICY, SEVERAL])
def test_scores_are_judged_as_probabilities_unless_they_are_of_located_defects(policy: Policy) -> None:
    proper = {"log_loss", "brier", "calibration_error"}
    scored = _scored(ROWS, policy)
    assert proper <= _by_name(evaluate(scored)).keys()
    assert not proper & _by_name(evaluate(replace(scored, located=((),) * len(ROWS)))).keys()


def test_one_part_alone_does_not_tell_how_a_loss_varies() -> None:
    figures = _by_name(evaluate(_scored(ROWS, groups=1)))
    assert "log_loss" not in figures
    assert figures["accuracy"].high - figures["accuracy"].low > 0.5


def test_no_rate_is_given_where_nothing_was_counted() -> None:
    figures = _by_name(evaluate(_scored([("dent", [0.9, 0.0])] * 8)))
    assert "overkill_rate" not in figures
    assert "auroc" not in figures
    assert "recall/scratch" not in figures


def test_several_types_a_frame() -> None:
    both = Sample(path="a.png", labels=CLASSES, group="a")
    one = Sample(path="b.png", labels=("dent",), group="b")
    scored = Scored((both, one), np.array([[0.9, 0.4], [0.9, 0.1]], np.float32), CLASSES, SEVERAL)
    figures = _by_name(evaluate(scored))
    assert figures["exact_match"].value == pytest.approx(0.5)
    assert figures["recall/scratch"].value == 0
    assert figures["escape_rate"].value == 0


def test_a_type_is_said_by_the_score_that_counts_as_in_the_verdict() -> None:
    policy = SEVERAL.model_copy(update={"minimum_area": 20.0})
    speck, dent, unsure = Defect("dent", 0.9, area=4), Defect("dent", 0.9, area=40), Defect("dent", 0.45, area=40)
    part = _scored([("", [0.9, 0.0])] * 4, policy)
    part = replace(part, located=((speck,), (speck, unsure), (dent, speck), (replace(dent, area=None),)))
    assert part.counted[:, 0].tolist() == pytest.approx([0, 0.45, 0.9, 0.9])
    assert part.said[:, 0].tolist() == [False, False, True, True]
    assert [verdict.outcome is Outcome.NG for verdict in part.verdicts] == part.said[:, 0].tolist()


def test_a_good_frame_shows_no_type_where_several_are_possible() -> None:
    scored = _scored([("", [0.1, 0.2]), ("dent", [0.9, 0.1])], SEVERAL)
    assert scored.right.all()
    assert not scored.shown[0].any()
    assert not scored.said[0].any()


@given(st.integers(0, 10_000), st.integers(2, 40))
def test_auroc_agrees_with_scikit_learn(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    truth = np.arange(count) < random.integers(1, count)
    score = np.round(random.random(count), 1)
    assert auroc(truth, score) == pytest.approx(roc_auc_score(truth, score))


def test_macro_f1_agrees_with_scikit_learn() -> None:
    scored = _scored(ROWS * 3)
    expected = f1_score(scored.shown.argmax(axis=1), scored.said.argmax(axis=1), average="macro")
    assert _by_name(evaluate(scored))["macro_f1"].value == pytest.approx(expected)


def test_a_type_that_happens_to_be_called_anomaly_is_a_type_like_any():
    samples = [Sample(path="a", labels=("anomaly",)), Sample(path="b", labels=("dent",)), Sample(path="c")]
    assert truth_of(samples, ("anomaly", "dent")).tolist() == [[True, False], [False, True], [False, False]]
