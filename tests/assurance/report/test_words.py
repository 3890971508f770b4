import pytest

import bundle_factory
from sightline.assurance.report import words
from sightline.bundle.manifest import Calibration, Metric
from sightline.verdict import Guarantee, Policy, Threshold

LIMITS = {name: Threshold(ng=0.7, review=0.4) for name in bundle_factory.CLASSES}


def policy(**changes):
    return Policy(**{"exclusive": False, "good_known": True, "thresholds": LIMITS, **changes})


def proved(**changes):
    fields = {"of": "escape", "target": 0.02, "confidence": 0.95, "parts": 300, "photographs": 300, "seen": 0.01}
    return Guarantee(**{**fields, "words": "at most 2% of photographs of defective parts pass", **changes})


@pytest.mark.parametrize(
    ("share", "told"),
    [(0, "0 %"), (1, "100 %"), (0.129, "12.9 %"), (0.0004, "0.04 %"), (0.99996, "99.996 %"), (1e-9, "< 0.001 %")],
)
def test_a_share_is_never_rounded_to_none_or_all(share, told):
    assert words.percent(share) == told


def test_a_share_is_told_in_per_cent_and_another_figure_as_it_is():
    fields = {"count": 9, "interval": "Wilson"}
    share = Metric(name="recall/dent", value=0.5, low=0.25, high=0.75, **fields)
    assert (words.value(share), words.interval(share)) == ("50.0 %", "25.0 to 75.0 %")
    other = Metric(name="auroc", value=0.5, low=0.25, high=0.75, **fields)
    assert (words.value(other), words.interval(other)) == ("0.5000", "0.2500 to 0.7500")


def test_what_is_wrong_comes_before_any_guarantee():
    manifest = bundle_factory.manifest(policy=policy(guarantees=(proved(),)))
    fault = words.Sentence("broken", words.Weight.FAULT)
    assert words.headline(manifest, [fault]).words == "One thing must be looked at first."
    assert words.headline(manifest, [fault, fault]).weight is words.Weight.FAULT
    assert words.headline(manifest, []).weight is words.Weight.GOOD
    assert words.headline(bundle_factory.manifest(), []).weight is words.Weight.CARE
    assert "never answers OK" in words.headline(bundle_factory.manifest(policy=policy(good_known=False)), []).words


def test_a_guarantee_says_what_it_does_not_say():
    told = " ".join(words.unsaid((proved(),)))
    assert "95.0 % confidence" in told
    assert "rare type may escape more often" in told
    assert "rare type" not in " ".join(words.unsaid((proved(types=("red",)),)))


@pytest.mark.parametrize(
    ("calibration", "told"),
    [
        (None, "not calibrated"),
        (Calibration(method="tail", parameters={}, count=178), "no probability of a defect"),
        (Calibration(method="platt", parameters={}, count=118, log_loss_before=0.74, log_loss_after=0.6), "Platt"),
        (Calibration(method="novel", parameters={}, count=118), "by novel"),
    ],
)
def test_it_is_said_what_a_score_means(calibration, told):
    assert told in words.meaning_of_scores(bundle_factory.manifest(calibration=calibration))
