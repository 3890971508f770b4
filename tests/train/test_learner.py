"""The optimiser's groups, its schedule, and averaged weights."""

import math
from itertools import pairwise

import pytest
import torch

from sightline.config import Preprocess
from sightline.config.recipe import Model, Training
from sightline.train.learner import Learner, rate
from sightline.train.networks import build


def learner(backbone="resnet18", **settings):
    network = build(Model(backbone=backbone), 3, Preprocess(height=64, width=64))
    return Learner(network, None, Training(**settings), steps=100)  # no loss is asked for here


def groups(made):
    """Name of a parameter -> its group of the optimiser."""
    names = {id(parameter): name for name, parameter in made.network.named_parameters()}
    optimiser = made.configure_optimizers()["optimizer"]
    return {names[id(p)]: group for group in optimiser.param_groups for p in group["params"]}


@pytest.mark.parametrize("backbone", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5"])
def test_every_parameter_is_in_one_group(backbone):
    made = learner(backbone, layer_decay=0.9)
    optimiser = made.configure_optimizers()["optimizer"]
    listed = [id(p) for group in optimiser.param_groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in made.network.parameters())


def test_each_layer_below_the_head_learns_more_slowly():
    found = groups(learner(learning_rate=1.0, layer_decay=0.5))
    rates = [found[name]["initial_lr"] for name in ("head.weight", "features.body.layer4.0.conv1.weight")]
    rates += [found[f"features.body.layer{n}.0.conv1.weight"]["initial_lr"] for n in (3, 2, 1)]
    assert rates == [1, 0.5, 0.25, 0.125, 0.0625]


def test_blocks_of_a_transformer_are_layers_of_their_own():
    found = groups(learner("vit_b_32", learning_rate=1.0, layer_decay=0.5))
    name = "features.body.encoder.layers.encoder_layer_{}.mlp.0.weight"
    assert found[name.format(10)]["initial_lr"] == found[name.format(11)]["initial_lr"] / 2


def test_biases_and_norms_do_not_decay():
    found = groups(learner(weight_decay=0.1))
    assert found["features.body.conv1.weight"]["weight_decay"] == 0.1
    for name in ("head.bias", "features.body.bn1.weight", "features.body.bn1.bias"):
        assert found[name]["weight_decay"] == 0


@pytest.mark.parametrize(("epoch", "learns"), [(0, []), (1, ["features.body.layer3", "features.body.layer4"])])
def test_layers_at_the_start_stay_frozen_and_the_others_until_their_epoch(monkeypatch, epoch, learns):
    made = learner(freeze_epochs=1, frozen_layers=4)  # conv1, bn1, layer1, layer2
    monkeypatch.setattr(Learner, "current_epoch", epoch)
    made.on_train_epoch_start()
    learning = {".".join(n.split(".")[:3]) for n, p in made.network.named_parameters() if p.requires_grad}
    assert sorted(learning) == [*learns, "head.bias", "head.weight"]


def test_the_rate_rises_then_falls_to_nothing():
    rates = [rate(step, 100, 0.2) for step in range(101)]
    assert rates[19] == 1
    assert all(a < b for a, b in pairwise(rates[:20]))
    assert all(a >= b for a, b in pairwise(rates[20:]))
    assert math.isclose(rates[100], 0, abs_tol=1e-12)
    assert rate(0, 10, 0.0) == 1  # without warm-up the first step is at full rate already


def test_averaged_weights_follow_fast_at_first_and_then_slowly():
    made = learner("shufflenet_v2_x0_5", average=0.99)
    average, head = made.judged.head, made.network.head
    assert average is not head
    for value in (1.0, 2.0):
        torch.nn.init.constant_(head.bias, value)
        made.on_train_batch_end()
    # The first update copies; the second keeps (1 + 1) / (10 + 1) of it.
    assert torch.allclose(average.bias, torch.full((3,), 1 * 2 / 11 + 2 * 9 / 11))
    plain = learner("shufflenet_v2_x0_5")
    assert plain.judged is plain.network


def test_statistics_of_batch_norm_are_averaged_as_the_weights_are():
    made = learner("shufflenet_v2_x0_5", average=0.5)
    made.on_train_batch_end()
    made.network.batch_norms()[0].get_buffer("running_mean").fill_(7)
    made.on_train_batch_end()
    mean = made.judged.batch_norms()[0].get_buffer("running_mean")
    assert ((mean > 1) & (mean < 7)).all()
    for _ in range(20):
        made.on_train_batch_end()
    torch.testing.assert_close(mean, torch.full_like(mean, 7), atol=1e-3, rtol=0)
