"""The gate between the trained and the exported model: the same images, the same scores, the same verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes
from sightline.bundle.manifest import Parity
from sightline.errors import ExportError
from sightline.export.sweep import Outputs
from sightline.runtime.reader import Reading
from sightline.verdict import Verdict

LARGEST_DIFFERENCE = 1e-4
"""Largest difference of a calibrated score between torch and onnxruntime that the gate lets pass."""

LARGEST_MAP_DIFFERENCE = 1e-3
"""The same of a map's value."""

LARGEST_SHIFT = 0.5
"""Pixels of the frame that a box may lie elsewhere."""

_SURE = 0.05  # score from which a box must be there in both
_BOX_SCORE = 1e-3  # largest difference of a box's score


def check(trained: Outputs, exported: Outputs, before: Sequence[Verdict], after: Sequence[Verdict]) -> Parity:
    """Compares scores, maps, boxes, and the verdicts that follow from them, image by image.

    Args:
        trained: What torch answered.
        exported: What onnxruntime answered on the same images.
        before: The verdicts that follow from the first.
        after: Those that follow from the second.

    Raises:
        ExportError: Something differs by more than its limit, or a verdict changes; the images are named.
    """
    paths = [sample.path for sample in exported.samples]
    scores = np.abs(trained.scores - exported.scores).max(axis=1) if paths else np.zeros(0)
    pairs = list(zip(trained.readings, exported.readings, strict=True))
    maps = np.array([float(np.abs(a.maps - b.maps).max(initial=0)) for a, b in pairs])
    shifts = np.array([_apart(a, b) for a, b in pairs])
    flipped = np.array([a.outcome != b.outcome for a, b in zip(before, after, strict=True)], bool)
    # A NaN on either side is a difference too: it must not pass as "not larger".
    apart = ~(scores <= LARGEST_DIFFERENCE) | ~(maps <= LARGEST_MAP_DIFFERENCE) | ~(shifts <= LARGEST_SHIFT)
    if apart.any() or flipped.any():
        raise _refused(paths, np.flatnonzero(apart | flipped), scores, maps, shifts, flipped)
    return Parity(
        images=len(paths),
        largest_score_difference=float(scores.max(initial=0)),
        largest_map_difference=float(maps.max(initial=0)),
        largest_box_shift=float(shifts.max(initial=0)) if any(b.boxes is not None for _, b in pairs) else None,
        verdict_flips=0,
    )


def _refused(
    paths: Sequence[str],
    bad: NDArray[np.int64],
    scores: NDArray[np.floating],
    maps: NDArray[np.floating],
    shifts: NDArray[np.floating],
    flipped: NDArray[np.bool_],
) -> ExportError:
    def told(row: int) -> str:
        parts = [f"score {scores[row]:.2g}", f"map {maps[row]:.2g}"]
        parts += [f"boxes {shifts[row]:.2g} px"] if shifts[row] else []
        return f"  {paths[row]}: {', '.join(parts)}{', verdict changed' if flipped[row] else ''}"

    named = "\n".join(told(int(row)) for row in bad[:10])
    more = f"\n  and {len(bad) - 10} more" if len(bad) > 10 else ""
    return ExportError(
        f"expected onnxruntime and torch to agree to {LARGEST_DIFFERENCE:g} without a changed verdict, maps to "
        f"{LARGEST_MAP_DIFFERENCE:g} and boxes to {LARGEST_SHIFT:g} px; on {len(bad)} of {len(paths)} images they do "
        f"not:\n{named}{more}",
        hint="No bundle was written. Please report the backbone and the versions that `sightline doctor` prints.",
    )


def _apart(one: Reading, other: Reading) -> float:
    """How far any box of one reading lies from the nearest of the other, in pixels; infinite if one has no like."""
    if one.boxes is None or other.boxes is None:
        return 0.0 if one.boxes is other.boxes else float("inf")
    return max(_farthest(one.boxes, other.boxes), _farthest(other.boxes, one.boxes))


def _farthest(boxes: Boxes, others: Boxes) -> float:
    sure = boxes.only(boxes.scores >= _SURE)
    if not len(sure):
        return 0.0
    if not len(others):
        return float("inf")
    shift = np.abs(sure.corners[:, None] - others.corners[None]).max(axis=2)
    alike = (sure.classes[:, None] == others.classes[None]) & (
        np.abs(sure.scores[:, None] - others.scores[None]) <= _BOX_SCORE
    )
    return float(np.where(alike, shift, np.inf).min(axis=1).max())
