"""The card says what is so, and nothing that was not told."""

import pytest

import bundle_factory
from sightline.bundle.manifest import Metric
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
