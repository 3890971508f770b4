"""The report tells how good the bundle was when it was made."""

import bundle_factory
from sightline.bundle.manifest import Metric
from sightline.runtime.report import Report


def _page(*metrics):
    return Report(bundle_factory.manifest(metrics=metrics), "colours 1.2.3 abc").render()


def test_figures_over_all_types_are_told_with_the_groups_they_were_measured_on():
    overall = Metric(name="accuracy", value=0.991, low=0.98, high=0.995, count=340, interval="Wilson")
    page = _page(overall, overall.model_copy(update={"name": "recall/red"}))
    assert "340 groups" in page
    assert "340 images" not in page
    assert "recall/red" not in page


def test_a_bundle_without_figures_has_no_empty_table():
    assert "How good it was" not in _page()
