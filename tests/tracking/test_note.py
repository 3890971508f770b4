"""What a reviewer reads first about a run."""

import bundle_factory
from sightline.bundle import Bundle
from sightline.bundle.manifest import Metric
from sightline.tracking import note


def _note(tmp_path, *names):
    metrics = tuple(
        Metric(name=name, value=0.5, low=0.1, high=0.9, count=8, interval="Wilson over groups") for name in names
    )
    return note.of_bundle(Bundle.open(bundle_factory.write_bundle(tmp_path, metrics=metrics)))


def test_the_figures_over_all_types_come_first_and_alone(tmp_path):
    text = _note(tmp_path, "recall/red", "accuracy")
    assert text.startswith("accuracy 0.5000 (0.1000 to 0.9000)")
    assert "8 groups of the test part" in text
    assert "recall/red" not in text


def test_a_bundle_without_figures_says_so(tmp_path):
    assert _note(tmp_path).startswith("Nothing was measured")


def test_what_good_parts_were_seen_is_not_claimed(tmp_path):
    manifest = bundle_factory.manifest()
    blind = manifest.policy.model_copy(update={"good_known": False})
    told = [
        note.of_bundle(Bundle.open(bundle_factory.write_bundle(tmp_path, version=version, policy=policy)))
        for version, policy in (("1.0.0", manifest.policy), ("1.0.1", blind))
    ]
    assert "types: red, green, blue; can answer OK" in told[0]
    assert "types: red, green, blue; never answers OK" in told[1]
