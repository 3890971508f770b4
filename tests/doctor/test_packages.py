"""Missing, doubled, unfit and unsafe packages are told from their metadata."""

import pytest
from packaging.requirements import Requirement

from sightline import MAX_IMAGE_PIXELS
from sightline.doctor import packages


@pytest.mark.parametrize(
    ("text", "versions", "extra", "state", "said"),
    [
        ("tqdm>=4.66", {"tqdm": "4.70"}, "", "ok", "4.70"),
        ("tqdm>=4.66", {"tqdm": "4.1"}, "", "broken", "needed is >=4.66"),
        ("tqdm>=4.66", {}, "", "broken", 'pip install "tqdm>=4.66"'),
        ("torch>=2.9", {"torch": "2.15.0+cpu"}, "train", "ok", "2.15.0+cpu"),
        ("torch>=2.9", {"torch": "2.1"}, "train", "warn", 'pip install "torch>=2.9"'),
        ("torch>=2.9", {}, "train", "missing", 'pip install "sightline[train]"'),
        ("lightning>=2.5,!=2.6.2", {"lightning": "2.6.2"}, "train", "broken", "malicious"),
        ("lightning>=2.5", {"lightning": "2.6.3"}, "train", "broken", "change every password"),
        ("lightning>=2.5", {"lightning": "2.6.6"}, "train", "ok", "2.6.6"),
        ("onnxruntime>=1.20", {"onnxruntime-openvino": "1.24"}, "", "ok", "onnxruntime-openvino 1.24"),
        ("onnxruntime>=1.20", {"onnxruntime": "1.24", "onnxruntime-gpu": "1.24"}, "", "warn", "there twice"),
        ("opencv-python-headless>=4.11", {"opencv-python-headless": "5.0"}, "", "ok", "5.0"),
        ("opencv-python-headless>=4.11", {"opencv-python": "5.0"}, "", "warn", "libGL"),
        (
            "opencv-python-headless>=4.11",
            {"opencv-python-headless": "5.0", "opencv-python": "4.12"},
            "",
            "warn",
            "pip uninstall -y opencv-python-headless opencv-python, then pip install opencv-python-headless",
        ),
    ],
)
def test_a_requirement(text, versions, extra, state, said):
    check = packages.check_requirement("x", Requirement(text), versions, extra)
    assert check.state == state
    assert said in check.found + check.advice
    assert bool(check.advice) == (state != "ok")


@pytest.mark.parametrize(
    ("torch", "torchvision", "wanted", "state"),
    [
        ("2.15.0", "0.29.2", ["numpy", "torch (>=2.14.0)"], "ok"),
        ("2.9.0+cpu", "0.24.0+cpu", ["torch==2.9.0"], "ok"),
        ("2.13.0", "0.29.2", ["torch (>=2.14.0)"], "warn"),
        ("2.9.1", "0.24.0", ["torch==2.9.0"], "warn"),
        ("2.15.0+cpu", "0.29.2", ["torch (>=2.14.0)"], "warn"),
    ],
)
def test_torch_and_torchvision_must_be_builds_for_each_other(torch, torchvision, wanted, state):
    check = packages.check_torch_pair("x", torch, torchvision, wanted)
    assert check.state == state
    assert torch in check.found
    assert torchvision in check.found


@pytest.mark.parametrize(
    ("value", "state"),
    [(str(MAX_IMAGE_PIXELS), "ok"), ("1000", "ok"), (str(2**40), "warn"), ("much", "warn"), ("", "warn")],
)
def test_the_limit_on_image_size(monkeypatch, value, state):
    monkeypatch.setenv("OPENCV_IO_MAX_IMAGE_PIXELS", value)
    assert packages.check_pixel_limit("x").state == state


def test_the_requirements_are_those_of_the_distribution():
    needed = {item.name.lower() for item in packages.requirements()}
    if not needed:
        pytest.skip("Sightline is not installed here, so there is no metadata to read")
    extra = {item.name for item in packages.requirements("train")}
    assert {"onnxruntime", "opencv-python-headless", "pyyaml"} <= needed
    assert {"torch", "mlflow"} <= extra
    assert not needed & extra
    assert "pytest" not in needed | extra


def test_without_metadata_there_are_no_requirements(monkeypatch):
    def absent(name):
        raise packages.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "requires", absent)
    monkeypatch.setattr(packages.metadata, "version", absent)
    assert packages.requirements() == []
    assert packages.installed("opencv-python-headless") == {}


def test_every_member_of_a_family_is_found(monkeypatch):
    def version(name):
        if name == "opencv-python":
            return "4.12"
        if name == "opencv-python-headless":
            return "5.0"
        raise packages.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packages.metadata, "version", version)
    assert packages.installed("opencv-python-headless") == {"opencv-python-headless": "5.0", "opencv-python": "4.12"}
