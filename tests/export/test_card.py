"""The card says what is so, and nothing that was not told."""

import bundle_factory
from sightline.bundle.manifest import Metric
from sightline.config.recipe import Card
from sightline.export import card


def test_what_is_said_of_copies_is_what_was_told() -> None:
    text = card.write(bundle_factory.manifest(), Card(), size=1, kept="Two groups lie in several parts.")
    assert "Two groups lie in several parts." in text
    assert "one part only" not in text


def test_the_figures_over_all_types_come_first() -> None:
    metrics = [
        Metric(name=name, value=0.5, low=0.1, high=0.9, count=8, interval="Wilson over groups")
        for name in ("recall/red", "accuracy")
    ]
    text = card.write(bundle_factory.manifest(metrics=tuple(metrics)), Card(), size=1, kept="")
    assert text.index("| accuracy |") < text.index("| recall/red |")
