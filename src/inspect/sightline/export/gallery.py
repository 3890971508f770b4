"""The frames that the model got most wrong, each beside the heatmap of what it saw there."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from sightline import image
from sightline.bundle import Manifest
from sightline.export.evaluate import Scored
from sightline.export.sweep import Outputs
from sightline.index import Index
from sightline.runtime import overlay
from sightline.runtime.inspector import Inspection
from sightline.verdict import Frame, Reading

_MOST, _COLUMNS, _SIDE = 12, 3, 320


def worst(scored: Scored) -> list[int]:
    """Rows of the frames in doubt, the worst first: the less probability the truth got, the worse."""
    if scored.policy.exclusive:
        given = scored.probabilities[np.arange(len(scored.samples)), scored.answers]
    else:
        given = np.where(scored.truth, scored.scores, 1 - scored.scores).min(axis=1)
    return [int(row) for row in np.argsort(given, kind="stable")]


def draw(scored: Scored, outputs: Outputs, manifest: Manifest, index: Index) -> Figure:
    """Draws up to 12 frames, each with the heatmap of the type that the model named.

    Args:
        scored: The test part with its verdicts.
        outputs: The same part with maps.
        manifest: The bundle's, for classes and preprocessing.
        index: Tells where the files lie.
    """
    rows = worst(scored)[:_MOST]
    height = max(1, -(-len(rows) // _COLUMNS))
    figure = Figure(figsize=(4.6 * _COLUMNS, 2.65 * height + 0.5), layout="constrained")
    figure.suptitle(_title(scored), fontsize=12)
    for axes, row in zip(figure.subplots(height, _COLUMNS, squeeze=False).flat, rows, strict=False):
        axes.imshow(_pair(scored, outputs, manifest, index, row))
        sample, verdict = scored.samples[row], scored.verdicts[row]
        name = scored.names[scored.predictions[row]] if scored.policy.exclusive else _named(scored, row)
        true = " + ".join(sample.labels) or "good"
        right = name == true
        label = f"true {true}, said {name} {scored.probabilities[row].max():.3f}: {verdict.outcome.value}"
        axes.set_title(label, fontsize=8.5, color="#30343f" if right else "#b3261e")
        axes.set_xlabel(sample.path, fontsize=7)
    for axes in figure.axes:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def _title(scored: Scored) -> str:
    if scored.policy.exclusive:
        wrong = int((scored.answers != scored.predictions).sum())
    else:
        wrong = sum(_named(scored, row) != (" + ".join(s.labels) or "good") for row, s in enumerate(scored.samples))
    return f"{wrong} of {len(scored.samples)} test images misnamed (red); the most doubtful first"


def _named(scored: Scored, row: int) -> str:
    limits = scored.policy.thresholds
    return " + ".join(n for n, s in zip(scored.classes, scored.scores[row], strict=True) if s >= limits[n].ng) or "good"


def _pair(scored: Scored, outputs: Outputs, manifest: Manifest, index: Index, row: int) -> np.ndarray:
    sample = scored.samples[row]
    frame = image.read(index.file(sample), bits=manifest.input.bits)
    plain = overlay.fit(frame, shortest=_SIDE, longest=_SIDE)
    reading = Reading(outputs.scores[row], outputs.maps[row])
    seen = overlay.draw_heat(plain, Inspection(scored.verdicts[row], Frame(frame, sample.path), reading), manifest)
    return np.hstack([plain, np.full((len(plain), 6, 3), 255, np.uint8), seen])
