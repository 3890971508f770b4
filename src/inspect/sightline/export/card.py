"""The model card: what a bundle is for, what it was measured on, and where it ends, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from sightline.bundle.manifest import Calibration, Manifest, Metric
from sightline.config.recipe import Card
from sightline.export import card_places
from sightline.export.card_table import table
from sightline.index import GOOD, Split
from sightline.verdict import ANY_DEFECT


def write(manifest: Manifest, card: Card, *, size: int, kept: str) -> str:
    """Renders the card.

    Args:
        manifest: The bundle's manifest; every figure comes from it.
        card: The recipe's words on data, use and limits.
        size: Bytes of ``model.onnx``.
        kept: A sentence on how copies and near-duplicates lie in the parts.
    """
    taken = manifest.input
    about = [
        f"# {manifest.name} {manifest.version}",
        card.intended_use or _use(manifest),
        table(
            ("", ""),
            [
                ("sector, product", ", ".join(filter(None, (manifest.sector, manifest.product))) or "not stated"),
                ("method", manifest.method),
                ("types", ", ".join(manifest.classes)),
                ("has seen good parts", _seen_good(manifest)),
                ("input", f"{taken.width} x {taken.height} px, {taken.fit}, {taken.colour}, light: {taken.light}"),
                ("model", f"ONNX opset {manifest.opset}, {size / 1e6:.1f} MB"),
                ("data", card.data or manifest.data.source),
                ("licence", manifest.data.licence),
            ],
        ),
    ]
    parts = [
        *about,
        *measured(manifest),
        *thresholds(manifest),
        *card_places.told(manifest),
        *card_places.looks(manifest),
        *_data(manifest, kept),
        *_limits(manifest, card),
        *_golden(manifest),
    ]
    return "\n\n".join([*parts, _reproduce(manifest)]) + "\n"


def _seen_good(manifest: Manifest) -> str:
    if not manifest.policy.good_known:
        return "no: it never answers OK"
    with_good = {part for part, counts in manifest.data.counts.items() if counts.get(GOOD)}
    if manifest.locate is None or with_good - {Split.TEST.value}:
        return "yes"
    unmeasured = "" if with_good else ", and overkill was not measured"
    return f"no good frames; sound places of defective frames{unmeasured}"


def _use(manifest: Manifest) -> str:
    product = manifest.product or "the product"
    if manifest.method == "anomaly":
        return f"Tells which images of {product} are unlike those of good parts, and where."
    if manifest.method == "compare":
        return f"Tells which images of {product} differ from their template otherwise than good parts do, and where."
    if manifest.locate is not None:
        how = "Puts a box around" if manifest.locate.by == "boxes" else "Outlines"
        beside = ", beside a template" if manifest.templates is not None and manifest.templates.compared else ""
        return f"{how} each defect on images of {product}{beside}, and names its type."
    return f"Names the type of defect on images of {product}."


def measured(manifest: Manifest) -> list[str]:
    """The section on figures, in paragraphs, its title first."""
    parity = manifest.parity
    apart = f"largest score difference {parity.largest_score_difference:.1e}, {parity.verdict_flips} verdicts changed"
    if parity.largest_box_shift is not None:
        apart += f", boxes at most {parity.largest_box_shift:.1e} px apart"
    return [
        "## Measured on the test part",
        "Scores and verdicts are those of the exported model in onnxruntime; nothing of the bundle was chosen here.",
        *_figures(manifest),
        *card_places.pictures(manifest),
        f"Exported against trained, {parity.images} images: {apart}.",
    ]


def _figures(manifest: Manifest) -> list[str]:
    if manifest.locate is None:
        return [_table_of(manifest.headline_first)]
    parts = card_places.measured(manifest.metrics, manifest.locate)
    return [text for title, metrics in parts if metrics for text in (f"### {title}", _table_of(metrics))]


def _table_of(metrics: Iterable[Metric]) -> str:
    rows = [(m.name, f"{m.value:.4f}", f"{m.low:.4f} to {m.high:.4f}", str(m.count), m.interval) for m in metrics]
    return table(("figure", "value", "95 % interval", "groups", "interval by"), rows)


def thresholds(manifest: Manifest) -> list[str]:
    """The section on thresholds, likewise."""
    rows = [
        ("any defect" if key == ANY_DEFECT else key, f"{limit.review:.4f}", f"{limit.ng:.4f}")
        for key, limit in manifest.policy.thresholds.items()
    ]
    lines = [
        "## Thresholds",
        table(("score of", "REVIEW from", "NG from"), rows),
        f"Chosen by: {manifest.policy.chosen_by}.",
    ]
    calibration = manifest.calibration
    if calibration is not None and calibration.method == "tail":
        lines.append(
            "A score s says that one good part in 10^(s / (1 - s)) scores as high: 0.5 is one in ten, 0.667 one in a "
            f"hundred, 0.75 one in a thousand. Told from {calibration.count} good parts that nothing was learned from, "
            "of each its hottest picture; beyond the hottest of all it is extrapolated."
        )
    elif calibration is not None:
        lines.append(_probabilities(calibration, _counted(manifest)))
    return lines


_HOW = {"temperature": "temperature scaling", "platt": "platt scaling", "isotonic": "isotonic regression"}


def _probabilities(calibration: Calibration, counted: str) -> str:
    """What was made of the scores, chosen among what and by what, and how far they can be taken at their word."""
    method, on = calibration.method, f"on {calibration.count} {counted}"
    if method == "none":
        text = f"Scores are probabilities as the network gave them: no change was chosen, {on}."
    else:
        text = (
            f"Scores are probabilities by {_HOW.get(method, method)}, {on}: "
            f"log loss {calibration.log_loss_before:.4f} before, {calibration.log_loss_after:.4f} after."
        )
    if calibration.candidates:
        losses = ", ".join(f"{name} {loss:.4f}" for name, loss in calibration.candidates.items())
        text += f" Chosen by {calibration.chosen_by}: {losses}."
    elif calibration.chosen_by:
        text += f" Chosen by: {calibration.chosen_by}."
    errors = {"before": calibration.error_before, "after, on images it was not fitted on": calibration.error_after}
    told = [f"{e.value:.4f} ({e.low:.4f} to {e.high:.4f}) {when}" for when, e in errors.items() if e is not None]
    return f"{text} Expected calibration error there: {', '.join(told)}." if told else text


def _counted(manifest: Manifest) -> str:
    boxed = manifest.locate is not None and manifest.locate.by == "boxes"
    return "boxes found on calibrate images" if boxed else "calibrate images"


def _data(manifest: Manifest, kept: str) -> list[str]:
    counts = manifest.data.counts
    names = sorted({name for part in counts.values() for name in part})
    rows = [(name, *(str(counts[split].get(name, 0)) for split in counts)) for name in names]
    return ["## Data", table(("images", *counts), rows), kept]


def _limits(manifest: Manifest, card: Card) -> list[str]:
    known = (
        []
        if manifest.policy.good_known
        else ["It has seen no good part: it names a defect's type, it cannot pass a part."]
    )
    knows = "It knows the types above, as the data show them; other types, products, cameras or light need new data."
    if manifest.method in ("anomaly", "compare"):
        knows = (
            "It knows good parts as the data show them, and says of others that they are unlike, not what is wrong "
            "with them; other products, cameras or light need new data."
        )
    general = [
        knows,
        "Intervals hold for parts like those of the test part; they are no guarantee on escapes."
        if not manifest.policy.guarantees
        else "Intervals and guarantees hold for parts like those of the data, not for other products or cameras.",
    ]
    return ["## Limits", "\n".join(f"- {line}" for line in (*card.limits, *known, *general))]


def _golden(manifest: Manifest) -> list[str]:
    if not manifest.golden:
        return []
    pictures = "\n".join(f"![golden sample]({golden.file})" for golden in manifest.golden)
    return ["## Golden samples", "`sightline bundle verify` scores these frames and compares.", pictures]


def _reproduce(manifest: Manifest) -> str:
    origin = manifest.provenance
    return "\n".join(
        [
            "## Where it comes from",
            "",
            f"- made {origin.created} by sightline {origin.code_version}, seed {origin.seed}, run {origin.run}",
            f"- recipe in `recipe.yaml`, SHA-256 `{origin.recipe_digest}`",
            f"- data SHA-256 `{manifest.data.digest}`",
        ]
    )
