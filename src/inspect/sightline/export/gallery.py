"""The frames that the model got most wrong, each beside the heatmap of what it saw there."""

from __future__ import annotations

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline import image
from sightline.bundle import Manifest
from sightline.dataset.scan import read_mask
from sightline.export.evaluate import Scored
from sightline.export.sweep import Outputs
from sightline.index import ANOMALY, GOOD, Index, Sample
from sightline.runtime import overlay
from sightline.runtime.inspector import Inspection
from sightline.verdict import Frame

_MOST, _COLUMNS, _SIDE = 12, 3, 320


def worst(scored: Scored) -> list[int]:
    """Rows of the frames in doubt, the worst first: the less probability the truth got, the worse."""
    return [int(row) for row in np.argsort(_belief(scored, scored.shown), kind="stable")]


def _belief(scored: Scored, given: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) how probable the names given to a frame (N, K) are: the least of each name given and each not given."""
    return np.asarray(np.where(given, scored.probabilities, 1 - scored.probabilities).min(axis=1))


def draw(scored: Scored, outputs: Outputs, manifest: Manifest, index: Index) -> Figure:
    """Draws up to 12 frames, each with the heatmap of the type that the model named.

    Args:
        scored: The test part with its verdicts.
        outputs: The same part with maps.
        manifest: The bundle's, for classes and preprocessing.
        index: Tells where the files lie.
    """
    rows, sure = worst(scored)[:_MOST], _belief(scored, scored.said)
    height = max(1, -(-len(rows) // _COLUMNS))
    figure = Figure(figsize=(4.6 * _COLUMNS, 2.65 * height + 0.5), layout="constrained")
    figure.suptitle(_title(scored), fontsize=12)
    for axes, row in zip(figure.subplots(height, _COLUMNS, squeeze=False).flat, rows, strict=False):
        axes.imshow(_pair(scored, outputs, manifest, index, row))
        sample, verdict = scored.samples[row], scored.verdicts[row]
        true, said = _names(scored, scored.shown[row]), _names(scored, scored.said[row])
        label = f"true {true}, said {said} {sure[row]:.3f}: {verdict.outcome.value}"
        if scored.one_class:
            label = f"{' + '.join(sample.names)}, score {scored.scores[row, 0]:.3f}: {verdict.outcome.value}"
        axes.set_title(label, fontsize=8.5, color="#30343f" if scored.right[row] else "#b3261e")
        axes.set_xlabel(sample.path, fontsize=7)
    for axes in figure.axes:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def _title(scored: Scored) -> str:
    wrong = int((~scored.right).sum())
    if scored.one_class:
        return f"{wrong} of {len(scored.samples)} test images wrongly passed or rejected (red); the worst first"
    return f"{wrong} of {len(scored.samples)} test images misnamed (red); the most doubtful first"


def _names(scored: Scored, given: NDArray[np.bool_]) -> str:
    return " + ".join(name for name, is_given in zip(scored.names, given, strict=True) if is_given) or GOOD


def _pair(scored: Scored, outputs: Outputs, manifest: Manifest, index: Index, row: int) -> np.ndarray:
    sample = scored.samples[row]
    frame = image.read(index.file(sample), bits=manifest.input.bits)
    plain = overlay.fit(frame, shortest=_SIDE, longest=_SIDE)
    inspection = Inspection(scored.verdicts[row], Frame(frame, sample.path), outputs.readings[row])
    seen = overlay.draw_heat(plain, inspection, manifest, label=ANOMALY if scored.one_class else None)
    plain = _outlined(plain, sample, index)
    return np.hstack([plain, np.full((len(plain), 6, 3), 255, np.uint8), seen])


def _outlined(picture: NDArray[np.uint8], sample: Sample, index: Index) -> NDArray[np.uint8]:
    """The picture with the outline of the defect, where somebody drew a mask."""
    if sample.mask is None or sample.good:
        return picture
    mask = read_mask(index, sample).astype(np.uint8) * 255
    shown = (image.resize(mask, *picture.shape[:2]) > 0).astype(np.uint8)
    outlines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return np.asarray(cv2.drawContours(picture.copy(), outlines, -1, (0, 200, 255), 1, cv2.LINE_AA), np.uint8)
