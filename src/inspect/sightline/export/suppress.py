"""Non-maximum suppression that runs in torch and becomes the standard operator in the exported graph.

So whoever runs the model gets the same boxes, and nobody has to suppress again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import opset20
from torch import Tensor
from torchvision.ops import nms


def _kept(corners: Tensor, scores: Tensor, limit: float) -> Tensor:
    marks = torch.zeros_like(scores)
    for row in range(len(corners)):
        marks[row, nms(corners[row], scores[row], limit)] = 1
    return marks


_operator = torch.library.custom_op(
    "sightline::kept", _kept, mutates_args=(), schema="(Tensor corners, Tensor scores, float limit) -> Tensor"
)
_operator.register_fake(lambda _corners, scores, _limit: torch.empty_like(scores))


def kept(corners: Tensor, scores: Tensor, limit: float) -> Tensor:
    """Which boxes stay where of two that overlap too much the surer one does.

    Args:
        corners: [B, P, 4], x1, y1, x2, y2.
        scores: [B, P].
        limit: Overlap (IoU) beyond which one goes.

    Returns:
        [B, P], 1 of a box that stays and 0 of one that goes.
    """
    marks: Tensor = _operator(corners, scores, limit)
    return marks


def _to_onnx(corners: Any, scores: Any, limit: float) -> Any:  # noqa: ANN401 - onnxscript's own
    """The same in ONNX; corners may be x before y, for overlaps are the same either way."""
    op: Any = opset20  # the types that it states are too narrow for values that are yet to be made
    every, of_one_type = op.Constant(value_int=2**31 - 1), op.Unsqueeze(scores, op.Constant(value_ints=[1]))
    picked = op.NonMaxSuppression(corners, of_one_type, every, op.Constant(value_float=limit))
    where = op.Gather(picked, op.Constant(value_ints=[0, 2]), axis=1)
    count = op.Slice(op.Shape(where), op.Constant(value_ints=[0]), op.Constant(value_ints=[1]))
    return op.ScatterND(op.Sub(scores, scores), where, op.Expand(op.Constant(value_float=1.0), count))


TRANSLATIONS: dict[Callable[..., Any], Callable[..., Any]] = {torch.ops.sightline.kept.default: _to_onnx}
"""What the exporter is to write for the operators of this module."""
