"""The ONNX contract, version 1: one face for every method, everything in one file."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sightline.config import Preprocess
from sightline.errors import ExportError
from sightline.export import suppress
from sightline.export.calibrate import Calibrator
from sightline.runtime.session import Answer

OPSET = 20
_STANDARD_DOMAINS = {"", "ai.onnx"}


class Views(nn.Module):
    """A network that answers with the mean over a frame's flips and, of 8, its quarter turns.

    Args:
        network: Gives logits (B, K) and maps (B, K, h, w).
        count: 4, or 8 for square frames.
    """

    def __init__(self, network: nn.Module, count: int) -> None:
        super().__init__()
        self.network = network
        self.views = [(turned, flips) for turned in (False, True) for flips in ((), (0,), (1,), (0, 1))][:count]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """As the network; the maps are turned back before they are averaged."""
        seen = []
        for turned, flips in self.views:
            view = image.transpose(1, 2) if turned else image
            seen.append(view.flip([1 + axis for axis in flips]) if flips else view)
        logits, maps = (found.unflatten(0, (len(seen), -1)) for found in self.network(torch.cat(seen)))
        back = []
        for number, (turned, flips) in enumerate(self.views):
            view = maps[number].flip([2 + axis for axis in flips]) if flips else maps[number]
            back.append(view.transpose(2, 3) if turned else view)
        return logits.mean(0), torch.stack(back).mean(0)


class ContractModel(nn.Module):
    """A trained network and what its answers mean: uint8 frames in, ``scores``, ``maps`` and perhaps ``boxes`` out.

    Args:
        network: Gives raw answers, of frames and perhaps their templates.
        meaning: Turns these into scores (B, C), maps (B, C, h, w) and perhaps boxes (B, K, 6) of the contract.
        pair: Whether the network takes a template beside each frame.
        boxed: Whether there are boxes.
    """

    def __init__(self, network: nn.Module, meaning: nn.Module, *, pair: bool = False, boxed: bool = False) -> None:
        super().__init__()
        self.network = network
        self.meaning = meaning
        self.pair = pair
        self.boxed = boxed

    def forward(self, image: Tensor, template: Tensor | None = None) -> tuple[Tensor, ...]:
        """Uint8 (B, H, W, 3), one or two of it -> scores, maps and perhaps boxes, float32.

        A map's value is the score of a frame that looks so everywhere; of good parts alone, where it looks worst and is
        usual otherwise; of segmentation the probability that the place shows the type.
        """
        raw = self.network(image) if template is None else self.network(image, template)
        answer: tuple[Tensor, ...] = self.meaning(*raw) if isinstance(raw, tuple) else self.meaning(raw)
        return answer

    @torch.no_grad()
    def answer(self, images: NDArray[np.uint8], templates: NDArray[np.uint8] | None = None) -> Answer:
        """What torch says of frames uint8 (B, H, W, 3), with their templates if it takes some."""
        given = [torch.from_numpy(some) for some in (images, templates) if some is not None]
        return Answer(*(found.float().numpy() for found in self.eval()(*given)))


class Probabilities(nn.Module):
    """Logits (B, K) and class activation maps (B, K, h, w) to calibrated probabilities of the types.

    Args:
        calibrator: Fitted on the calibrate part.
        first_defect: Index of the first output that is a defect: 1 if output 0 is good, else 0.
    """

    def __init__(self, calibrator: Calibrator, *, first_defect: int) -> None:
        super().__init__()
        self.exclusive = calibrator.exclusive
        self.first_defect = first_defect
        for name in ("scale", "bias", "knots", "slopes"):
            self.register_buffer(name, torch.tensor(getattr(calibrator, name), dtype=torch.float32))
        self.scale: Tensor
        self.bias: Tensor
        self.knots: Tensor
        self.slopes: Tensor

    def forward(self, logits: Tensor, activation: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, C) and maps (B, C, h, w) of the C types."""
        return self._of(logits)[:, self.first_defect :], self._of(activation)[:, self.first_defect :]

    def _of(self, logits: Tensor) -> Tensor:
        """Probabilities (B, K, ...) of logits (B, K, ...); pieces as `sightline.export.calibrate.pieces` has them."""
        each = (-1,) + (1,) * (logits.ndim - 2)
        knots, slopes = ([row.view(each) for row in rows] for rows in (self.knots, self.slopes))
        first = torch.minimum(logits, knots[0]) if knots else logits
        calibrated = first * self.scale.view(each) + self.bias.view(each)
        for number, (knot, slope) in enumerate(zip(knots, slopes, strict=True)):
            upto = torch.minimum(logits, knots[number + 1]) if number + 1 < len(knots) else logits
            calibrated = calibrated + torch.relu(upto - knot) * slope
        return torch.softmax(calibrated, dim=1) if self.exclusive else torch.sigmoid(calibrated)


def to_onnx(model: ContractModel, preprocess: Preprocess) -> bytes:
    """Exports to one ONNX file with static height and width and a symbolic batch.

    Raises:
        ExportError: The graph does not keep the contract.
    """
    model.eval()
    inputs = ("image", "template") if model.pair else ("image",)
    shape = (2, preprocess.height, preprocess.width, 3)  # a batch of 1 is refused
    examples = tuple(torch.zeros(shape, dtype=torch.uint8) for _ in inputs)  # one tensor twice would be one input
    batch = torch.export.Dim("batch", min=1)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            model,
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=inputs,
            output_names=("scores", "maps", "boxes") if model.boxed else ("scores", "maps"),
            dynamic_shapes=({0: batch},) * len(inputs),
            custom_translation_table=suppress.TRANSLATIONS,
            verbose=False,
        )
    if program is None:
        raise ExportError("torch.onnx gave no graph")
    proto = program.model_proto
    _forget_origin(proto)
    check(proto)
    buffer = io.BytesIO()
    onnx.save_model(proto, buffer)
    return buffer.getvalue()


def _forget_origin(proto: onnx.ModelProto) -> None:
    """Drops what torch notes of the Python code: folders of this machine, different wherever export is called from."""
    for annotated in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        annotated.ClearField("metadata_props")
        annotated.ClearField("doc_string")


def check(proto: onnx.ModelProto) -> None:
    """Refuses a model that is not one whole file of standard operators.

    Raises:
        ExportError: It uses other operators, or weights lie outside.
    """
    onnx.checker.check_model(proto, full_check=True)
    foreign = {node.domain for node in proto.graph.node} - _STANDARD_DOMAINS
    if foreign:
        raise ExportError(f"expected standard ONNX operators only, got the domains {sorted(foreign)}")
    outside = [t.name for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise ExportError(f"expected all weights inside the file, {len(outside)} lie outside")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps torch.onnx's progress notes and deprecation warnings off the screen."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
