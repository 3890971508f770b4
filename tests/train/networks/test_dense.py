"""Networks that answer for every place: each decoder on several backbones, with and without a template."""

import pytest
import torch

from sightline import config
from sightline.errors import TrainError
from sightline.train.networks.dense import DECODERS, build
from sightline.train.networks.weights import load_weights

SIDE = 64


def recipe(backbone="mobilenet_v3_small", *, pair=False, **localise):
    values = {
        "name": "dense",
        "task": "detect",
        "data": {"root": "."},
        "input": {"height": SIDE, "width": SIDE},
        "model": {"backbone": backbone, "weights": None},
        "localise": {"width": 16, **localise},
    }
    return config.build(values | ({"template": {"compared": True}} if pair else {}), [])


def images(count=2, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, SIDE, SIDE, 3), dtype=torch.uint8, generator=draw)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "resnet18", "swin_t"])
def test_every_decoder_answers_at_its_stride(backbone, decoder):
    network = build(recipe(backbone, decoder=decoder, stride=8), 5).eval()
    assert network(images()).shape == (2, 5, SIDE // 8, SIDE // 8)


@pytest.mark.parametrize("stride", [4, 8, 16])
def test_the_answer_is_as_fine_as_asked_for(stride):
    network = build(recipe(stride=stride), 1).eval()
    assert network(images()).shape[2:] == (SIDE // stride, SIDE // stride)


def test_a_stride_that_the_backbone_has_not_is_refused():
    with pytest.raises(TrainError, match=r"localise\.stride: expected a map of 32 x 32"):
        build(recipe("vit_b_32", stride=2), 1)


def test_with_a_template_both_pictures_matter():
    network = build(recipe(pair=True), 1).eval()
    frame, template, other = images(seed=0), images(seed=1), images(seed=2)
    with torch.no_grad():
        assert not torch.equal(network(frame, template), network(frame, other))
        assert not torch.equal(network(frame, template), network(other, template))


def test_weights_for_one_picture_serve_a_pair(tmp_path):
    one = build(recipe("resnet18"), 1)
    torch.save(one.features.body.state_dict(), tmp_path / "one.pth")
    model = recipe("resnet18", pair=True).model.model_copy(update={"weights": str(tmp_path / "one.pth")})
    both = build(recipe("resnet18", pair=True), 1)
    assert load_weights(both, model).whole
    first, wide = one.features.body.conv1.weight, both.features.body.conv1.weight
    assert torch.equal(wide[:, :3], first)
    assert torch.equal(wide[1::2, 3:], -first[1::2])  # every second filter begins with the difference
    assert not wide[::2, 3:].any()
