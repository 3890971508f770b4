"""A model that keeps the ONNX contract, version 1, run by onnxruntime on the CPU."""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state

from sightline.errors import BundleError
from sightline.runtime.threads import default_threads

_INPUT = "image"
_OUTPUTS = ("scores", "maps")

# onnxruntime's errors have no common base but Exception.
_ORT_ERRORS: tuple[type[Exception], ...] = (
    *(
        kind
        for kind in vars(onnxruntime_pybind11_state).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
    ),
    UnicodeDecodeError,  # a name in the model, or onnxruntime's message about it, is no text
)


class Session:
    """One loaded model. Safe to be used by several threads at once.

    Args:
        model: The bytes of the ONNX file. From bytes onnxruntime opens no other file, whatever the model asks for.
        threads: Threads that share the work on one batch; by default as many as this process may use.

    Attributes:
        height: Rows of the input, in pixels.
        width: Columns of the input, in pixels.
        classes: How many defect types the model scores.
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
            self.height, self.width, self.classes = self._check_contract()
        except _ORT_ERRORS as error:
            raise BundleError(
                f"onnxruntime {onnxruntime.__version__} cannot load the model: {_first_line(error)}",
                hint="Export the bundle again, or update onnxruntime.",
            ) from error

    def run(self, batch: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scores a batch of preprocessed frames.

        Args:
            batch: RGB, uint8 (B, H, W, 3).

        Returns:
            Scores, float32 (B, C), and maps, float32 (B, C, h, w).

        Raises:
            BundleError: The model failed, or its answer has another shape than the contract says.
        """
        try:
            scores, maps = self._session.run(_OUTPUTS, {_INPUT: batch})
        except _ORT_ERRORS as error:
            raise BundleError(f"the model failed: {_first_line(error)}") from error
        if scores.shape != (len(batch), self.classes) or maps.shape[:2] != scores.shape or maps.ndim != 4:
            raise BundleError(
                f"the model failed: for {len(batch)} frames and {self.classes} classes it answered "
                f"with scores {scores.shape} and maps {maps.shape}"
            )
        return scores, maps

    def _check_contract(self) -> tuple[int, int, int]:
        """Height, width and number of classes, from a model whose declared inputs and outputs keep the contract."""
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = {value.name: value for value in self._session.get_outputs()}
        if set(inputs) != {_INPUT} or set(outputs) != set(_OUTPUTS):
            raise _broken("input image and outputs scores and maps", f"{sorted(inputs)} and {sorted(outputs)}")
        image, scores, maps = inputs[_INPUT], outputs["scores"], outputs["maps"]
        types = (image.type, scores.type, maps.type)
        if types != ("tensor(uint8)", "tensor(float)", "tensor(float)"):
            raise _broken("uint8 in and float32 out", ", ".join(types))
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
