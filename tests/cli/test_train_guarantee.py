"""A recipe that wants a proof gets a bundle with one, or is refused before anything is learned."""

from pathlib import Path

import pytest

from sightline import synth
from sightline.bundle import Bundle
from sightline.cli import main

RECIPE = """
name: tiny
data: {root: "parts/images", split: {near_duplicates: null, calibrate: 0.5, test: 0.2}}
input: {height: 64, width: 64}
model: {backbone: resnet18, layer: layer1, weights: null, batch_norm: train}
train: {epochs: 1, batch_size: 16}
track: {enabled: false}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    synth.write(Path("parts"), count=100, size=(64, 64), defect_rate=0.5, defects=("dent", "stain"))
    Path("tiny.yaml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def made():
    (bundle,) = Path("runs").glob("*/bundle/tiny-1.0.0")
    return Bundle.open(bundle)


def test_thresholds_keep_what_the_recipe_wants_and_everybody_is_told(place):
    assert main(["train", "tiny.yaml", "decide.guarantee={max_escape: 0.3, max_overkill: 0.9}"]) == 0
    bundle = made()
    policy = bundle.manifest.policy
    assert [one.of for one in policy.guarantees] == ["escape", "overkill"]
    assert all(one.seen <= one.target and one.confidence == 0.95 for one in policy.guarantees)
    assert policy.chosen_by.startswith("at most 30% of photographs of defective parts pass")
    assert "at most 30% of photographs" in bundle.read("card.md").decode()


def test_the_least_cost_alone_proves_nothing(place):
    costs = "decide.costs={escape: 50, scrap: 2, parts_a_day: 800}"
    assert main(["train", "tiny.yaml", costs, "decide.defect_rate=0.02"]) == 0
    policy = made().manifest.policy
    assert policy.chosen_by.startswith("the least cost, on ")
    assert policy.guarantees == ()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("decide.guarantee={max_escape: 0.005}", "598 are needed"),
        ("decide.guarantee={max_escape: 0.2, max_overkill: 0.01}", "too few good parts"),
        ("decide.guarantee={max_escape: 0.13, per_type: true}", "defective parts of type dent"),
        ("decide.guarantee={max_escape: 0.2, review_budget: 0.05}", "decide.defect_rate"),
        ("decide.guarantee={confidence: 0.9}", "max_escape"),
        ("decide.costs={escape: 1, scrap: 1, parts_a_day: 1}", "decide.defect_rate"),
    ],
)
def test_what_cannot_be_proved_is_refused_before_training(place, capsys, override, said):
    assert main(["train", "tiny.yaml", override]) == 2
    assert said in capsys.readouterr().err
    assert not list(Path().glob("runs/*"))
