"""``sightline train`` and ``export``, as a user types them, on a tiny product."""

from pathlib import Path

import pytest

from sightline import synth
from sightline.bundle import Bundle
from sightline.cli import main

RECIPE = """
name: tiny
data: {root: "parts/images"}
input: {height: 64, width: 64}
model: {backbone: resnet18, layer: layer1, weights: null, batch_norm: train}
train: {epochs: 1, batch_size: 16}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory whose name is not plain ASCII."""
    folder = tmp_path / "Werk Süd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


def test_a_recipe_becomes_a_bundle_even_if_the_server_is_down(place, capsys):
    synth.write(Path("parts"), count=60, size=(64, 64))
    Path("tiny.yaml").write_text(RECIPE, encoding="utf-8")
    assert main(["train", "tiny.yaml", "track.uri=http://127.0.0.1:9"]) == 0
    said = capsys.readouterr()
    assert "sightline track" in said.out + said.err
    (run,) = Path("runs").iterdir()
    bundle = run / "bundle" / "tiny-1.0.0"
    assert Bundle.open(bundle).manifest.parity.verdict_flips == 0
    assert str(bundle) in said.out

    assert main(["train", "--resume", str(run), "--runs", "elsewhere"]) == 0  # a finished run is exported again
    assert main(["export", str(run)]) == 0
    assert Bundle.open(bundle).manifest.name == "tiny"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train"], "expected either a recipe to train or a run to resume"),
        (["train", "absent.yaml"], "absent.yaml"),
        (["train", "--resume", "absent"], "expected a run folder"),
        (["export", "absent"], "expected a run folder"),
    ],
)
def test_what_cannot_be_done_is_said_in_plain_words(place, capsys, arguments, expected):
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said


@pytest.mark.parametrize("classes", [("good",), ()])
def test_one_class_only_or_an_empty_folder_is_refused(place, capsys, classes):
    Path("parts/images").mkdir(parents=True)
    for name in classes:
        synth.write(Path("made"), count=6, size=(64, 64), defect_rate=0)
        Path("made/images", name).rename(Path("parts/images", name))
    Path("tiny.yaml").write_text(RECIPE, encoding="utf-8")
    assert main(["train", "tiny.yaml", "track.enabled=false"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert not list(Path().glob("runs/*"))
