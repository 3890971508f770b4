"""The bundle with other thresholds: a new version of it, whose figures and card say what holds now."""

from __future__ import annotations

import re
from pathlib import Path

from sightline import bundle
from sightline.assurance.recalibrate import Recalibrated
from sightline.bundle.manifest import INT8_MODEL, MANIFEST, SIGNATURE, Manifest, Metric
from sightline.config.recipe import Data
from sightline.export import card, tasks
from sightline.index import Split
from sightline.labelled import Answered, answered
from sightline.runs import Progress
from sightline.runtime import Inspector

_UNMOVED = (
    "auroc",
    "average_precision",
    "pixel_auroc",
    "aupro",
    "log_loss",
    "calibration_error",
    "map_",
    "ap_",
    "instance_recall_at_overkill",
)
"""Beginnings of the names of figures that no threshold changes."""


def rewritten(
    found: Answered, made: Recalibrated, folder: Path, *, version: str, measured: tuple[Metric, ...] | None = None
) -> Path:
    """Writes the bundle with the new thresholds.

    The int8 model is left out, for its scores are others, and nothing is proved of them.

    Args:
        found: What the thresholds were chosen on.
        made: The thresholds.
        folder: Where the bundle's folder is put.
        version: Of the new bundle.
        measured: Figures of the test part with the new thresholds; if None, those stay that hang on no threshold.

    Raises:
        BundleError: There is one of this version already, or it cannot be written.
    """
    kept = tuple(metric for metric in found.manifest.metrics if metric.name.startswith(_UNMOVED))
    manifest = found.manifest.model_copy(
        update={
            "version": version,
            "policy": made.policy,
            "locate": made.locate,
            "metrics": kept if measured is None else measured,
            "int8": None,
        }
    )
    left_out = {MANIFEST, SIGNATURE, INT8_MODEL}
    files = {name: found.bundle.read(name) for name in found.bundle.sizes if name not in left_out}
    if "card.md" in files:
        files["card.md"] = retold(files["card.md"].decode(), manifest).encode()
    return bundle.write(folder, manifest, files, prove=lambda aside: Inspector.open(aside, self_test=True))


def refigured(found: Answered, made: Recalibrated, data: Data, *, progress: Progress) -> tuple[Metric, ...] | None:
    """The figures of the test part with the new thresholds; None if there is no such part.

    Args:
        found: What the thresholds were chosen on.
        made: The thresholds.
        data: The index whose test part measures.
        progress: Told the stage, images done and images in all.
    """
    if not found.index.part(Split.TEST):
        return None
    test = answered(found.bundle.path, data, part=Split.TEST, progress=progress, say=lambda _: None)
    manifest = found.manifest.model_copy(update={"policy": made.policy, "locate": made.locate})
    scored = tasks.scored(test.outputs, test.index, manifest)
    return tasks.figures(scored, test.outputs, test.index, made.locate)


def next_version(version: str) -> str:
    """The next patch of a version."""
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


def retold(text: str, manifest: Manifest) -> str:
    """A model card with the sections on figures and thresholds anew."""
    for section in (card.measured(manifest), card.thresholds(manifest)):
        title, body = re.escape(section[0]), "\n\n".join(section)
        before, *after = re.split(rf"^{title}$.*?(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
        text = f"{body}\n\n".join([before, *after])
    return text
