"""What the model card says of defects that are located, of templates, and of how frames are looked at."""

from __future__ import annotations

from collections.abc import Iterable

from sightline.bundle.manifest import Locate, Manifest, Metric
from sightline.export.card_table import table

_OF_FRAMES = (
    "exact_match",
    "macro_f1",
    "recall/",
    "precision/",
    "auroc",
    "average_precision",
    "review_rate",
    "escape_rate",
    "overkill_rate",
)
_PICTURES = {
    "boxes": "`boxes-precision-recall.png`, `defect-types.png`, `recall-by-size.png`, `misses.png`",
    "regions": "`regions-precision-recall.png`, `defect-types.png`, `recall-by-size.png`, `misses.png`",
}
_MEANING = {
    "boxes": (
        "The number in a name is the overlap (IoU, in hundredths) with a drawn box from which a box is right; `map` is "
        "the mean average precision over the types, `f`, `precision` and `recall` are those at the thresholds."
    ),
    "regions": (
        "`miou` and `dice` are of the pixels of all images, the mean over the types; an instance is a drawn region, "
        "and is found if a region said touches it; a region said is invented if it touches none."
    ),
}


def measured(metrics: Iterable[Metric], locate: Locate) -> list[tuple[str, list[Metric]]]:
    """The figures in three parts, each with its heading: single defects, whole frames, and type by type."""
    every = list(metrics)
    of_frames = [metric for metric in every if _is_of_frames(metric.name)]
    of_defects = [metric for metric in every if not _is_of_frames(metric.name)]
    what = "boxes" if locate.by == "boxes" else "regions"
    return [
        (f"Single defects, as {what}", [metric for metric in of_defects if "/" not in metric.name]),
        ("Whole frames", [metric for metric in of_frames if "/" not in metric.name]),
        ("Type by type", [metric for metric in (*of_defects, *of_frames) if "/" in metric.name]),
    ]


def _is_of_frames(name: str) -> bool:
    return any(name.startswith(one) if one.endswith("/") else name.partition("/")[0] == one for one in _OF_FRAMES)


def told(manifest: Manifest) -> list[str]:
    """How single defects are told; nothing of a method that does not locate them."""
    locate = manifest.locate
    if locate is None:
        return []
    if locate.by == "boxes":
        rows = [(name, f"{peak:.4f}") for name, peak in locate.peaks.items()]
        how = "Each box whose score reaches the value of its type is a defect; boxes are suppressed inside the model."
        values = table(("type", "box counts from"), rows)
    else:
        bounds = [(name, f"{peak:.4f}", f"{locate.edges[name]:.4f}") for name, peak in locate.peaks.items()]
        how = (
            "A defect is a region of touching pixels of a type's map: it begins where the map reaches the first value, "
            "and goes as far as the map keeps above the second."
        )
        values = table(("type", "begins at", "edge"), bounds)
    return ["## How defects are told", how, values, *_least(manifest)]


def _least(manifest: Manifest) -> list[str]:
    least, scale = manifest.policy.minimum_area, manifest.input.mm_per_pixel
    if not least:
        return ["Defects of any area count."]
    known = "" if scale is None else f" ({least * scale * scale:.3g} mm²)"
    size = f"{least:g} px of the frame{known}"
    return [f"Defects smaller than {size} do not count, told or true; a frame with no other is OK."]


def pictures(manifest: Manifest) -> list[str]:
    """What the figures are, and where the run keeps its pictures."""
    if manifest.locate is None:
        return []
    return [
        _MEANING[manifest.locate.by] + _at_overkill(manifest),
        f"Pictures lie in `test` of the run's artifacts: {_PICTURES[manifest.locate.by]}; all in `defects.csv`.",
    ]


def _at_overkill(manifest: Manifest) -> str:
    """What a recall at a share of overkill says, where it was told; it is no figure of the bundle's thresholds."""
    name = next((one.name for one in manifest.metrics if one.name.startswith("instance_recall_at_overkill_")), "")
    if not name:
        return ""
    return (
        f" `{name}` is what the maps could do where {name.rpartition('_')[2]} % of the good images may be rejected: it "
        "goes by their peaks, of whatever type and area, and its threshold is taken from the good images of this part; "
        "what the bundle's own thresholds do is `instance_recall`, of all that reaches REVIEW, beside `overkill_rate`."
    )


def looks(manifest: Manifest) -> list[str]:
    """How frames are looked at, where that is more than fitting them to the input."""
    lines = [*_of_template(manifest), *_of_place(manifest)]
    return ["## What frames need", "\n".join(f"- {line}" for line in lines)] if lines else []


def _of_template(manifest: Manifest) -> list[str]:
    templates = manifest.templates
    if templates is None:
        return []
    use = "The model compares each frame with a defect-free template" if templates.compared else "Templates only align"
    if not templates.variants:
        return [f"{use}; each frame brings its own."]
    names = ", ".join(templates.variants)
    how = "the one that a frame fits best is taken" if templates.choose == "match" else "a frame names its variant"
    chosen = f"; {how}" if len(templates.variants) > 1 else ""
    return [f"{use}; the bundle holds those of {names}{chosen}. A frame may bring its own instead."]


def _of_place(manifest: Manifest) -> list[str]:
    taken, lines = manifest.input, list[str]()
    if taken.align is not None:
        lines.append(
            f"Each frame is registered to its template ({taken.align.motion}, up to {taken.align.reach:g} px and "
            f"{taken.align.turn:g}°); one that agrees by less than {taken.align.quality:g}, or shows less than "
            f"{taken.align.coverage:.0%}, is not inspected."
        )
    if taken.tiles is not None:
        lines.append(
            f"Frames are cut into tiles of {taken.width} x {taken.height} px at their own scale, which overlap by "
            f"{taken.tiles.overlap} px at least; a larger defect may be seen in parts."
        )
    if taken.roi is not None:
        lines.append(f"Only what lies within an outline of {len(taken.roi)} corners is inspected (`input.roi`).")
    if taken.ignore:
        lines.append(f"{len(taken.ignore)} outlines are not inspected (`input.ignore`), nor do defects there count.")
    return lines
