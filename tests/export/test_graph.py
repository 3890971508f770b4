"""The calibrator's last part of the graph: as numpy has it, rising in float32, never certain."""

import numpy as np
import onnxruntime
import pytest
import torch

from sightline.export import graph
from sightline.export.calibrate import Calibrator
from sightline.export.graph import Probabilities

KNOTS = np.array([[-3.0, -1.0], [-1.0, 0.0], [0.5, 0.0], [2.0, 1.5]])
SLOPES = np.array([[0.2, 1.0], [3.0, 0.7], [0.02, 0.7], [1.5, 2.0]])
BENT = Calibrator("isotonic", False, np.array([0.8, 0.5]), np.array([-0.3, 0.4]), 0, 0.0, 0.0, KNOTS, SLOPES)
SCALED = Calibrator("temperature", True, np.full(3, 0.7), np.zeros(3), 0, 0.0, 0.0)
LIFTED = Calibrator("platt", True, np.full(3, 1.4), np.array([0.8, 0.0, 0.0]), 0, 0.0, 0.0)


def _exported(calibrator: Calibrator, first_defect: int) -> onnxruntime.InferenceSession:
    """The graph from logits on."""
    meaning = Probabilities(calibrator, first_defect=first_defect).eval()
    given = torch.zeros(2, len(calibrator.scale)), torch.zeros(2, len(calibrator.scale), 3, 4)
    batch = torch.export.Dim("batch", min=1)
    with graph._quiet(), torch.no_grad():
        program = torch.onnx.export(
            meaning, given, dynamo=True, opset_version=graph.OPSET, verbose=False, dynamic_shapes=({0: batch},) * 2
        )
    assert program is not None
    graph.check(program.model_proto)
    return onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("calibrator", "first"), [(BENT, 0), (SCALED, 1), (LIFTED, 1)])
def test_the_graph_says_what_the_calibrator_says_of_frames_and_places(calibrator: Calibrator, first: int) -> None:
    session = _exported(calibrator, first)
    random = np.random.default_rng(0)
    outputs = len(calibrator.scale)
    logits = random.normal(0, 4, (5, outputs)).astype(np.float32)
    places = random.normal(0, 4, (5, outputs, 3, 4)).astype(np.float32)
    scores, maps = session.run(None, dict(zip((i.name for i in session.get_inputs()), (logits, places), strict=True)))
    np.testing.assert_allclose(scores, calibrator.probabilities(logits.astype(float))[:, first:], atol=1e-6)
    rows = places.transpose(0, 2, 3, 1).reshape(-1, outputs).astype(float)
    expected = calibrator.probabilities(rows)[:, first:].reshape(5, 3, 4, -1).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(maps, expected, atol=1e-6)


def test_scores_rise_with_float32_logits_and_are_never_certain() -> None:
    logits = torch.arange(-20, 5, 0.01, dtype=torch.float32)[:, None].repeat(1, 2)
    scores, _ = Probabilities(BENT, first_defect=0)(logits, logits[:, :, None, None])
    assert (scores.diff(dim=0) > 0).all()
    assert 0 < scores.min() < scores.max() < 1


def test_neighbouring_float32_logits_never_change_places() -> None:
    """Also at a knot, and where slopes differ much; level they may be, for float32 has no room between."""
    for knot in KNOTS[:, 0]:
        steps = [np.float32(knot)]
        for _ in range(2000):
            steps.append(np.nextafter(steps[-1], np.float32(np.inf)))
        logits = torch.tensor(np.array(steps))[:, None].repeat(1, 2)
        scores, _ = Probabilities(BENT, first_defect=0)(logits, logits[:, :, None, None])
        assert (scores[:, 0].diff() >= 0).all()
