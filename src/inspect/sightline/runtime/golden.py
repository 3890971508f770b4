"""The self test: the bundle's golden samples must score here as they did where the bundle was exported."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.bundle import Bundle
from sightline.bundle.bundle import Model
from sightline.bundle.manifest import Golden, Precision
from sightline.errors import BundleError
from sightline.runtime.reader import Reading
from sightline.verdict import Frame


def check(
    bundle: Bundle,
    read_batch: Callable[[Sequence[Frame]], list[Reading]],
    *,
    precision: Precision = "fp32",
) -> float:
    """Scores every golden sample, alone and all in one batch, and compares.

    Args:
        bundle: The bundle.
        read_batch: What its inspector says about several frames.
        precision: Which of the bundle's models that inspector runs.

    Returns:
        The largest difference of a score.

    Raises:
        BundleError: There is no golden sample, or a score differs by more than the manifest's tolerance.
    """
    model = bundle.model(precision)
    samples = model.golden
    if not samples:
        raise BundleError(f"{model.label}: the self test needs golden samples, and the bundle holds none")
    # They are stored decoded, so with 8 bits whatever the camera gave.
    frames = [frame_of(bundle, sample) for sample in samples]
    alone = [read_batch([frame])[0] for frame in frames]
    together = read_batch(frames)
    return max(
        _compare(model, bundle.manifest.classes, sample, reading)
        for readings in (alone, together)
        for sample, reading in zip(samples, readings, strict=True)
    )


def frame_of(bundle: Bundle, sample: Golden) -> Frame:
    """The frame of a golden sample, with its template where it has one of its own.

    Raises:
        ImageError: One of them cannot be decoded.
    """

    def decoded(name: str) -> NDArray[np.uint8]:
        return image.decode(bundle.read(name), name=name)

    template = decoded(sample.template) if sample.template else None
    return Frame(decoded(sample.file), sample.file, template, sample.variant)


def _compare(model: Model, classes: Sequence[str], sample: Golden, reading: Reading) -> float:
    expected = sample.listed(classes)
    differences = np.abs(reading.scores - np.array(expected, np.float32))
    worst = int(differences.argmax())  # the first NaN, if there is one
    difference = float(differences[worst])
    if difference <= model.tolerance:
        return difference
    raise BundleError(
        f"{model.label}: the self test failed. {sample.file}: expected a score of {expected[worst]:.6f} for "
        f"{classes[worst]}, got {reading.scores[worst]:.6f}; the difference of {difference:.6f} is above "
        f"the tolerance of {model.tolerance:g}",
        hint="This processor or version of onnxruntime answers differently; do not inspect with it.",
    )
