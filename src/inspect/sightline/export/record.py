"""Writes what a reviewer wants to see into the run folder: figures, pictures, the worst misses, the bundle's card."""

from __future__ import annotations

import csv
from pathlib import Path

from sightline.bundle.manifest import Manifest
from sightline.export import gallery, plots, singles
from sightline.export.evaluate import Scored
from sightline.export.sweep import Outputs, Sweeper
from sightline.runs import RunFolder

_OF_TYPES = ("ap_50/", "recall_33/", "precision_33/", "iou/", "instance_recall/")
"""What tells two runs of a task that locates defects apart, type by type."""


def record(run: RunFolder, manifest: Manifest, scored: Scored, outputs: Outputs, sweeper: Sweeper, text: str) -> None:
    """Adds the test part's figures and pictures to the run.

    Args:
        run: The run folder.
        manifest: The finished bundle's.
        scored: The test part with its verdicts.
        outputs: The same part with maps.
        sweeper: Shows the images of the run.
        text: The model card.
    """
    folder = run.artifacts / "test"
    folder.mkdir(parents=True, exist_ok=True)
    if scored.samples:
        draw(scored, outputs, manifest, sweeper, folder)
    drawn = ["test", "card.md"]
    if any(name.endswith("loss") for name in run.history()):
        plots.save(plots.learning_curves(run.history()), run.artifacts / "learning-curves.png")
        drawn.append("learning-curves.png")
    (run.artifacts / "card.md").write_bytes(text.encode())
    run.metrics(_figures(manifest), step=0)
    proved = {f"guarantee/{one.of}": one.words for one in manifest.policy.guarantees}
    run.tags({"bundle": f"{manifest.name}-{manifest.version}"} | proved)
    for name in drawn:
        run.artifact(name)


def draw(scored: Scored, outputs: Outputs, manifest: Manifest, sweeper: Sweeper, folder: Path) -> None:
    """Writes the pictures of one part, its worst misses, and its verdicts and defects as tables into a folder.

    Args:
        scored: The part with its verdicts.
        outputs: The same part with maps and boxes.
        manifest: The bundle's, with the figures of this part.
        sweeper: Shows the images.
        folder: Is there.
    """
    plots.all_plots(scored, folder)
    if manifest.locate is None:
        plots.save(gallery.draw(scored, outputs, manifest, sweeper.index), folder / "worst-misses.png")
    else:
        singles.draw(scored, outputs, manifest, sweeper, folder)
    _verdicts(scored, folder / "verdicts.csv")


def _figures(manifest: Manifest) -> dict[str, float]:
    """What tells two runs apart; intervals and the rest are in the card and in the run's description."""
    return {f"test/{m.name}": m.value for m in manifest.metrics if _compared_by(m.name, manifest)}


def _compared_by(name: str, manifest: Manifest) -> bool:
    """Whether runs are compared by a figure; with many types a list of all would hide the others."""
    if manifest.locate is None:
        return not name.startswith("auroc/")
    return "/" not in name or name.startswith(_OF_TYPES)


def _verdicts(scored: Scored, path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "true", "outcome", *scored.classes])
        for sample, verdict, scores in zip(scored.samples, scored.verdicts, scored.scores, strict=True):
            table.writerow([sample.path, ";".join(sample.names), verdict.outcome.value, *map(float, scores)])
