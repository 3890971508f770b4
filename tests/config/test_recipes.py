"""The recipes that the project ships load, and an editor is told where their schema is."""

from pathlib import Path

import pytest

from sightline.config import Recipe, load

RECIPES = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_loads_and_is_named_as_its_file(path):
    assert load(path).name == path.stem


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_opens_with_its_schema(path):
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    assert first == "# yaml-language-server: $schema=schema/recipe.schema.json"


def test_what_is_said_of_a_section_is_true_of_every_task():
    assert "task compare reads `worst` and `suspicious`" in Recipe.model_fields["anomaly"].description
