"""Adds the int8 model to a bundle, where it finds what the float32 one finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sightline import image
from sightline.bundle.manifest import Golden, Int8
from sightline.dataset.scan import read_checked
from sightline.export import quantize
from sightline.export.compact import compact
from sightline.export.evaluate import Scored
from sightline.export.sweep import sweep
from sightline.index import Split
from sightline.runs import Progress, RunFolder
from sightline.runtime.session import Session

_FRAMES = 48  # of the train part, that the range of activations is told from


@dataclass(frozen=True)
class EightBit:
    """The int8 model.

    Attributes:
        model: The ONNX file.
        facts: What the manifest says of it.
    """

    model: bytes
    facts: Int8


def add(
    model: bytes, run: RunFolder, parts: Sequence[Scored], golden: Mapping[str, bytes], progress: Progress
) -> EightBit | None:
    """Quantises a model and lets the gate judge on the calibrate part; the test part is compared too, and only told.

    Args:
        model: The exported ONNX file.
        run: The run that it is of.
        parts: The calibrate part with the float32 scores, then the test part.
        golden: Name of each golden sample -> its frame, as PNG.
        progress: Told the stage, images done and images in all.

    Returns:
        The int8 model; None if the gate refused it, which is said.

    Raises:
        ExportError: Nothing of the model can be quantised.
    """
    index, spec = run.index, run.recipe.input
    made = compact(quantize.quantized(model, _frames(run)))
    session = Session(made)
    agreement = []
    for name, part in zip(("calibrate", "test"), parts, strict=True):
        if name == "test" and not part.samples:
            continue
        found = sweep(session.run, part.samples, index, spec, stage=f"int8, {name}", progress=progress)
        agreement.append(quantize.compare(name, part.scores, found.scores, part.defective, part.policy, part.classes))
    refused = quantize.gate(agreement[0])
    if refused:
        tqdm.write(f"no int8 model: {refused}")
        return None
    samples = []
    for name, data in golden.items():
        scores = session.run(image.prepare(image.decode(data, name=name), spec)[None])[0][0]
        samples.append(Golden(file=name, scores=tuple(float(score) for score in scores)))
    facts = Int8(agreement=tuple(agreement), golden=tuple(samples), tolerance=quantize.TOLERANCE)
    return EightBit(made, facts)


def _frames(run: RunFolder) -> Iterator[NDArray[np.uint8]]:
    """Some preprocessed frames of the train part, spread over it."""
    rows = run.index.part(Split.TRAIN) or run.index.part(Split.CALIBRATE)
    for row in np.unique(np.linspace(0, len(rows) - 1, _FRAMES).astype(int)):
        frame = read_checked(run.index, rows[row], bits=run.recipe.input.bits)
        yield image.prepare(frame, run.recipe.input)
