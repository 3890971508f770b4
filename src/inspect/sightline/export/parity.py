"""The gate between the trained and the exported model: the same images, the same scores, the same verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.bundle.manifest import Parity
from sightline.errors import ExportError
from sightline.verdict import Policy

LARGEST_DIFFERENCE = 1e-4
"""Largest difference of a calibrated score between torch and onnxruntime that the gate lets pass."""


def check(
    paths: Sequence[str],
    trained: NDArray[np.float32],
    exported: NDArray[np.float32],
    map_difference: float,
    policy: Policy,
    classes: Sequence[str],
) -> Parity:
    """Compares scores (N, C) and the verdicts that follow from them.

    Args:
        paths: Names of the N images, for the message.
        trained: Scores by torch.
        exported: Scores by onnxruntime.
        map_difference: Largest difference of a map's value, 0 to 1.
        policy: Turns scores into verdicts.
        classes: Names of the C types.

    Raises:
        ExportError: A score differs by more than `LARGEST_DIFFERENCE`, or a verdict changes; the images are named.
    """
    difference = np.abs(trained - exported).max(axis=1) if len(paths) else np.zeros(0)
    # A NaN on either side is a difference too: it must not pass as "not larger".
    apart = ~(difference <= LARGEST_DIFFERENCE)
    flipped = np.array(
        [
            policy.decide(a, classes).outcome != policy.decide(b, classes).outcome
            for a, b in zip(trained, exported, strict=True)
        ],
        bool,
    )
    if apart.any() or flipped.any():
        bad = np.flatnonzero(apart | flipped)
        named = "\n".join(
            f"  {paths[i]}: {difference[i]:.2g}{', verdict changed' if flipped[i] else ''}" for i in bad[:10]
        )
        more = f"\n  and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise ExportError(
            f"expected onnxruntime and torch to agree to {LARGEST_DIFFERENCE:g} without a changed verdict; "
            f"on {len(bad)} of {len(paths)} images they do not:\n{named}{more}",
            hint="No bundle was written. Please report the backbone and the versions that `sightline doctor` prints.",
        )
    largest = float(difference.max(initial=0.0))
    return Parity(
        images=len(paths), largest_score_difference=largest, largest_map_difference=map_difference, verdict_flips=0
    )
