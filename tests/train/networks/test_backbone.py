"""Choosing a backbone, a layer and an input size, and what is said when that does not go together."""

import pytest
import torch

from sightline.config import Preprocess
from sightline.config.recipe import Model
from sightline.errors import TrainError
from sightline.train.networks import build
from sightline.train.networks.backbone import extract


def test_features_of_a_rectangle():
    features = extract("mobilenet_v3_small", (64, 128))
    assert features.grid == (2, 4)
    assert features.eval()(torch.zeros(1, 3, 64, 128)).shape == (1, features.channels, 2, 4)


@pytest.mark.parametrize(
    ("name", "layer", "channels", "grid"),
    [
        ("resnet18", "layer3", 256, (4, 4)),
        ("resnet18", "layer2.0", 128, (8, 8)),
        ("mobilenet_v2", "features.6", 32, (8, 8)),
        ("swin_t", "features.3", 192, (8, 8)),  # channels last inside
    ],
)
def test_ends_at_a_layer(name, layer, channels, grid):
    features = extract(name, (64, 64), layer)
    assert (features.channels, features.grid) == (channels, grid)
    assert features.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, channels, *grid)


def test_layers_behind_the_end_are_gone():
    names = extract("resnet18", (64, 64), "layer3").body.state_dict()
    assert not [name for name in names if name.startswith(("layer4", "fc"))]


def test_tokens_become_the_grid_they_were_cut_from():
    torch.manual_seed(0)
    features = extract("vit_b_16", (64, 64))
    torch.nn.init.zeros_(features.body.get_parameter("encoder.pos_embedding"))
    dark, lit = torch.zeros(1, 3, 64, 64), torch.zeros(1, 3, 64, 64)
    lit[..., 16:32, 32:48] = 5
    with torch.no_grad():
        change = (features.eval()(lit) - features(dark)).abs().mean(1)[0]
    assert divmod(int(change.argmax()), 4) == (1, 2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mobilenetv2", "mobilenet_v2"),
        ("ResNet-18", "resnet18"),
        ("fasterrcnn_resnet50_fpn", "object detection"),
        ("r3d_18", "video"),
        ("raft_small", "optical flow"),
        ("deeplabv3_resnet50", "segmentation"),
        ("quantized_resnet18", "quantised"),
        ("no such thing at all", "Such as"),
    ],
)
def test_refuses_what_is_no_classification_model(name, said):
    with pytest.raises(TrainError) as refused:
        build(Model(backbone=name), 2, Preprocess())
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "layer", "said"),
    [
        ("resnet18", "layer5", "Did you mean"),
        ("resnet18", "xyz", "layer4"),
        ("resnet18", "avgpool", "feature map"),
        ("mobilenet_v2", "classifier", "node of mobilenet_v2"),
    ],
)
def test_refuses_a_layer_that_gives_no_feature_map(name, layer, said):
    with pytest.raises(TrainError) as refused:
        extract(name, (64, 64), layer)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [("vit_b_16", 64, 96), ("vit_b_16", 72, 72), ("maxvit_t", 64, 64), ("alexnet", 32, 32), ("inception_v3", 32, 32)],
)
def test_refuses_a_size_that_the_model_cannot_take(name, height, width):
    with pytest.raises(TrainError, match=rf"{height} x {width}"):
        extract(name, (height, width))


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet18", (256, 128)),
        ("resnet50", (1024, 512)),
        ("mobilenet_v2", (96, 32)),
        ("swin_t", (384, 192)),
        ("vit_b_16", (768,)),  # tokens have one size
    ],
)
def test_of_a_stride_the_last_whole_block_is_taken_and_a_finer_one_beside_it(name, channels):
    features = extract(name, (64, 64), stride=16, finer=1).eval()
    found = features.scales(torch.zeros(2, 3, 64, 64))
    assert [part.shape for part in found] == [
        (2, count, side, side) for count, side in zip(channels, (4, 8), strict=False)
    ]
    assert torch.equal(found[0], features(torch.zeros(2, 3, 64, 64)))


def test_an_odd_size_has_a_finer_map_too():
    coarse, fine = extract("resnet18", (200, 200), stride=16, finer=1).eval().scales(torch.zeros(1, 3, 200, 200))
    assert (coarse.shape[2:], fine.shape[2:]) == ((13, 13), (25, 25))


def test_before_the_first_block_nothing_is_finer():
    assert len(extract("resnet18", (64, 64), "conv1", finer=1).eval().scales(torch.zeros(1, 3, 64, 64))) == 1
