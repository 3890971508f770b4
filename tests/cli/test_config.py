"""`sightline config` checks and shows recipes and keeps the schema current."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sightline.cli import main
from sightline.cli.config import SCHEMA_FILE
from sightline.config import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "Gehäuse 1.yaml"
    path.write_text("name: part\ndata: {root: images}\n", encoding="utf-8")
    return path


def test_a_good_recipe_is_ok(recipe, capsys):
    assert main(["config", "check", str(recipe), "train.epochs=3"]) == 0
    assert capsys.readouterr().out.startswith(f"{recipe}: ok, part 1.0.0")


def test_mistakes_go_to_stderr_without_a_traceback(recipe, capsys):
    recipe.write_text("name: part\ndata: {rot: images}\nseed: x\n")
    assert main(["config", "check", str(recipe)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {recipe} has 3 mistakes:\n")
    assert f"{recipe}:3: seed: expected a whole number, got 'x'" in said.err


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.backbone=mobilenet_v9", "model.backbone"),
        ("model.weights=gone.pth", "model.weights: expected a file"),
        ("model.weights=IMAGENET_V1", "Did you mean `IMAGENET1K_V1`?"),
        ("augment=[{name: HorizontalFlop}]", "Did you mean `HorizontalFlip`?"),
        ("augment=[{name: HorizontalFlip, pp: 1}]", "augment.0.pp"),
    ],
)
def test_what_there_is_not_is_a_mistake_too(recipe, capsys, override, said):
    pytest.importorskip("lightning", reason="training comes with the extra `train`")
    assert main(["config", "check", str(recipe), override]) == 2
    answer = capsys.readouterr()
    assert answer.out == ""
    assert said in answer.err


def test_weights_are_not_downloaded_to_be_checked(recipe, monkeypatch):
    weights = pytest.importorskip("sightline.train.networks.weights", reason="training comes with the extra `train`")
    monkeypatch.setattr(weights, "_download", lambda *_: pytest.fail("a check needs no network"))
    assert main(["config", "check", str(recipe), "model.weights=DEFAULT"]) == 0


def test_without_the_training_packages_it_says_what_was_not_checked(recipe):
    code = (
        "import sys; sys.modules['albumentations'] = sys.modules['torch'] = None\n"
        "from sightline.cli import main; sys.exit(main(['config', 'check', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", code, recipe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert ": ok, part 1.0.0" in first
    assert second.startswith("not checked: backbone, weights, augmentations and precision, which need ")
    assert second.endswith('pip install "sightline[train]"')


def test_show_prints_what_loads_again_as_the_same_recipe(recipe, capsys, tmp_path):
    assert main(["config", "show", str(recipe), "data.split.test=0.3"]) == 0
    shown = tmp_path / "shown.yaml"
    shown.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load(shown) == load(recipe, ["data.split.test=0.3"])
    assert "learning_rate: 0.0005" in shown.read_text(encoding="utf-8")


def test_the_schema_in_the_project_is_current(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["config", "schema", "--check"]) == 0, capsys.readouterr().err


def test_the_schema_is_checked_and_written(tmp_path, capsys):
    file = tmp_path / "new folder" / SCHEMA_FILE.name
    assert main(["config", "schema", "--check", "-o", str(file)]) == 2
    assert "there is no such file" in capsys.readouterr().err
    assert main(["config", "schema", "-o", str(file)]) == 0
    assert main(["config", "schema", "--check", "-o", str(file)]) == 0
    file.write_text(file.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert main(["config", "schema", "--check", "-o", str(file)]) == 1
    assert f"sightline config schema -o {file}" in capsys.readouterr().err


def test_the_schema_describes_each_key_to_an_editor(capsys):
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["additionalProperties"] is False
    undescribed = [
        f"{name}.{key}"
        for name, part in schema["$defs"].items()
        for key, field in part["properties"].items()
        if not (field.get("description") or key in {"kind", "mean", "std"})
    ]
    assert undescribed == []
