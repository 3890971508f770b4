"""Runs over plates with a ring on them."""

import pytest

from plate_factory import SIDE, save_weights, write_parts
from sightline.config.recipe import Data, Model, Preprocess, Recipe
from sightline.runs import RunFolder


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A file of weights."""
    return save_weights(tmp_path_factory.mktemp("weights") / "resnet18.pth")


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """The index of 60 parts, in train, calibrate and test."""
    return write_parts(tmp_path_factory.mktemp("plates"))


@pytest.fixture
def recipe(parts, weights):
    """The recipe of these parts, small enough for seconds."""
    return Recipe.model_validate(
        {
            "name": "plates",
            "task": "anomaly",
            "data": Data(root=parts.root),
            "input": Preprocess(height=SIDE, width=SIDE, light="frame"),
            "model": Model(backbone="resnet18", layer="layer2", weights=str(weights)),
            "anomaly": {"method": "memory_bank", "vectors": 256},
        }
    )


@pytest.fixture
def new_run(tmp_path, parts, recipe):
    """Makes a run folder; keywords replace sections of the recipe."""

    def make(index=parts, **sections):
        return RunFolder.create(tmp_path / "runs", recipe.model_copy(update=sections), index)

    return make
