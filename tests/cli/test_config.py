"""`sightline config` checks and shows recipes and keeps the schema current."""

import json
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
