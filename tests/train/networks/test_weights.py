"""Weights from files and from torchvision, whole, partial and wrong."""

import os
import pickle
from urllib.error import URLError

import pytest
import torch
import torchvision

from sightline.config import Preprocess
from sightline.config.recipe import Model
from sightline.errors import TrainError
from sightline.train.networks import build, load_weights, weights

SMALL = Preprocess(height=64, width=64)


def loaded(model, preprocess=SMALL):
    network = build(model, 3, preprocess)
    return network, load_weights(network, model)


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(5)
    return torchvision.models.resnet18(weights=None).state_dict()


@pytest.fixture
def saved(tmp_path, state):
    """Writes what is given, by default a whole ResNet-18, and tells where."""

    def save(content=state):
        path = tmp_path / "weights with space ä.pth"
        torch.save(content, path)
        return str(path)

    return save


def test_no_weights_report_nothing():
    assert loaded(Model(backbone="resnet18", weights=None))[1] is None


def test_a_whole_file_sets_every_tensor_and_the_classifier_is_ignored(saved, state):
    network, report = loaded(Model(backbone="resnet18", weights=saved()))
    assert report.whole
    assert report.text().endswith(": all 100 tensors of the backbone loaded")
    body = network.features.body.state_dict()
    assert all(torch.equal(body[name], state[name]) for name in report.loaded)


def test_features_equal_those_of_torchvision(saved, state):
    network, _ = loaded(Model(backbone="resnet18", weights=saved()))
    whole = torchvision.models.resnet18(weights=None)
    whole.load_state_dict(state)
    whole.fc = torch.nn.Identity()
    picture = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        pooled = network.eval().features(picture).mean(dim=(2, 3))
        torch.testing.assert_close(pooled, whole.eval()(picture))


def test_a_partial_file_says_what_it_lacks_and_which_layer_fits(saved, state):
    part = {name: value for name, value in state.items() if not name.startswith(("layer4", "fc"))}
    _, report = loaded(Model(backbone="resnet18", weights=saved(part)))
    assert report.missing
    assert all(name.startswith("layer4.") for name in report.missing)
    assert "layer4.0.conv1.weight" in report.text()
    assert "`model.layer: layer3`" in report.text()


def test_a_partial_file_is_whole_for_the_layers_it_covers(saved, state):
    part = {name: value for name, value in state.items() if not name.startswith(("layer4", "fc"))}
    _, report = loaded(Model(backbone="resnet18", layer="layer3", weights=saved(part)))
    assert report.whole
    assert "model.layer" not in report.text()


def test_tensors_of_another_shape_are_named(saved, state):
    _, report = loaded(Model(backbone="resnet18", weights=saved(state | {"conv1.weight": torch.zeros(64, 1, 7, 7)})))
    assert report.shape_mismatch == ("conv1.weight",)
    assert "conv1.weight" in report.text()


@pytest.mark.parametrize("wrap", [lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s}])
def test_weights_inside_a_training_checkpoint(saved, state, wrap):
    parallel = {f"module.{name}": value for name, value in state.items()}
    assert loaded(Model(backbone="resnet18", weights=saved(wrap(parallel))))[1].whole


def test_refuses_weights_of_another_architecture(saved):
    with pytest.raises(TrainError, match="expected weights of mobilenet_v2"):
        loaded(Model(backbone="mobilenet_v2", weights=saved()))


def test_refuses_a_file_that_holds_code_without_running_it(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    for name, write in {
        "zip.pth": torch.save,
        "plain.pth": lambda b, p: p.write_bytes(pickle.dumps(b, protocol=2)),
    }.items():
        write({"conv1.weight": Bomb()}, tmp_path / name)
        with pytest.raises(TrainError):
            loaded(Model(backbone="resnet18", weights=str(tmp_path / name)))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"w\.pth is empty"),
        (b"not a file of torch", r"w\.pth is no file of torch\.save"),
        (b"hello world", r"w\.pth is another kind of file, or cut off or damaged"),
        (b"PK\x03\x04 cut off", r"w\.pth is another kind of file, or cut off or damaged"),
        (b"u4\xa2\x0f\x0b", r"w\.pth is another kind of file"),  # torch: IndexError
        (b"Jyz\n", r"w\.pth is another kind of file"),  # torch: struct.error
        (b"path,label\n", r"w\.pth is no file of torch\.save, holds more than tensors, or is damaged"),
    ],
)
def test_refuses_a_damaged_file(tmp_path, content, said):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(TrainError, match=said):
        loaded(Model(backbone="resnet18", weights=str(tmp_path / "w.pth")))


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.zeros(3)])
def test_refuses_a_file_without_named_tensors(saved, content):
    with pytest.raises(TrainError, match="dictionary of tensors"):
        loaded(Model(backbone="resnet18", weights=saved(content)))


@pytest.mark.parametrize(("name", "said"), [("IMAGENET_V1", "IMAGENET1K_V1"), ("no/such/file.pth", "no such file")])
def test_refuses_a_name_that_is_neither_weights_nor_a_file(name, said):
    with pytest.raises(TrainError) as refused:
        loaded(Model(backbone="resnet18", weights=name))
    assert said in str(refused.value)


def test_a_failed_download_says_what_to_do(monkeypatch):
    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(weights, "get_model", offline)
    with pytest.raises(TrainError, match="could not be downloaded") as refused:
        loaded(Model(backbone="resnet18", weights="DEFAULT"))
    assert "name a file" in refused.value.hint


def test_weights_by_name_come_from_torchvision(monkeypatch, state):
    asked = []

    def download(name, weights):
        asked.append((name, weights))
        model = torchvision.models.resnet18(weights=None)
        model.load_state_dict(state)
        return model

    monkeypatch.setattr(weights, "get_model", download)
    assert loaded(Model(backbone="resnet18", weights="DEFAULT"))[1].whole
    assert asked == [("resnet18", "DEFAULT")]


@pytest.mark.slow
def test_a_vision_transformer_takes_another_image_size(tmp_path):
    model = torchvision.models.vit_b_16(weights=None)
    torch.save(model.state_dict(), tmp_path / "vit.pth")
    spec = Model(backbone="vit_b_16", weights=str(tmp_path / "vit.pth"))
    network, report = loaded(spec)
    assert report.whole
    assert network.features.body.get_parameter("encoder.pos_embedding").shape == (1, 17, 768)
