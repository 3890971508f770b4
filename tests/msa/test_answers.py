"""Which score decides on a part, and what several images of one part say together."""

import bundle_factory
from sightline.msa.answers import Answer, _together, deciding, thresholds_of
from sightline.verdict import Outcome, Policy, Threshold


def test_the_score_that_lies_highest_above_its_own_threshold_decides():
    thresholds = {"dent": (0.9,), "scratch": (0.2, 0.3)}
    answers = [Answer(Outcome.OK, {"dent": 0.6, "scratch": 0.25}), Answer(Outcome.OK, {"dent": 0.5, "scratch": 0.2})]
    assert deciding(answers, thresholds) == "scratch"
    sure = [Answer(Outcome.NG, {"dent": 0.999, "scratch": 0.4})]
    assert deciding(sure, thresholds) == "dent"


def test_a_part_that_was_never_inspected_has_no_score_to_choose():
    assert deciding([Answer(Outcome.NOT_INSPECTED, {})], {"*": (0.5,)}) == "*"


def test_scores_at_the_ends_of_the_scale_are_compared():
    assert deciding([Answer(Outcome.NG, {"a": 0.0, "b": 1.0})], {"a": (1.0,), "b": (1.0,)}) == "b"


def test_the_gravest_verdict_and_the_highest_scores_of_several_images():
    ok, bad = Answer(Outcome.OK, {"a": 0.1, "b": 0.3}), Answer(Outcome.NG, {"a": 0.8, "b": 0.1})
    lost = Answer(Outcome.NOT_INSPECTED, {})
    assert _together([ok, bad]) == Answer(Outcome.NG, {"a": 0.8, "b": 0.3})
    assert _together([ok, lost]) == lost
    assert _together([bad, lost]) == bad


def test_thresholds_are_where_the_verdict_changes():
    policy = Policy(exclusive=False, good_known=True, thresholds={"*": Threshold(ng=0.7, review=0.4)})
    assert thresholds_of(bundle_factory.manifest(policy=policy)) == {"*": (0.4, 0.7)}
    none = Policy(exclusive=False, good_known=False, thresholds={"*": Threshold(ng=0.7, review=0.4)})
    assert thresholds_of(bundle_factory.manifest(policy=none)) == {"*": (0.7,)}
    plain = Policy(exclusive=False, good_known=True, thresholds={"*": Threshold(ng=0.7, review=0.7)})
    assert thresholds_of(bundle_factory.manifest(policy=plain)) == {"*": (0.7,)}
