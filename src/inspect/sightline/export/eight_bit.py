"""Adds the int8 model to a bundle, where it finds what the float32 one finds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from sightline import image
from sightline.bundle.manifest import Agreement, Golden, Int8, Manifest
from sightline.dataset.views import Views
from sightline.export import local, quantize, tasks
from sightline.export.compact import compact
from sightline.export.quantize import Shown
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import Index, Sample, Split
from sightline.runs import RunFolder
from sightline.runtime.looked import Link
from sightline.runtime.session import Session

_FRAMES = 48  # of the train part, that the range of activations is told from


@dataclass(frozen=True)
class EightBit:
    """The int8 model.

    Attributes:
        model: The ONNX file.
        parts: What it says of the calibrate part, then of the test part.
        golden: The bundle's golden samples, with its scores.
    """

    model: bytes
    parts: tuple[Outputs, Outputs]
    golden: tuple[Golden, ...]

    def facts(self, parts: Sequence[Outputs], manifest: Manifest, index: Index) -> Int8:
        """What the manifest says of it.

        Args:
            parts: What the float32 model says of the two parts.
            manifest: The bundle's, with its thresholds.
            index: Tells what is true.
        """
        named = zip(("calibrate", "test"), parts, self.parts, strict=True)
        measured = [agreement(name, full, own, manifest, index) for name, full, own in named if full.samples]
        return Int8(agreement=tuple(measured), golden=self.golden, tolerance=quantize.TOLERANCE)


def add(
    model: bytes,
    run: RunFolder,
    parts: Sequence[Outputs],
    manifest: Manifest,
    golden: Mapping[str, Golden],
    sweeper: Sweeper,
) -> EightBit | None:
    """Quantises a model and lets the gate judge on the calibrate part; of the test part it only answers.

    Args:
        model: The exported ONNX file.
        run: The run that it is of.
        parts: What the float32 model says of the calibrate part, then of the test part.
        manifest: The bundle's as it is so far.
        golden: Path of an image -> the golden sample that it is.
        sweeper: Shows the images of the run.

    Returns:
        The int8 model; None if the gate refused it, which is said.

    Raises:
        ExportError: Nothing of the model can be quantised.
    """
    made = compact(quantize.quantized(model, _shown(run)))
    session, link = Session(made), Link.of(manifest.locate, manifest.classes)

    def swept(samples: Sequence[Sample], name: str) -> Outputs:
        return sweeper.sweep(session.run, samples, stage=f"int8, {name}", link=link)

    calibrate, test = parts
    answers = swept(calibrate.samples, "calibrate")
    refused = quantize.gate(agreement("calibrate", calibrate, answers, manifest, run.index))
    if refused:
        tqdm.write(f"no int8 model: {refused}")
        return None
    rows = [sample for sample in run.index.samples if sample.path in golden]
    found = swept(rows, "golden")
    own = {
        row.path: dict(zip(manifest.classes, map(float, scores), strict=True))
        for row, scores in zip(rows, found.scores, strict=True)
    }
    samples = tuple(sample.model_copy(update={"scores": own[path]}) for path, sample in golden.items())
    return EightBit(made, (answers, swept(test.samples, "test")), samples)


def agreement(part: str, full: Outputs, small: Outputs, manifest: Manifest, index: Index) -> Agreement:
    """How far the int8 model is from the one it was made of, on one part of the data.

    Args:
        part: Its name.
        full: What the float32 model says of it.
        small: What the int8 model says of it.
        manifest: The bundle's, with its thresholds.
        index: Tells what is true.
    """
    before, after = (tasks.scored(one, index, manifest) for one in (full, small))
    return quantize.compare(
        part, before, after, (local.places(full, index, manifest), local.places(small, index, manifest))
    )


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
