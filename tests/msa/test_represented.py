"""Repeatability of the model on parts that are shown again."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from sightline.errors import DataError
from sightline.msa import ALL_CHANGES, Presentation, repeatability
from sightline.verdict import Outcome


def shown(part, *scores, change="shift", threshold=0.5):
    return [Presentation(part, change, Outcome.NG if s >= threshold else Outcome.OK, s) for s in scores]


def test_spread_within_parts_whatever_lies_between_them():
    """Pooled by hand: squares of 0.1² · 2 and 0.2² · 2 on 2 + 1 degrees of freedom."""
    (told,) = repeatability([*shown("a", 0.1, 0.2, 0.3), *shown("b", 0.5, 0.9)], [0.99])
    assert told.spread == pytest.approx(math.sqrt((2 * 0.01 + 2 * 0.04) / 3))
    assert (told.change, told.changed.of, told.flips.of, told.flips.parts) == ("shift", 2, 5, 2)


def test_margins_are_in_spreads_of_the_logit():
    threshold = float(expit(2.0))
    steady = [Presentation("a", "light", Outcome.OK, float(expit(x))) for x in (-1.0, 1.0)]
    near = [Presentation("b", "light", Outcome.OK, float(expit(x))) for x in (0.0, 2.0)]
    (told,) = repeatability([*steady, *near], [threshold])
    assert told.logit_spread == pytest.approx(math.sqrt(2))
    assert told.margins == pytest.approx({"a": 2 / math.sqrt(2), "b": 1 / math.sqrt(2)})
    assert (told.close.count, told.close.of) == (2, 2)


def test_the_nearest_threshold_counts():
    far = shown("a", 0.50, 0.52, 0.48)
    (alone,), (both,) = repeatability(far, [0.9]), repeatability(far, [0.6, 0.9])
    assert both.margins["a"] < alone.margins["a"]


def test_each_part_may_have_thresholds_of_its_own():
    both = [*shown("a", 0.30, 0.32), *shown("b", 0.60, 0.62)]
    (told,) = repeatability(both, {"a": [0.31], "b": [0.9]})
    assert told.margins["a"] < 0.1
    assert told.margins["b"] == repeatability(both, [0.9])[0].margins["b"]


def test_flips_are_counted_against_the_usual_verdict_and_by_part():
    presentations = [
        *shown("steady", 0.1, 0.1, 0.1, 0.1),
        *shown("once", 0.9, 0.4, 0.9, 0.9),
        *shown("torn", 0.4, 0.6, 0.4, 0.6),
    ]
    (told,) = repeatability(presentations, [0.5])
    assert (told.changed.count, told.changed.of) == (2, 3)
    assert (told.flips.count, told.flips.of) == (3, 12)
    assert told.changed.interval == pytest.approx((0.0943, 0.9916), abs=5e-5)


def test_every_kind_of_change_has_its_row_and_all_together_theirs():
    presentations = [*shown("a", 0.1, 0.2), *shown("a", 0.4, 0.6, change="light"), *shown("b", 0.1, 0.1)]
    rows = repeatability(presentations, [0.5])
    assert [row.change for row in rows] == ["shift", "light", ALL_CHANGES]
    assert [row.changed.count for row in rows] == [0, 1, 1]
    assert [row.flips.of for row in rows] == [4, 2, 6]
    json.dumps([row.to_dict() for row in rows], allow_nan=False)


def test_a_model_that_never_moves_has_no_spread_and_a_margin_without_end():
    (told,) = repeatability([*shown("a", 0.2, 0.2), *shown("b", 0.5, 0.5)], [0.5])
    assert (told.spread, told.logit_spread) == (0, 0)
    assert told.margins == {"a": math.inf, "b": 0.0}
    assert told.close.count == 1
    assert told.to_dict()["margins"] == {"a": None, "b": 0.0}


def test_scores_at_the_end_of_the_scale_are_told():
    (told,) = repeatability(shown("a", 0.0, 1.0, 0.5), [1.0])
    assert told.saturated == 2
    assert math.isfinite(told.logit_spread)


def test_what_was_not_inspected_flips_but_has_no_score():
    nothing = Presentation("a", "noise", Outcome.NOT_INSPECTED, None)
    (told,) = repeatability([*shown("a", 0.2, 0.2, change="noise"), nothing], [0.5])
    assert (told.flips.count, told.flips.of, told.spread) == (1, 3, 0)
    (told,) = repeatability([nothing, nothing], [0.5])
    assert (told.spread, told.logit_spread, told.margins, told.close) == (None, None, {}, None)
    json.dumps(told.to_dict(), allow_nan=False)


def test_the_spread_of_simulated_parts_is_found():
    random = np.random.default_rng(0)
    presentations = [
        one
        for part in range(200)
        for one in shown(str(part), *expit(random.normal(random.normal(0, 3), 0.4, 6)).tolist())
    ]
    (told,) = repeatability(presentations, [0.5])
    assert told.logit_spread == pytest.approx(0.4, rel=0.05)


@given(st.lists(st.lists(st.floats(0, 1), min_size=2, max_size=5), min_size=1, max_size=8), st.floats(0.01, 1))
def test_counts_add_up(scores, threshold):
    presentations = [one for part, own in enumerate(scores) for one in shown(str(part), *own, threshold=threshold)]
    (told,) = repeatability(presentations, [threshold])
    assert told.changed.count <= told.flips.count <= sum(map(len, scores)) / 2
    assert 0 <= told.spread <= 1
    assert sum(margin < 3 for margin in told.margins.values()) == told.close.count
    json.dumps(told.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("presentations", "thresholds", "message"),
    [
        ([], [0.5], "expected presentations of parts"),
        (shown("a", 0.1, 0.2), [], "and a threshold, got none"),
        (shown("a", 0.1), [0.5], "part 'a', shift: expected at least 2 presentations, got 1"),
        (shown("a", 0.1, math.nan), [0.5], "part 'a', shift: expected a score from 0 to 1, got nan"),
        (shown("a", 0.1, 1.2), [0.5], "got 1.2"),
    ],
)
def test_what_is_no_repeatability_study_is_refused(presentations, thresholds, message):
    with pytest.raises(DataError) as refused:
        repeatability(presentations, thresholds)
    assert message in str(refused.value)
