"""The exported model in 8 bits: faster and smaller, kept only where its gate finds the same verdicts.

Quantised after training (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", arXiv 1712.05877), by onnxruntime, with QuantizeLinear and DequantizeLinear of the
standard: activations as uint8 by the range that some frames show, weights as int8 by channel.

Processors without VNNI or its like add neighbouring products in pairs, in 16 bits, and with weights of 8 bits such a
sum can overflow, without a word: scores of a ResNet-18 were wrong by up to 0.10. So each channel's step is the finest
with which no pair of neighbours can, and every processor does the same whole-number arithmetic. Weights of 7 bits would
do so too, and cost more: with them the AUROC of a memory bank fell from 0.9370 to 0.9333, with these steps it did not.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from sightline.bundle.manifest import Agreement
from sightline.errors import ExportError
from sightline.export.evaluate import Scored, auroc
from sightline.export.graph import check

SEEING = (".features.", ".decoder.")
"""What names of weights have in common that see, in backbone and decoder, and those that answer have not."""

TOLERANCE = 0.02
"""Largest difference of a golden score that another processor or onnxruntime may show in int8."""

_BATCH = 8
_NOTHING = 1e-30  # weights below it are none: their step would not be a float32
_FOLDED = ("Relu", "Clip")  # activations that become the range of the convolution before them


@dataclass(frozen=True)
class Limits:
    """What int8 may cost.

    Attributes:
        score_difference: Largest difference of any score of any image.
        flips: Share of images whose verdict changes. A single one always may: of few images it tells no rate, and a
            frame close to a threshold is there in every set.
        auroc_loss: Of telling defective from good frames, where both are there.
        places_loss: Of finding single defects, where the model says places.
    """

    score_difference: float = 0.5
    flips: float = 0.01
    auroc_loss: float = 0.005
    places_loss: float = 0.01


class Shown(NamedTuple):
    """What a model is shown of one frame: RGB, uint8 (H, W, 3), preprocessed.

    Attributes:
        image: The frame.
        template: What it is compared with; None of a model that does not compare.
    """

    image: NDArray[np.uint8]
    template: NDArray[np.uint8] | None = None


def quantized(model: bytes, frames: Iterable[Shown], *, within: Sequence[str] = SEEING) -> bytes:
    """Quantises an exported model's convolutions; all else stays in float32, the scores above all.

    A convolution whose answer is a map or a score must stay in float32: beyond what the frames show it would be
    clipped, and the worst defects would look alike. The matrix products of a memory bank stay too: in whole
    numbers they made a frame no faster.

    Args:
        model: An ONNX file that keeps the contract.
        frames: Of the train part, so that the gate judges on others. Some dozens suffice: 20 and 60 gave the same.
        within: The convolutions are those whose weight has one of these in its name; all of them if empty.

    Returns:
        One ONNX file of the same face; the same input gives the same bytes.

    Raises:
        ExportError: There is no such convolution, no frame, or a frame of another size.
    """
    graph = onnx.load_model_from_string(model).graph
    convolutions = _convolutions(graph, within)
    reader = _Frames(frames, _input_shape(graph))
    with tempfile.TemporaryDirectory(prefix="sightline-", ignore_cleanup_errors=True) as folder, _quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model)
        quantize_static(
            source,
            target,
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", *_FOLDED],
            nodes_to_quantize=[*convolutions, *_folded(graph, convolutions)],
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            extra_options={"TensorQuantOverrides": _overrides(graph, convolutions.values())},
        )
        made = onnx.load_model(target)
    made.ClearField("metadata_props")
    check(made)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def compare(
    part: str, full: Scored, small: Scored, places: tuple[float | None, float | None] = (None, None)
) -> Agreement:
    """Measures how far the int8 model is from the one it was made of, on one part of the data.

    A verdict has changed if its outcome has, or, where defects are not located, the type that it names first. Located
    ones are judged by their own figure: of several alike the first is any.

    Args:
        part: Name of the part.
        full: It with what the float32 model says.
        small: It with what the int8 model says.
        places: How well each of the two finds single defects; see `Agreement`.
    """
    # What is no number differs as much as a score can: it must not pass as "not larger".
    difference = np.nan_to_num(np.abs(full.scores - small.scores), nan=1.0, posinf=1.0)
    return Agreement(
        part=part,
        images=len(full.samples),
        largest_score_difference=float(difference.max(initial=0.0)),
        verdict_flips=int(np.count_nonzero(_said(full) != _said(small))),
        auroc=_auroc(full),
        auroc_int8=_auroc(small),
        places=places[0],
        places_int8=places[1],
    )


def gate(agreement: Agreement, limits: Limits | None = None) -> str:
    """Judges whether a bundle may hold the int8 model, on the calibrate part: the test part decides nothing.

    Returns:
        Why it may not, in words; empty if it may.
    """
    limits = limits or Limits()
    if not agreement.images:
        return f"the {agreement.part} part holds no image to compare on"
    wrong = []
    if agreement.largest_score_difference > limits.score_difference:
        wrong.append(f"a score differs by {agreement.largest_score_difference:.3f} of {limits.score_difference:g}")
    if agreement.verdict_flips > max(1.0, limits.flips * agreement.images):
        wrong.append(
            f"{agreement.verdict_flips} of {agreement.images} verdicts changed, {limits.flips:.1%} may, or a single one"
        )
    wrong += _fell("AUROC", agreement.auroc, agreement.auroc_int8, limits.auroc_loss)
    wrong += _fell("the figure of single defects", agreement.places, agreement.places_int8, limits.places_loss)
    return "; ".join(wrong)


def _fell(name: str, full: float | None, small: float | None, most: float) -> list[str]:
    if full is None or (small is not None and full - small <= most):
        return []
    if small is None:
        return [f"{name} was {full:.4f} and cannot be told any more"]
    return [f"{name} fell by {full - small:.4f} of {most:g}, to {small:.4f}"]


class _Frames(CalibrationDataReader):  # type: ignore[misc]
    """Hands frames to onnxruntime in batches."""

    def __init__(self, frames: Iterable[Shown], shape: tuple[int, int, int]) -> None:
        shown = list(frames)
        if not shown:
            raise ExportError("int8 needs frames to tell the range of activations from, got none")
        some = (shown[start : start + _BATCH] for start in range(0, len(shown), _BATCH))
        self._batches = (_stacked(batch, shape) for batch in some)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """The next batch by the name of the input, or None after the last."""
        return next(self._batches, None)


def _stacked(batch: Sequence[Shown], shape: tuple[int, int, int]) -> dict[str, NDArray[np.uint8]]:
    images = {"image": np.stack([_checked(one.image, shape) for one in batch])}
    templates = [_checked(one.template, shape) for one in batch if one.template is not None]
    return images | ({"template": np.stack(templates)} if templates else {})


def _checked(frame: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    if frame.shape != shape or frame.dtype != np.uint8:
        raise ExportError(f"int8: expected preprocessed frames, uint8 {shape}, got {frame.dtype} {frame.shape}")
    return frame


def _input_shape(graph: onnx.GraphProto) -> tuple[int, int, int]:
    _, height, width, channels = (size.dim_value for size in graph.input[0].type.tensor_type.shape.dim)
    return height, width, channels


def _convolutions(graph: onnx.GraphProto, within: Sequence[str]) -> dict[str, str]:
    """Name of each convolution to quantise -> name of its weight, which is a constant."""
    constants = {tensor.name for tensor in graph.initializer}
    convolutions = {node.name: node.input[1] for node in graph.node if node.op_type == "Conv"}
    found = {
        name: weight
        for name, weight in convolutions.items()
        if weight in constants and (not within or any(part in weight for part in within))
    }
    if not found:
        raise ExportError(f"int8: expected convolutions with {within!r} in their weights' names, the model has none")
    return found


def _folded(graph: onnx.GraphProto, convolutions: Container[str]) -> list[str]:
    """Names of the activations right behind some convolutions."""
    convolved = {node.output[0] for node in graph.node if node.name in convolutions}
    return [node.name for node in graph.node if node.op_type in _FOLDED and node.input[0] in convolved]


def _overrides(graph: onnx.GraphProto, weights: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Tells onnxruntime the step of each channel of some weights."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    whole = {"quant_type": QuantType.QInt8, "zero_point": np.array(0, np.int8), "axis": 0}
    return {name: [{**whole, "scale": step} for step in _steps(arrays[name])] for name in dict.fromkeys(weights)}


def _steps(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The finest step of each channel (O,) of a weight (O, I, h, w) with which pairs of neighbours fit 16 bits.

    Neighbours are those in the order of the weight itself, and with its channels last: kernels add in one or the other.
    """
    largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    for ordered in (weight, np.moveaxis(weight, 1, -1)):
        for signed in (ordered, -ordered):  # of opposite signs they cannot overflow
            rows = np.maximum(signed, 0).reshape(len(weight), -1)
            largest = np.maximum(largest, (rows[:, :-1] + rows[:, 1:]).max(axis=1, initial=0))
    # 127, and at most 1 by rounding: 255 * 128 is below 2 ** 15. A channel without weights has any step.
    return np.where(largest > _NOTHING, largest, 1).astype(np.float32) / np.float32(127)


def _said(part: Scored) -> NDArray[np.str_]:
    """(N,) what each verdict says, in a word."""
    named = part.located is None
    return np.array([f"{v.outcome} {v.defects[0].label if named and v.defects else ''}" for v in part.verdicts], str)


def _auroc(part: Scored) -> float | None:
    defective = part.defective
    if defective.all() or not defective.any() or not np.isfinite(part.scores).all():
        return None
    return auroc(defective, part.policy.defect_score(part.scores))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps onnxruntime's hints off the screen: it speaks by the root logger, which would gain a handler too."""
    root, silence = logging.getLogger(), logging.NullHandler()

    def is_other(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in Path(record.pathname).parts

    root.addHandler(silence)
    root.addFilter(is_other)
    try:
        yield
    finally:
        root.removeFilter(is_other)
        root.removeHandler(silence)
