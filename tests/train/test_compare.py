"""Task compare: good pairs are alike whatever they show, what the template lacks is not, a pixel aside is forgiven."""

import numpy as np
import pytest
import torch

from sightline import config, image
from sightline.errors import ConfigError, TrainError
from sightline.index import Index, Sample, Split
from sightline.runs import RunFolder, silent
from sightline.train import compare

SIDE = 64


def product(draw):
    """A picture that no other is like."""
    coarse = draw.integers(40, 215, (8, 8, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((8, 8, 1), np.uint8))


def noisy(picture, draw):
    return np.clip(picture.astype(int) + draw.integers(-6, 7, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Twelve good frames, each with a template of its own."""
    root, draw, samples = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0), []
    for number in range(12):
        template = product(draw)
        names = {"path": f"{number:02}.png", "template": f"{number:02}-template.png"}
        (root / names["path"]).write_bytes(image.png(noisy(template, draw)))
        (root / names["template"]).write_bytes(image.png(template))
        samples.append(Sample(**names, split=Split.TRAIN, width=SIDE, height=SIDE))
    return Index.build(root, samples)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    from torchvision.models import resnet18

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet18().state_dict(), path)
    return path


def run_of(tmp_path, pairs, weights, **sections):
    values = {
        "name": "pairs",
        "task": "compare",
        "data": {"root": str(pairs.root)},
        "input": {"height": SIDE, "width": SIDE},
        "model": {"backbone": "resnet18", "layer": "layer2", "weights": str(weights)},
        "template": {"compared": True},
        **sections,
    }
    return RunFolder.create(tmp_path / "runs", config.build(values, []), pairs)


def batch(*pictures):
    return torch.from_numpy(np.stack(pictures))


def test_a_defect_stands_out_where_it_is(tmp_path, pairs, weights):
    run = run_of(tmp_path, pairs, weights)
    compare.fit(run, progress=silent)
    comparer, draw = compare.load(run), np.random.default_rng(9)
    template = product(draw)
    good, bad = noisy(template, draw), noisy(template, draw)
    bad[40:56, 8:24] = 255 - bad[40:56, 8:24]
    with torch.no_grad():
        scores, heat = comparer(batch(good, bad), batch(template, template))
    assert scores[1] > 2 * scores[0]
    row, column = divmod(int(heat[1, 0].argmax()), heat.shape[3])
    assert 40 <= row * 8 + 4 < 56
    assert 8 <= column * 8 + 4 < 24


def test_a_place_aside_is_forgiven_and_two_are_not():
    features = torch.rand(1, 4, 12, 12, generator=torch.Generator().manual_seed(0))
    one, two = (compare.differences(torch.roll(features, step, 3), features)[0, 0, :, 3:-3] for step in (1, 2))
    assert not one.any()
    assert (two > 0).all()


def test_copies_of_the_template_teach_nothing(tmp_path, pairs, weights):
    same = pairs.with_samples(row.model_copy(update={"template": row.path}) for row in pairs.samples)
    with pytest.raises(TrainError, match="pairs that are the same"):
        compare.fit(run_of(tmp_path, same, weights), progress=silent)


def test_a_template_and_weights_are_asked_for():
    values = {"name": "a", "task": "compare", "data": {"root": "."}}
    with pytest.raises(ConfigError, match="compares each frame with one"):
        config.build(values, [])
    recipe = config.build(values | {"template": {"compared": True}, "model": {"weights": None}}, [])
    with pytest.raises(TrainError, match="needs pretrained weights"):
        compare.check(recipe)
