"""A tiny product for training: grey squares, some with a dent or a scratch, and a recipe that is done in seconds."""

import hashlib

import numpy as np
import pytest
import torch

from sightline import image
from sightline.config.recipe import Augmentation, Data, Model, Preprocess, Recipe, Training
from sightline.index import Index, Sample, Split
from sightline.runs import RunFolder

SPLITS = (Split.TRAIN, Split.TRAIN, Split.TRAIN, Split.VALIDATE)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Threads that wait for each other on a busy machine make a second of work a minute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """An index of 48 images, 32x32: good, dent and scratch, split into train and validate."""
    root = tmp_path_factory.mktemp("parts")
    draw = np.random.default_rng(0)
    samples = []
    for number in range(48):
        kind = ("good", "dent", "scratch")[number % 3]
        picture = draw.integers(90, 110, (32, 32, 3)).astype(np.uint8)
        row, column = draw.integers(0, 20, 2)
        if kind == "dent":
            picture[row : row + 10, column : column + 10] += 90
        if kind == "scratch":
            picture[row : row + 3] -= 80
        content = image.png(picture)
        (root / f"{number:02}.png").write_bytes(content)
        labels = () if kind == "good" else (kind,)
        samples.append(
            Sample(
                path=f"{number:02}.png",
                labels=labels,
                split=SPLITS[number // 3 % 4],
                digest=hashlib.sha256(content).hexdigest(),
            )
        )
    return Index.build(root, samples)


@pytest.fixture(scope="session")
def recipe(parts):
    """Everything that hangs on randomness is switched on: augmentation, dropout, averaged weights, batch statistics."""
    return Recipe(
        name="parts",
        seed=3,
        data=Data(root=parts.root),
        input=Preprocess(height=32, width=32),
        augment=(Augmentation(name="HorizontalFlip", p=0.5), Augmentation(name="RandomBrightnessContrast", p=0.5)),
        model=Model(backbone="shufflenet_v2_x0_5", weights=None, batch_norm="train"),
        train=Training(epochs=3, batch_size=12, learning_rate=2e-3, average=0.9, freeze_epochs=1, layer_decay=0.8),
    )


@pytest.fixture
def new_run(tmp_path, parts, recipe):
    """Makes a run folder; keywords replace sections of the recipe."""

    def make(index=parts, **sections):
        return RunFolder.create(tmp_path / "runs", recipe.model_copy(update=sections), index)

    return make
