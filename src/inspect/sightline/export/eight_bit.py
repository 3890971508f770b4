"""Adds the int8 model to a bundle, where it finds what the float32 one finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from sightline import image
from sightline.bundle.manifest import Golden, Int8
from sightline.dataset.views import Views
from sightline.export import quantize
from sightline.export.compact import compact
from sightline.export.evaluate import Scored
from sightline.export.quantize import Shown
from sightline.export.sweep import Sweeper
from sightline.index import Split
from sightline.runs import RunFolder
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
    model: bytes, run: RunFolder, parts: Sequence[Scored], golden: Mapping[str, Golden], sweeper: Sweeper
) -> EightBit | None:
    """Quantises a model and lets the gate judge on the calibrate part; the test part is compared too, and only told.

    Args:
        model: The exported ONNX file.
        run: The run that it is of.
        parts: The calibrate part with the float32 scores, then the test part.
        golden: Path of an image -> the golden sample that it is.
        sweeper: Shows the images of the run.

    Returns:
        The int8 model; None if the gate refused it, which is said.

    Raises:
        ExportError: Nothing of the model can be quantised.
    """
    made = compact(quantize.quantized(model, _shown(run)))
    session = Session(made)
    agreement = []
    for name, part in zip(("calibrate", "test"), parts, strict=True):
        if name == "test" and not part.samples:
            continue
        found = sweeper.sweep(session.run, part.samples, stage=f"int8, {name}")
        agreement.append(quantize.compare(name, part.scores, found.scores, part.defective, part.policy, part.classes))
    refused = quantize.gate(agreement[0])
    if refused:
        tqdm.write(f"no int8 model: {refused}")
        return None
    rows = [sample for sample in run.index.samples if sample.path in golden]
    found = sweeper.sweep(session.run, rows, stage="int8, golden")
    own = {row.path: tuple(map(float, scores)) for row, scores in zip(rows, found.scores, strict=True)}
    samples = tuple(sample.model_copy(update={"scores": own[path]}) for path, sample in golden.items())
    return EightBit(made, Int8(agreement=tuple(agreement), golden=samples, tolerance=quantize.TOLERANCE))


def _shown(run: RunFolder) -> Iterator[Shown]:
    """Some of what the model is shown of the train part, spread over it."""
    rows, spec = run.index.part(Split.TRAIN) or run.index.part(Split.CALIBRATE), run.recipe.input
    views, tile = Views.of_recipe(run.index, spec, run.recipe.template), (spec.height, spec.width)
    for row in np.unique(np.linspace(0, len(rows) - 1, _FRAMES).astype(int)):
        view = views.of(rows[row])
        window = image.Window(0, 0)
        if spec.tiles is not None:
            windows = image.plan(view.place.canvas, tile, spec.tiles.overlap)
            window = windows[int(row) % len(windows)]
        beside = image.cut(view.template, window, tile) if view.template is not None and run.recipe.pair else None
        yield Shown(image.cut(view.image, window, tile), beside)
