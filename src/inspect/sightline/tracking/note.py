"""What a reviewer reads first about a run and about a version of the model: a few lines of Markdown.

MLflow shows the first words in its tables, as they are, and four lines on a run's page: what decides comes first.
"""

from __future__ import annotations

from pathlib import Path

from sightline.bundle import Bundle


def of_folder(path: Path, computer: str) -> str:
    """Where a run without a bundle lies, and how to go on with it."""
    return f"No bundle yet. Run folder `{path}` on {computer}; it goes on with `sightline train --resume RUN`."


def of_bundle(bundle: Bundle) -> str:
    """The figures with their intervals, and what they were measured on and made of."""
    manifest = bundle.manifest
    parity, origin, measured = manifest.parity, manifest.provenance, manifest.headline
    if measured:
        first = ", ".join(f"{m.name} {m.value:.4f} ({m.low:.4f} to {m.high:.4f})" for m in measured)
        groups = f"intervals at 95 %, over {max(m.count for m in measured)} groups of the test part"
    else:
        first, groups = "Nothing was measured: the test part is empty.", "no intervals"
    good = "can answer OK" if manifest.policy.good_known else "never answers OK, for it has seen no good part"
    exported = f"{parity.largest_score_difference:.1e} at most, {parity.verdict_flips} verdicts changed"
    digest = f"SHA-256 `{bundle.digest[:12]}`, made in `{origin.run}`"
    lines = [
        groups,
        *(f"guaranteed: {proved.words}" for proved in manifest.policy.guarantees),
        f"types: {', '.join(manifest.classes)}; {good}",
        f"scores of the exported against the trained model: {exported} on {parity.images} images",
        f"bundle `{manifest.name}-{manifest.version}`, {digest}; its files are the artifacts of the logged model",
    ]
    return "\n".join([first, "", *(f"- {line}" for line in lines)])
