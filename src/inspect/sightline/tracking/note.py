"""What a reviewer reads first about a run and about a version of the model: a few lines of Markdown.

MLflow shows the first words in its tables and four lines on a run's page, so what decides comes first.
"""

from __future__ import annotations

from pathlib import Path

from sightline.bundle import Bundle
from sightline.bundle.manifest import Manifest, Metric


def headline(manifest: Manifest) -> list[Metric]:
    """The figures over all types of defect; those of one type have its name after a slash."""
    return [metric for metric in manifest.metrics if "/" not in metric.name]


def of_folder(path: Path, computer: str) -> str:
    """Where a run without a bundle lies, and how to go on with it."""
    return f"No bundle yet. Run folder `{path}` on {computer}; it goes on with `sightline train --resume RUN`."


def of_bundle(bundle: Bundle) -> str:
    """The figures with their intervals, and what they were measured on and made of."""
    manifest = bundle.manifest
    figures = [f"{m.name} **{m.value:.4f}** ({m.low:.4f} to {m.high:.4f})" for m in headline(manifest)]
    counts = {split: sum(of_split.values()) for split, of_split in manifest.data.counts.items()}
    parity, origin = manifest.parity, manifest.provenance
    good = "knows good parts" if manifest.policy.good_known else "has seen no good part"
    exported = f"{parity.largest_score_difference:.1e} at most, {parity.verdict_flips} verdicts changed"
    lines = [
        f"types: {', '.join(manifest.classes)}; {good}",
        f"images: {', '.join(f'{count} {split}' for split, count in counts.items())}; intervals at 95 % over groups",
        f"scores of the exported against the trained model: {exported} on {parity.images} images",
        f"bundle `{manifest.name}-{manifest.version}`, SHA-256 `{bundle.digest[:12]}`, run folder `{origin.run}`",
    ]
    return "\n".join(
        [", ".join(figures) or "Nothing was measured: the test part is empty.", "", *(f"- {line}" for line in lines)]
    )
