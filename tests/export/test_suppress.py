"""Suppression in the exported graph keeps the boxes that torchvision keeps, and is a standard operator."""

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torchvision.ops import nms

from sightline.export import suppress

MOST = 12
LIMIT = 0.5


class Suppression(nn.Module):
    """What is exported: nothing but the operator."""

    def forward(self, corners: Tensor, scores: Tensor) -> Tensor:
        """Which boxes stay."""
        return suppress.kept(corners, scores, LIMIT)


@pytest.fixture(scope="module")
def exported() -> bytes:
    batch = torch.export.Dim("batch", min=1)
    given_ = torch.zeros(2, MOST, 4), torch.zeros(2, MOST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own, of what it is about to change
        program = torch.onnx.export(
            Suppression().eval(),
            given_,
            dynamo=True,
            opset_version=20,
            input_names=["corners", "scores"],
            dynamic_shapes=({0: batch}, {0: batch}),
            custom_translation_table=suppress.TRANSLATIONS,
            verbose=False,
        )
    return program.model_proto.SerializeToString()


@pytest.fixture(scope="module")
def session(exported: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])


def _some(seed: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes that overlap much, on eighths of a pixel, with scores that differ."""
    draw = np.random.default_rng(seed)
    low, sides = draw.integers(0, 60, (batch, MOST, 2)) / 8, draw.integers(8, 60, (batch, MOST, 2)) / 8
    scores = np.stack([draw.permutation(MOST) + 1 for _ in range(batch)]) / (MOST + 1)
    return np.concatenate([low, low + sides], -1).astype(np.float32), scores.astype(np.float32)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
@settings(max_examples=60, deadline=None)
def test_the_same_boxes_stay_as_in_torchvision(session, seed: int, batch: int) -> None:
    corners, scores = _some(seed, batch)
    (found,) = session.run(None, {"corners": corners, "scores": scores})
    for row in range(batch):
        stays = nms(torch.from_numpy(corners[row]), torch.from_numpy(scores[row]), LIMIT).numpy()
        np.testing.assert_array_equal(np.flatnonzero(found[row]), np.sort(stays))
    np.testing.assert_array_equal(found, suppress.kept(*map(torch.from_numpy, (corners, scores)), LIMIT).numpy())


def test_boxes_of_no_size_and_no_score_do_no_harm(session) -> None:
    corners, scores = np.zeros((3, MOST, 4), np.float32), np.zeros((3, MOST), np.float32)
    (found,) = session.run(None, {"corners": corners, "scores": scores})
    assert found.shape == (3, MOST)
    assert np.isin(found, (0, 1)).all()


def test_only_standard_operators_are_left(exported: bytes) -> None:
    model = onnx.load_model_from_string(exported)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert "NonMaxSuppression" in {node.op_type for node in model.graph.node}
