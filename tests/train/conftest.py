"""A tiny product for training: grey squares, some with a dent or a scratch, and a recipe that is done in seconds."""

import hashlib

import numpy as np
import pytest
import torch

from sightline import image
from sightline.config.recipe import Augmentation, Data, Model, Preprocess, Recipe, Training
from sightline.index import Box, Index, Sample, Split
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


@pytest.fixture(scope="session")
def spots(tmp_path_factory):
    """An index of 24 images, 64x64, each with a template: good, or with a bright or dark square, a mask and a box."""
    root = tmp_path_factory.mktemp("spots")
    draw = np.random.default_rng(1)
    samples = []
    for number in range(24):
        kind = ("good", "bright", "dark")[number % 3]
        template = draw.integers(90, 110, (64, 64, 3)).astype(np.uint8)
        picture, mask = template.copy(), np.zeros((64, 64), np.uint8)
        row, column = (int(value) for value in draw.integers(4, 48, 2))
        square = np.s_[row : row + 12, column : column + 12]
        names = {"path": f"{number:02}.png", "template": f"{number:02}-template.png"}
        marks = {}
        if kind != "good":
            picture[square] = 200 if kind == "bright" else 20
            mask[square] = 255
            names["mask"] = f"{number:02}-mask.png"
            box = Box(x1=column, y1=row, x2=column + 12, y2=row + 12, label=kind)
            marks = {"labels": (kind,), "boxes": (box,)}
            (root / names["mask"]).write_bytes(image.png(mask))
        (root / names["template"]).write_bytes(image.png(template))
        content = image.png(picture)
        (root / names["path"]).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        split = SPLITS[number // 3 % 4]
        samples.append(Sample(**names, **marks, split=split, digest=digest, width=64, height=64))
    return Index.build(root, samples)
