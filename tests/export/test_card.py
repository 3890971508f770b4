"""The card says what is so, and nothing that was not told."""

import pytest

import bundle_factory
from sightline.bundle.manifest import Calibration, Metric
from sightline.config.recipe import Card
from sightline.export import card


def test_what_is_said_of_copies_is_what_was_told() -> None:
    text = card.write(bundle_factory.manifest(), Card(), size=1, kept="Two groups lie in several parts.")
    assert "Two groups lie in several parts." in text
    assert "one part only" not in text


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"train": {"good": 9, "red": 3}, "test": {"red": 3}}, "yes"),
        (
            {"train": {"red": 3}, "test": {"red": 3}},
            "no good frames; sound places of defective frames, and overkill was not measured",
        ),
        ({"train": {"red": 3}, "test": {"good": 2}}, "no good frames; sound places of defective frames"),
    ],
)
def test_good_parts_are_seen_where_the_data_have_them(counts, said) -> None:
    manifest, _ = bundle_factory.local_contents()
    manifest = manifest.model_copy(update={"data": manifest.data.model_copy(update={"counts": counts})})
    assert f"| has seen good parts | {said} |" in card.write(manifest, Card(), size=1, kept="")
    blind = manifest.model_copy(update={"policy": manifest.policy.model_copy(update={"good_known": False})})
    assert "| has seen good parts | no: it never answers OK |" in card.write(blind, Card(), size=1, kept="")


def test_a_recall_at_a_share_of_overkill_is_said_to_be_none_of_the_bundles_thresholds() -> None:
    figure = Metric(name="", value=0.5, low=0.1, high=0.9, count=8, interval="bootstrap over groups")
    names = ("instance_recall", "instance_recall_at_overkill_5", "overkill_rate")
    manifest, _ = bundle_factory.local_contents()
    told = manifest.model_copy(update={"metrics": tuple(figure.model_copy(update={"name": name}) for name in names)})
    text = card.write(told, Card(), size=1, kept="")
    assert "`instance_recall_at_overkill_5` is what the maps could do where 5 % of the good images" in text
    assert "its threshold is taken from the good images of this part" in text
    assert "nothing of the bundle was chosen here." in text
    assert all(f"| {name} |" in text for name in names)
    assert "_at_overkill_" not in card.write(manifest, Card(), size=1, kept="")


def test_the_figures_over_all_types_come_first() -> None:
    metrics = [
        Metric(name=name, value=0.5, low=0.1, high=0.9, count=8, interval="Wilson over groups")
        for name in ("recall/red", "accuracy")
    ]
    text = card.write(bundle_factory.manifest(metrics=tuple(metrics)), Card(), size=1, kept="")
    assert text.index("| accuracy |") < text.index("| recall/red |")


def _calibrated(**changes) -> str:
    fields = {"method": "temperature", "parameters": {}, "count": 131, "log_loss_before": 0.3, "log_loss_after": 0.2}
    told = bundle_factory.manifest(calibration=Calibration(**{**fields, **changes}))
    return card.thresholds(told)[-1]


def test_the_calibration_says_among_what_by_what_and_what_came_of_it() -> None:
    error = Metric(name="calibration_error", value=0.08, low=0.05, high=0.1, count=90, interval="bootstrap")
    text = _calibrated(
        candidates={"none": 0.3, "temperature": 0.21},
        chosen_by="log loss in folds",
        error_before=error,
        error_after=error.model_copy(update={"value": 0.02, "low": 0.0, "high": 0.03}),
    )
    assert text == (
        "Scores are probabilities by temperature scaling, on 131 calibrate images: log loss 0.3000 before, 0.2000 "
        "after. Chosen by log loss in folds: none 0.3000, temperature 0.2100. Expected calibration error there: 0.0800 "
        "(0.0500 to 0.1000) before, 0.0200 (0.0000 to 0.0300) after, on images it was not fitted on."
    )


def test_no_change_is_told_as_a_choice_or_as_a_lack_of_images() -> None:
    chosen = _calibrated(method="none", candidates={"none": 0.3, "temperature": 0.31}, chosen_by="log loss in folds")
    assert "as the network gave them: no change was chosen, on 131 calibrate images. Chosen by log loss" in chosen
    few = _calibrated(method="none", chosen_by="too few images to fit anything")
    assert few.endswith("on 131 calibrate images. Chosen by: too few images to fit anything.")


def test_a_bundle_of_before_says_what_it_said() -> None:
    assert _calibrated() == (
        "Scores are probabilities by temperature scaling, on 131 calibrate images: log loss 0.3000 before, 0.2000 "
        "after."
    )
