"""Thresholds come from the calibrate part, by the recipe's rule, and never pretend to more data than there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sightline.config.decision import Decision
from sightline.export import tail
from sightline.export.decide import best_f1, choose, choose_one_class
from sightline.verdict import ANY_DEFECT, Outcome

CLASSES = ("dent", "scratch")


@given(st.integers(0, 10_000), st.integers(4, 60))
def test_best_f1_is_the_best_of_all_thresholds(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    scores = np.round(random.random(count), 1).astype(np.float32)  # with ties
    truth = random.random(count) < 0.4
    truth[0] = True
    reached = f1_score(truth, scores >= best_f1(scores, truth), zero_division=0)
    slow = max(f1_score(truth, scores >= t, zero_division=0) for t in np.unique(scores))
    assert reached == pytest.approx(slow)


def test_separated_scores_put_the_threshold_in_the_middle_of_the_gap() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9], np.float32)
    assert best_f1(scores, np.array([False, False, True, True])) == pytest.approx(0.5)


def _data(good: int, defective: int) -> tuple[np.ndarray, np.ndarray]:
    truth = np.zeros((good + defective, 2), bool)
    truth[good:, 1] = True
    scores = np.where(truth, 0.7, 0.05).astype(np.float32)
    return scores, truth


def test_one_threshold_on_the_defect_score_where_good_is_known() -> None:
    scores, truth = _data(20, 20)
    policy = choose(scores, truth, CLASSES, Decision(), exclusive=True, good=True)
    assert set(policy.thresholds) == {ANY_DEFECT}
    assert policy.decide(np.array([0.05, 0.7], np.float32), CLASSES).outcome is Outcome.NG
    assert policy.decide(np.array([0.05, 0.05], np.float32), CLASSES).outcome is Outcome.OK
    assert "20 defective and 20 other" in policy.chosen_by


def test_too_few_defects_fall_back_to_the_fixed_threshold_and_say_so() -> None:
    scores, truth = _data(20, 2)
    policy = choose(scores, truth, CLASSES, Decision(threshold=0.4), exclusive=True, good=True)
    assert policy.thresholds[ANY_DEFECT].ng == pytest.approx(0.4)
    assert "do not suffice" in policy.chosen_by


def test_a_model_without_good_parts_never_passes_a_frame() -> None:
    scores, truth = _data(0, 20)
    policy = choose(scores, truth, CLASSES, Decision(), exclusive=True, good=False)
    assert policy.decide(np.array([0.9, 0.1], np.float32), CLASSES).outcome is Outcome.NG
    assert policy.decide(np.array([0.4, 0.4], np.float32), CLASSES).outcome is Outcome.REVIEW


def test_several_types_a_frame_have_a_threshold_each() -> None:
    random = np.random.default_rng(0)
    truth = random.random((80, 2)) < 0.4
    scores = np.where(truth, [0.9, 0.3], [0.6, 0.1]).astype(np.float32)
    policy = choose(scores, truth, CLASSES, Decision(), exclusive=False, good=True)
    assert policy.thresholds["dent"].ng == pytest.approx(0.75)
    assert policy.thresholds["scratch"].ng == pytest.approx(0.2)


def test_review_margin_opens_a_band_below_the_threshold() -> None:
    scores, truth = _data(20, 20)
    policy = choose(scores, truth, CLASSES, Decision(rule="fixed", review_margin=0.2), exclusive=True, good=True)
    outcome = {s: policy.decide(np.array([0.0, s], np.float32), CLASSES).outcome for s in (0.2, 0.4, 0.6)}
    assert outcome == {0.2: Outcome.OK, 0.4: Outcome.REVIEW, 0.6: Outcome.NG}


@given(st.integers(5, 400), st.sampled_from([0.001, 0.01, 0.05, 0.3]))
def test_good_parts_alone_the_threshold_is_no_rarer_than_they_can_tell_unless_the_recipe_insists(count, overkill):
    heat = np.random.default_rng(count).exponential(1, count)
    told = tail.fit(heat)
    scores = tail.score(told.level(heat)).astype(np.float32)[:, None]
    nothing = np.zeros(count, bool)
    limit, strict = (
        choose_one_class(scores, nothing, Decision(rule=rule, overkill=overkill), told) for rule in ("auto", "overkill")
    )
    reached = limit.thresholds[ANY_DEFECT].ng
    assert 10 ** -(reached / (1 - reached)) == pytest.approx(max(overkill, 1 / (count + 1)))
    asked = strict.thresholds[ANY_DEFECT].ng
    assert 10 ** -(asked / (1 - asked)) == pytest.approx(overkill)
    assert ("takes" in limit.chosen_by) == ("extrapolated" in strict.chosen_by) == (overkill < 1 / (count + 1))


def test_good_parts_alone_known_defects_choose_only_if_the_recipe_asks_for_it():
    random = np.random.default_rng(0)
    heat = np.r_[random.exponential(1, 200), random.exponential(1, 40) + 3]
    defective = np.arange(240) >= 200
    told = tail.fit(heat[:200])
    scores = tail.score(told.level(heat)).astype(np.float32)[:, None]
    by_defects, promised = (choose_one_class(scores, defective, Decision(rule=rule), told) for rule in ("f1", "auto"))
    assert by_defects.thresholds[ANY_DEFECT].ng == pytest.approx(best_f1(scores[:, 0], defective))
    assert "best F1 on 40 defective" in by_defects.chosen_by
    assert promised.thresholds[ANY_DEFECT].ng == pytest.approx(2 / 3)
    assert "decide.rule=f1 would find" in promised.chosen_by
    few = choose_one_class(scores[:203], defective[:203], Decision(rule="f1"), told)
    assert few.thresholds[ANY_DEFECT].ng == pytest.approx(2 / 3)
