"""What every backbone must do, whatever its architecture."""

import io

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from sightline.config import Preprocess
from sightline.config.recipe import Model
from sightline.train.networks import build

NAMED = (
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "resnet18",
    "resnet50",
    "efficientnet_b0",
    "convnext_tiny",
    "regnet_y_400mf",
)
# One of each further family: feature maps from functions, channels last, tokens, a classifier made of convolutions, a
# pooling to a fixed grid, input scaling of its own.
OTHERS = (
    "densenet121",
    "swin_t",
    "vit_b_16",
    "squeezenet1_1",
    "alexnet",
    "shufflenet_v2_x0_5",
    "mnasnet0_5",
    "googlenet",
)
SIZE = 64

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:torch")


@pytest.fixture(scope="module", params=[*NAMED, *OTHERS])
def network(request):
    torch.manual_seed(0)
    return build(Model(backbone=request.param), 3, Preprocess(height=SIZE, width=SIZE))


@pytest.fixture
def images():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8))


def test_shapes_types_and_the_law_of_class_activation_maps(network, images):
    with torch.no_grad():
        logits, maps = network.eval()(images)
    assert logits.shape == (2, 3)
    assert maps.shape == (2, 3, *network.features.grid)
    assert logits.dtype == maps.dtype == torch.float32
    scale = maps.abs().mean() + 1e-6
    torch.testing.assert_close(logits / scale, maps.mean(dim=(2, 3)) / scale, rtol=1e-4, atol=1e-4)


def test_gradients_reach_every_parameter(network, images):
    network.train().zero_grad()
    network(images)[0].square().sum().backward()
    assert [name for name, parameter in network.named_parameters() if parameter.grad is None] == []


def test_switches_between_training_and_evaluation(network, images):
    with torch.no_grad():
        network.train()
        torch.manual_seed(1)
        training = network(images)[0]
        network.eval()
        once, again = network(images)[0], network(images)[0]
    assert torch.equal(once, again)
    assert not torch.equal(training, once)  # dropout at least lies between


def test_frozen_statistics_stay(network, images):
    before = [norm.get_buffer("running_mean").clone() for norm in network.batch_norms()]
    with torch.no_grad():
        network.train()(images)
    after = [norm.get_buffer("running_mean") for norm in network.batch_norms()]
    assert all(map(torch.equal, before, after))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["mobilenet_v2", "swin_t", "vit_b_16"])
def test_exports_with_any_batch(name, images):
    torch.manual_seed(0)
    network = build(Model(backbone=name), 3, Preprocess(height=SIZE, width=SIZE)).eval()
    torch.nn.init.normal_(network.head.weight)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.onnx.export(network, (images,), dynamo=True, dynamic_shapes=({0: batch},), verbose=False)
    file = io.BytesIO()
    onnx.save_model(program.model_proto, file)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for count in (1, 2, 3):
        some = images.repeat(2, 1, 1, 1)[:count]
        answer = session.run(None, {session.get_inputs()[0].name: some.numpy()})
        with torch.no_grad():
            expected = network(some)
        for got, want in zip(answer, expected, strict=True):
            np.testing.assert_allclose(got, want.numpy(), atol=2e-3, rtol=1e-3)
