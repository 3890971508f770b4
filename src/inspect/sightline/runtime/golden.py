"""The self test: the bundle's golden samples must score here as they did where the bundle was exported."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.bundle import Bundle
from sightline.errors import BundleError
from sightline.verdict import Reading


def check(bundle: Bundle, read: Callable[[NDArray[np.uint8]], Reading]) -> float:
    """Scores every golden sample and compares.

    Args:
        bundle: The bundle.
        read: What its inspector says about a frame.

    Returns:
        The largest difference of a score.

    Raises:
        BundleError: There is no golden sample, or a score differs by more than the manifest's tolerance.
    """
    manifest = bundle.manifest
    if not manifest.golden:
        raise BundleError(f"{bundle.label}: the self test needs golden samples, and the bundle holds none")
    largest = 0.0
    for sample in manifest.golden:
        # Golden frames are stored decoded, so 8 bits whatever the camera gave.
        scores = read(image.decode(bundle.read(sample.file), name=sample.file)).scores
        differences = np.abs(scores - np.array(sample.scores, np.float32))
        worst = int(differences.argmax())  # the first NaN, if there is one
        difference = float(differences[worst])
        if not difference <= manifest.tolerance:
            raise BundleError(
                f"{bundle.label}: the self test failed. {sample.file}: expected a score of {sample.scores[worst]:.6f} "
                f"for {manifest.classes[worst]}, got {scores[worst]:.6f}; the difference of {difference:.6f} is above "
                f"the tolerance of {manifest.tolerance:g}",
                hint="This processor or version of onnxruntime answers differently; do not inspect with it.",
            )
        largest = max(largest, difference)
    return largest
