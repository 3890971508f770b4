"""Figures of a model of good parts alone: what they say of rankings and verdicts that are known."""

import numpy as np
import pytest

from sightline.export.evaluate import Scored
from sightline.export.one_class import evaluate, overkill_at
from sightline.export.plots import all_plots
from sightline.index import ANOMALY, Sample
from sightline.verdict import ANY_DEFECT, Policy, Threshold


def scored(good, bad):
    """Frames with these scores; bad is type -> scores."""
    samples = [Sample(path=f"good/{n}.png") for n in range(len(good))]
    samples += [Sample(path=f"{name}/{n}.png", labels=(name,)) for name, s in bad.items() for n in range(len(s))]
    values = np.array([*good, *(value for s in bad.values() for value in s)], np.float32)[:, None]
    policy = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.6, review=0.6)})
    return Scored(tuple(samples), values, (ANOMALY,), policy, one_class=True)


def figures(part):
    return {metric.name: metric for metric in evaluate(part)}


def test_types_are_told_apart_though_the_model_does_not_name_them():
    found = figures(scored([0.1, 0.2, 0.3, 0.7], {"dent": [0.8, 0.9], "crack": [0.15, 0.65]}))
    assert found["auroc/dent"].value == 1
    assert found["auroc/crack"].value == pytest.approx(0.5)
    assert found["auroc"].value == pytest.approx(0.75)
    assert found["escape_rate"].value == pytest.approx(1 / 4)
    assert found["escape_rate/dent"].value == 0
    assert found["escape_rate/crack"].value == pytest.approx(1 / 2)
    assert found["overkill_rate"].value == pytest.approx(1 / 4)
    assert found["f1"].value == pytest.approx(2 * 3 / (4 + 4))
    for metric in found.values():
        assert metric.low <= metric.value <= metric.high


def test_overkill_at_a_fixed_escape():
    truth = np.array([True] * 100 + [False] * 4)
    score = np.r_[np.linspace(0.5, 0.9, 100), 0.1, 0.5, 0.52, 0.8]
    assert overkill_at(0.0, truth, score) == 3 / 4
    assert overkill_at(0.05, truth, score) == 1 / 4
    assert overkill_at(0.99, truth, score) == 0


def test_good_parts_alone_have_an_overkill_and_nothing_of_escapes():
    found = figures(scored([0.1] * 20, {}))
    assert set(found) == {"overkill_rate", "review_rate"}
    assert found["overkill_rate"].high < 0.2


def test_pictures_are_drawn_with_and_without_defects(tmp_path):
    names = {path.stem for path in all_plots(scored([0.1, 0.5], {"dent": [0.8, 0.4]}), tmp_path)}
    assert names == {"confusion", "precision-recall", "roc", "score-histograms"}
    assert [path.stem for path in all_plots(scored([0.1, 0.5], {}), tmp_path / "good")] == ["score-histograms"]
