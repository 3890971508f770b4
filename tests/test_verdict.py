"""The policy: laws that hold for any scores and thresholds."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.verdict import ANY_DEFECT, Defect, Outcome, Policy, Threshold, Verdict

CLASSES = ("scratch", "dent", "stain")
SEVERITY = [Outcome.OK, Outcome.REVIEW, Outcome.NG]

probability = st.floats(0, 1, width=32)


@st.composite
def thresholds(draw):
    review, ng = sorted(draw(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1))))
    return Threshold(ng=ng, review=review)


@st.composite
def policies(draw, **fixed):
    keys = draw(st.sampled_from([(ANY_DEFECT,), CLASSES, (ANY_DEFECT, *CLASSES)]))
    chosen = {
        "exclusive": draw(st.booleans()),
        "good_known": draw(st.booleans()),
        "thresholds": {key: draw(thresholds()) for key in keys},
    }
    return Policy(**{**chosen, **fixed})


@st.composite
def scores_for(draw, policy):
    raw = np.array(draw(st.lists(probability, min_size=3, max_size=3)), np.float32)
    return raw / max(1.0, raw.sum()) if policy.exclusive else raw


@given(st.data())
def test_raising_a_score_never_makes_the_verdict_milder(data):
    policy = data.draw(policies())
    scores = data.draw(scores_for(policy))
    room = 1 - scores.sum() if policy.exclusive else 1 - scores
    raised = scores.copy()
    which = data.draw(st.integers(0, 2))
    raised[which] += data.draw(st.floats(0, 1, width=32)) * (room if policy.exclusive else room[which])
    before, after = (policy.decide(s, CLASSES).outcome for s in (scores, raised))
    assert SEVERITY.index(after) >= SEVERITY.index(before)


@given(st.data(), st.sampled_from([np.nan, np.inf, -np.inf, 17.0, -3.0]))
def test_a_value_that_is_no_probability_is_never_inspected(data, odd):
    policy = data.draw(policies())
    scores = data.draw(scores_for(policy))
    scores[data.draw(st.integers(0, 2))] = odd
    verdict = policy.decide(scores, CLASSES)
    assert verdict.outcome is Outcome.NOT_INSPECTED
    json.dumps(verdict.to_dict(), allow_nan=False)


@given(st.data())
def test_no_frame_is_ok_if_good_is_not_known(data):
    policy = data.draw(policies(good_known=False))
    verdict = policy.decide(data.draw(scores_for(policy)), CLASSES)
    assert verdict.outcome in (Outcome.REVIEW, Outcome.NG)
    assert verdict.defects


@given(st.data())
def test_every_verdict_but_ok_has_reasons_and_names_defects_once_the_most_probable_first(data):
    policy = data.draw(policies())
    verdict = policy.decide(data.draw(scores_for(policy)), CLASSES)
    assert bool(verdict.reasons) == (verdict.outcome is not Outcome.OK)
    labels = [defect.label for defect in verdict.defects]
    assert len(labels) == len(set(labels))
    assert bool(labels) == (verdict.outcome is not Outcome.OK)
    assert [d.score for d in verdict.defects] == sorted((d.score for d in verdict.defects), reverse=True)


@pytest.mark.parametrize(
    ("score", "outcome"),
    [(0.0, Outcome.OK), (0.29, Outcome.OK), (0.31, Outcome.REVIEW), (0.69, Outcome.REVIEW), (0.71, Outcome.NG)],
)
def test_between_the_two_thresholds_a_person_looks(score, outcome):
    policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.7, review=0.3)})
    assert policy.decide(np.array([0, score, 0], np.float32), CLASSES).outcome is outcome


def test_a_threshold_is_reached_by_the_score_that_equals_it():
    policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.75, review=0.5)})
    assert policy.decide(np.array([0.75, 0, 0], np.float32), CLASSES).outcome is Outcome.NG
    assert policy.decide(np.array([0.5, 0, 0], np.float32), CLASSES).outcome is Outcome.REVIEW


def test_exclusive_scores_add_up_and_others_do_not():
    scores = np.array([[0.3, 0.3, 0.0], [0.1, 0.0, 0.0]], np.float32)
    threshold = {ANY_DEFECT: Threshold(ng=0.5, review=0.5)}
    assert Policy(exclusive=True, good_known=True, thresholds=threshold).defect_score(scores) == pytest.approx(
        [0.6, 0.1]
    )
    assert Policy(exclusive=False, good_known=True, thresholds=threshold).defect_score(scores) == pytest.approx(
        [0.3, 0.1]
    )


def test_rejection_names_only_what_was_rejected():
    limits = {"scratch": Threshold(ng=0.5, review=0.5), "dent": Threshold(ng=0.9, review=0.2)}
    policy = Policy(exclusive=False, good_known=True, thresholds=limits)
    verdict = policy.decide(np.array([0.6, 0.4, 0.0], np.float32), CLASSES)
    assert verdict.outcome is Outcome.NG
    assert verdict.defects == (Defect("scratch", pytest.approx(0.6)),)
    assert verdict.reasons == ("scratch 0.600 reaches the NG threshold 0.500",)


BETWEEN = {name: Threshold(ng=0.8, review=0.5) for name in CLASSES}


@pytest.mark.parametrize(
    ("located", "counted", "outcome"),
    [
        ([(0.95, 4), (0.6, 100)], 0.6, Outcome.REVIEW),
        ([(0.95, 100), (0.6, 4)], 0.95, Outcome.NG),
        ([(0.95, None), (0.6, 4)], 0.95, Outcome.NG),
        ([(0.95, 4), (0.6, 19.9)], 0.0, Outcome.OK),
        ([], 0.95, Outcome.NG),
    ],
)
def test_a_speck_too_small_does_not_lend_its_score_to_a_defect_that_counts(located, counted, outcome):
    policy = Policy(exclusive=False, good_known=True, thresholds=BETWEEN, minimum_area=20)
    scores, some = np.array([0.95, 0.1, 0.0], np.float32), [Defect("scratch", s, area=area) for s, area in located]
    assert policy.counted(scores, CLASSES, some).tolist() == pytest.approx([counted, 0.1, 0.0])
    verdict = policy.decide(scores, CLASSES, some)
    assert verdict.outcome is outcome
    if outcome is not Outcome.OK and some:
        assert verdict.reasons[0].startswith(f"scratch {counted:.3f} reaches")
        assert all(defect.area is None or defect.area >= 20 for defect in verdict.defects)


def test_review_above_ng_is_refused():
    with pytest.raises(ValueError, match=r"review \(0.9\) must not be above ng \(0.5\)"):
        Threshold(ng=0.5, review=0.9)


def test_plain_values_survive_json():
    verdict = Verdict(
        Outcome.NG,
        ("why",),
        (Defect("dent", 0.9, (1, 2, 3, 4)), Defect("stain", 0.8)),
        {"dent": 0.9},
        "ä.png",
        "b",
        1.23456,
    )
    plain = json.loads(json.dumps(verdict.to_dict()))
    assert plain == {
        "frame": "ä.png",
        "outcome": "NG",
        "reasons": ["why"],
        "defects": [{"label": "dent", "score": 0.9, "box": [1, 2, 3, 4]}, {"label": "stain", "score": 0.8}],
        "scores": {"dent": 0.9},
        "bundle": "b",
        "milliseconds": 1.235,
    }
