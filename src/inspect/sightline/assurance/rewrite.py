"""The bundle with other thresholds: a new version of it, whose figures and card say what holds now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sightline import bundle
from sightline.bundle.manifest import MANIFEST, SIGNATURE, Agreement, Manifest, Metric
from sightline.config.recipe import Data
from sightline.export import card, eight_bit, tasks
from sightline.export.assured import Assured, Wish, assure
from sightline.export.pipeline import self_test
from sightline.export.sweep import Outputs
from sightline.index import Split
from sightline.labelled import Answered, answered
from sightline.runs import Progress

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


@dataclass(frozen=True)
class Measured:
    """What is known of a part with the new thresholds.

    Attributes:
        metrics: The figures of ``model.onnx``.
        agreement: How far the int8 model is from it; None of a bundle without one.
    """

    metrics: tuple[Metric, ...]
    agreement: Agreement | None


def thresholds_for(found: Answered, wish: Wish) -> tuple[Assured, Agreement | None]:
    """Chooses the thresholds of a bundle, so that what is proved holds for each of its models.

    Args:
        found: Images that nothing of the bundle was learned from, with what it says of them.
        wish: What to choose by.

    Returns:
        The thresholds, and how far the int8 model is from the other with them, where there is one.

    Raises:
        DataError: The images do not suffice, or the bundle never answers OK.
    """
    small = found.by("int8") if found.manifest.int8 else None
    made = assure(found.manifest, found.index, [found.outputs, *([small] if small else [])], wish)
    return made, _agreement("calibrate", found, small, _with(found.manifest, made))


def measured(found: Answered, made: Assured, data: Data, *, progress: Progress) -> Measured | None:
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
    manifest = _with(found.manifest, made)
    scored = tasks.scored(test.outputs, test.index, manifest)
    figures = tasks.figures(scored, test.outputs, test.index, made.locate)
    small = test.by("int8") if manifest.int8 else None
    return Measured(figures, _agreement("test", test, small, manifest))


def rewritten(
    found: Answered, made: Assured, agreement: Agreement | None, test: Measured | None, folder: Path, *, version: str
) -> Path:
    """Writes the bundle with the new thresholds.

    Args:
        found: What the thresholds were chosen on.
        made: The thresholds.
        agreement: How far the int8 model is from the other on these images, with them.
        test: What is known of the test part; if None, of the figures those stay that hang on no threshold.
        folder: Where the bundle's folder is put.
        version: Of the new bundle.

    Raises:
        BundleError: There is one of this version already, or it cannot be written.
    """
    manifest = _with(found.manifest, made)
    kept = tuple(metric for metric in manifest.metrics if metric.name.startswith(_UNMOVED))
    update: dict[str, object] = {"version": version, "metrics": test.metrics if test else kept}
    if manifest.int8 is not None:
        both = tuple(one for one in (agreement, test and test.agreement) if one is not None)
        update["int8"] = manifest.int8.model_copy(update={"agreement": both})
    manifest = manifest.model_copy(update=update)
    files = {name: found.bundle.read(name) for name in found.bundle.sizes if name not in (MANIFEST, SIGNATURE)}
    if "card.md" in files:
        files["card.md"] = retold(files["card.md"].decode(), manifest).encode()
    return bundle.write(folder, manifest, files, prove=self_test)


def _with(manifest: Manifest, made: Assured) -> Manifest:
    return manifest.model_copy(update={"policy": made.policy, "locate": made.locate})


def _agreement(part: str, found: Answered, small: Outputs | None, manifest: Manifest) -> Agreement | None:
    return None if small is None else eight_bit.agreement(part, found.outputs, small, manifest, found.index)


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
