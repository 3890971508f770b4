"""A model that keeps the ONNX contract, version 1, run by onnxruntime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

from sightline.errors import BundleError
from sightline.runtime.threads import default_threads

_INPUT, _TEMPLATE = "image", "template"
_OUTPUTS, _BOXES = ("scores", "maps"), "boxes"
_ROW = 6  # x1, y1, x2, y2, score, class

# onnxruntime's errors have no common base but Exception.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    UnicodeDecodeError,  # a name in the model, or onnxruntime's message about it, is no text
)


_Values = Mapping[str, Any]


class Answer(NamedTuple):
    """What a model says about B frames.

    Attributes:
        scores: float32 (B, C), calibrated probability per defect type.
        maps: float32 (B, C, h, w), where.
        boxes: float32 (B, K, 6): x1, y1, x2, y2 in pixels of the input, score, class; a score of 0 is filling. None of
            a model that gives no boxes.
    """

    scores: NDArray[np.float32]
    maps: NDArray[np.float32]
    boxes: NDArray[np.float32] | None = None


class Session:
    """One loaded model. Safe to be used by several threads at once.

    Args:
        model: The bytes of the ONNX file. From bytes onnxruntime opens no other file, whatever the model asks for.
        threads: Threads that share the work on one batch; by default as many as this process may use.

    Attributes:
        height: Rows of the input, in pixels.
        width: Columns of the input, in pixels.
        classes: How many defect types the model scores.
        pair: Whether it takes a template beside each frame.
        boxed: Whether it gives boxes.
        threads: As given, or the default.

    Raises:
        BundleError: onnxruntime cannot load the model, or it does not keep the contract.
    """

    def __init__(self, model: bytes, *, threads: int | None = None) -> None:
        self.threads = default_threads() if threads is None else threads
        try:
            self._session = onnxruntime.InferenceSession(
                model,
                session_options(self.threads),
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # a second attempt would be the same, and is announced on standard output
            )
            inputs, outputs = self._check_names()
            self.pair, self.boxed = _TEMPLATE in inputs, _BOXES in outputs
            self.height, self.width, self.classes = _check_shapes(inputs, outputs)
        except _ORT_ERRORS as error:
            raise BundleError(
                f"onnxruntime {onnxruntime.__version__} cannot load the model: {_first_line(error)}",
                hint="Export the bundle again, or update onnxruntime.",
            ) from error

    def run(self, batch: NDArray[np.uint8], templates: NDArray[np.uint8] | None = None) -> Answer:
        """Scores a batch of preprocessed frames.

        Args:
            batch: RGB, uint8 (B, H, W, 3).
            templates: What they are compared with, likewise; None of a model that does not compare.

        Raises:
            BundleError: The model failed, its answer has another shape than the contract says, or templates are missing
                or too many.
        """
        if (templates is not None) != self.pair:
            raise BundleError(f"the model takes {'a template beside each frame' if self.pair else 'no templates'}")
        given = {_INPUT: batch} | ({} if templates is None else {_TEMPLATE: templates})
        try:
            found = self._session.run((*_OUTPUTS, *((_BOXES,) if self.boxed else ())), given)
        except _ORT_ERRORS as error:
            raise BundleError(f"the model failed: {_first_line(error)}") from error
        answer = Answer(*found)
        scores, maps, boxes = answer
        fits = boxes is None or (boxes.ndim == 3 and (len(boxes), boxes.shape[2]) == (len(batch), _ROW))
        if scores.shape != (len(batch), self.classes) or maps.shape[:2] != scores.shape or maps.ndim != 4 or not fits:
            told = f"scores {scores.shape} and maps {maps.shape}" + (
                "" if boxes is None else f" and boxes {boxes.shape}"
            )
            raise BundleError(
                f"the model failed: for {len(batch)} frames and {self.classes} classes it answered with {told}"
            )
        return answer

    def _check_names(self) -> tuple[_Values, _Values]:
        """Inputs and outputs by name, from a model that has those of the contract."""
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = {value.name: value for value in self._session.get_outputs()}
        if set(inputs) - {_TEMPLATE} != {_INPUT} or set(outputs) - {_BOXES} != set(_OUTPUTS):
            raise _broken("input image and outputs scores and maps", f"{sorted(inputs)} and {sorted(outputs)}")
        return inputs, outputs


def _check_shapes(inputs: _Values, outputs: _Values) -> tuple[int, int, int]:
    """Height, width and number of classes, from a model whose declared inputs and outputs keep the contract."""
    image, scores, maps = inputs[_INPUT], outputs["scores"], outputs["maps"]
    types = (*(value.type for value in inputs.values()), *(value.type for value in outputs.values()))
    if types != ("tensor(uint8)",) * len(inputs) + ("tensor(float)",) * len(outputs):
        raise _broken("uint8 in and float32 out", ", ".join(types))
    beside = inputs.get(_TEMPLATE, image)
    if beside.shape[1:] != image.shape[1:]:
        raise _broken("a template of the frame's size", f"{beside.shape} beside {image.shape}")
    match image.shape, scores.shape, maps.shape:
        case [batch, int(height), int(width), 3], [_, int(classes)], [_, also, _, _] if also == classes:
            if not isinstance(batch, int):
                return height, width, classes
    raise _broken(
        "image [batch, H, W, 3], scores [batch, C] and maps [batch, C, h, w] with any batch and fixed H, W and C",
        f"image {image.shape}, scores {scores.shape} and maps {maps.shape}",
    )


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """How every model is run: on so many threads, which do not spin while they wait."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it never gives back what the largest batch took
    # A spinning pool takes whole processors from the neighbours, and is slower itself as soon as it has any.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is raised; nothing is printed besides
    return options


def _broken(expected: str, found: str) -> BundleError:
    return BundleError(f"the model does not keep the ONNX contract 1: expected {expected}, found {found}")


def _first_line(error: BaseException) -> str:
    """The reason that onnxruntime gives, without its error code and stack."""
    return (str(error).splitlines() or [""])[0].rpartition(" : ")[2].strip() or type(error).__name__
