"""Batch normalisation that was folded into its convolutions, made trainable again."""

import copy

import pytest
import torch

from sightline.config import Preprocess
from sightline.config.recipe import Model
from sightline.train.networks import build, load_weights
from sightline.train.networks.norm import is_folded, unfold

SPEC = Preprocess(height=64, width=64)


def folded_network(mode="train"):
    """A network as converters for edge devices leave it: batch normalisation only adds a bias."""
    torch.manual_seed(0)
    network = build(Model(backbone="mobilenet_v3_small", batch_norm=mode, dropout=0), 3, SPEC)
    for norm in network.batch_norms():
        torch.nn.init.normal_(norm.bias, std=0.2)
    return network


@pytest.fixture
def images():
    draw = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8, generator=draw) for _ in range(3)]


def test_tells_folded_from_random_and_from_trained():
    random = build(Model(backbone="mobilenet_v3_small"), 3, SPEC)
    assert not is_folded(random)
    assert is_folded(folded_network())
    trained = folded_network()
    trained.batch_norms()[0].running_mean += 0.1
    assert not is_folded(trained)
    assert not is_folded(build(Model(backbone="alexnet"), 3, SPEC))  # has no batch normalisation


def test_unfolding_leaves_the_function_unchanged(images):
    network = folded_network()
    before = copy.deepcopy(network).eval()
    unfold(network, [(batch,) for batch in images])
    with torch.no_grad():
        want, got = (
            before.features(images[0].permute(0, 3, 1, 2) / 255),
            network.eval().features(images[0].permute(0, 3, 1, 2) / 255),
        )
    torch.testing.assert_close(got, want, rtol=1e-3, atol=1e-4)
    assert not is_folded(network)


def test_afterwards_both_modes_agree(images):
    batch = [torch.cat(images)]
    folded, unfolded = folded_network(), folded_network()
    unfold(unfolded, [(one,) for one in batch])

    def difference(network):
        with torch.no_grad():
            evaluated, trained = (copy.deepcopy(network).train(mode)(batch[0])[0] for mode in (False, True))
        return float((evaluated - trained).abs().max() / evaluated.abs().max())

    assert difference(unfolded) < 0.02
    assert difference(folded) > 0.2


@pytest.mark.parametrize(("mode", "training"), [("frozen", False), ("train", True)])
def test_statistics_move_only_if_the_recipe_says_so(mode, training):
    network = folded_network(mode).train()
    assert {norm.training for norm in network.batch_norms()} == {training}


def test_statistics_keep_up_in_a_run_of_a_few_dozen_steps(images):
    network = build(Model(backbone="mobilenet_v3_small", weights=None, batch_norm="train", dropout=0), 3, SPEC).train()
    first, seen = network.batch_norms()[0], []
    first.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].mean((0, 2, 3))))
    with torch.no_grad():
        for _ in range(40):
            network(images[0])
    torch.testing.assert_close(first.get_buffer("running_mean"), seen[-1], rtol=0.02, atol=1e-4)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("mobilenet_v2.pth", Model(backbone="mobilenet_v2")),
        ("resnet18-conv1-to-layer3.pth", Model(backbone="resnet18", layer="layer3")),
    ],
)
def test_published_folded_weights_load_whole_and_are_known_as_folded(real_weights, file, model):
    model = model.model_copy(update={"weights": str(real_weights / file)})
    network = build(model, 3, SPEC)
    assert load_weights(network, model).whole
    assert is_folded(network)
