"""What an auditor asks for: identity, hashes, dates, versions, and the commands that make it all again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sightline.assurance.report.facts import Facts, SelfTest

if TYPE_CHECKING:
    from sightline.assurance.report.measure import Measured

Fact = tuple[str, str]
"""A name, and what is told of it."""


def identity(facts: Facts) -> list[Fact]:
    """What the bundle is, and where it comes from."""
    manifest, made = facts.manifest, facts.manifest.provenance
    signed = "bundle.sig is there; this command does not judge whose it is" if facts.signed else "not signed"
    parity = manifest.parity
    compared = f"{parity.images:,} images, largest difference of a score {parity.largest_score_difference:.1e}"
    return [
        ("bundle", f"{manifest.name} {manifest.version}"),
        ("digest of the bundle, SHA-256", facts.bundle.digest),
        ("signature", signed),
        ("made", f"{made.created} by Sightline {made.code_version}, seed {made.seed}"),
        ("run", made.run),
        ("MLflow run", made.mlflow_run or "none"),
        ("digest of the recipe, SHA-256", made.recipe_digest),
        ("digest of the data, SHA-256", manifest.data.digest),
        ("data", f"{manifest.data.source}; licence {manifest.data.licence}"),
        ("exported against trained", f"{compared}, {parity.verdict_flips} verdicts changed"),
        ("needs", f"Sightline {manifest.runtime_needed}, ONNX contract {manifest.contract}, opset {manifest.opset}"),
        *((f"self test, {one.precision}", tested(one)) for one in facts.self_tests),
    ]


def tested(one: SelfTest) -> str:
    """The outcome of a self test."""
    if one.fault:
        return f"FAILED: {one.fault}"
    if one.largest is None:
        return "none: the bundle holds no golden samples"
    return f"passed: {one.samples} golden samples, largest difference of a score {one.largest:.1e} of {one.tolerance:g}"


def files(facts: Facts) -> list[tuple[str, str, str]]:
    """Name, bytes and SHA-256 of every file that the manifest lists."""
    sizes = facts.bundle.sizes
    return [(name, f"{sizes[name]:,}", sha256) for name, sha256 in facts.manifest.files.items()]


def commands(facts: Facts, words: Sequence[str]) -> Iterator[Fact]:
    """What to do again, and the command that does it.

    Args:
        facts: About the bundle.
        words: Of the command that made this page.
    """
    bundle = str(facts.bundle.path)
    yield "Check files, model and golden samples", shlex.join(["sightline", "bundle", "verify", bundle])
    yield "Make this page", shlex.join(words)
    if "recipe.yaml" in facts.manifest.files:
        recipe = (facts.bundle.path / "recipe.yaml").as_posix() if facts.bundle.path.is_dir() else "recipe.yaml"
        what = "Train anew by the bundle's recipe, with the data of the digest below"
        yield what, shlex.join(["sightline", "train", recipe])


def proving(facts: Facts) -> str:
    """The command that chooses thresholds with a guarantee."""
    given = ["--index", "FILE", "--max-escape", "0.5%"]
    return shlex.join(["sightline", "calibrate", str(facts.bundle.path), *given])


def data_origin(measured: Measured) -> str:
    """Whether the images are those that the bundle was made with."""
    if measured.same_images:
        return "The index is the one that the bundle states, by its digest: its test part taught and chose nothing."
    if measured.part is not None:
        return (
            "These are not the images that the bundle states, for the index has another digest, or not all of them. "
            "Whether it learned from some cannot be told here: what it learned from flatters it."
        )
    return (
        "All images of the folder were scored. Whether the bundle learned from some of them cannot be told here: what "
        "it learned from flatters it."
    )
