"""What each figure of a bundle says, in one line for a person who is no engineer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sightline.bundle.manifest import Metric


@dataclass(frozen=True)
class Meaning:
    """What a figure says.

    Attributes:
        title: Its name in words.
        words: What it means, in one line.
        share: Whether it is a share, and told in per cent.
    """

    title: str
    words: str
    share: bool = False


MEANINGS = {
    "escape_rate": Meaning("escape rate", "Defective parts that were answered OK: they would be shipped.", True),
    "overkill_rate": Meaning("overkill rate", "Good parts that were answered NG: they would be scrapped.", True),
    "review_rate": Meaning("review rate", "Parts, good or defective, that a person would have to look at.", True),
    "auroc": Meaning(
        "AUROC", "How often a defective part scores higher than a good one: 1 is always, 0.5 is a toss of a coin."
    ),
    "average_precision": Meaning(
        "average precision",
        "How pure the list of suspects stays, from the surest to the last; 1 is best.",
    ),
    "overkill_at_escape_1": Meaning(
        "overkill at 1 % escape", "Good parts lost if the threshold let only 1 in 100 defective parts pass.", True
    ),
    "overkill_at_escape_5": Meaning(
        "overkill at 5 % escape", "Good parts lost if the threshold let only 5 in 100 defective parts pass.", True
    ),
    "f1": Meaning("F1", "Defective parts found and alarms that are true, in one figure; 1 is best."),
    "accuracy": Meaning("accuracy", "Frames that were given their right name.", True),
    "exact_match": Meaning("exact match", "Frames of which every type was named, and no other.", True),
    "macro_f1": Meaning("mean F1 of the types", "Each type found and rightly named, rare types counting as much."),
    "recall": Meaning("recall", "Frames that show the type, and were said to.", True),
    "precision": Meaning("precision", "Frames that were said to show the type, and do.", True),
    "instance_recall": Meaning("single defects found", "Drawn defects that a region said touches.", True),
    "instance_recall_typed": Meaning("found with their type", "The same, and the region has the right type.", True),
    "instance_recall_at_overkill_5": Meaning(
        "findable at 5 % overkill", "Drawn defects that could be found if 5 % of the good frames were rejected.", True
    ),
    "instance_recall_by_size": Meaning("single defects found", "Drawn defects of this size that were found.", True),
    "invented_per_image": Meaning("invented defects a frame", "Regions said where nothing was drawn."),
    "miou": Meaning(
        "mean IoU", "Of the pixels drawn as defects or said to be, the share that is both; mean of the types."
    ),
    "miou_with_background": Meaning("mean IoU with background", "The same, with sound pixels as one more type."),
    "dice": Meaning("Dice", "Twice the pixels that are both, by those drawn and those said; mean of the types."),
    "iou": Meaning("IoU", "Of all pixels drawn as the type or said to be, the share that is both."),
    "map_33": Meaning("mAP at IoU 0.33", "How well boxes are ranked; right is what overlaps a drawn one by a third."),
    "map_50": Meaning("mAP at IoU 0.5", "The same, if they must overlap by half."),
    "map_50_95": Meaning("mAP at IoU 0.5 to 0.95", "The same, the mean over overlaps from a half to nearly all."),
    "ap_33_pooled": Meaning("AP of all boxes", "How well boxes of all types are ranked together."),
    "ap_33": Meaning("AP at IoU 0.33", "How well boxes of the type are ranked."),
    "ap_50": Meaning("AP at IoU 0.5", "The same, if they must overlap by half."),
    "f_33": Meaning("F of boxes", "Drawn defects found, and boxes that are true, in one figure; 1 is best."),
    "precision_33": Meaning("boxes that are true", "Boxes said that overlap a drawn one by a third.", True),
    "recall_33": Meaning("drawn boxes found", "Drawn defects that a box said overlaps by a third.", True),
    "f_50": Meaning("F of boxes at 0.5", "As the F of boxes, if they must overlap by half."),
    "precision_50": Meaning("boxes that are true at 0.5", "The same, if they must overlap by half.", True),
    "recall_50": Meaning("drawn boxes found at 0.5", "The same, if they must overlap by half.", True),
    "recall_by_size": Meaning("drawn boxes found", "Drawn defects of this size that were found.", True),
    "pixel_auroc": Meaning("AUROC of pixels", "How often a pixel of a defect is hotter than a sound one; 1 is always."),
    "aupro_30": Meaning("AUPRO", "How much of a defect the map covers before 30 % of sound pixels are hot; 1 is all."),
    "pixel_average_precision": Meaning("average precision of pixels", "How pure the hottest pixels are; 1 is best."),
    "log_loss": Meaning("log loss", "How far the probabilities are from the truth, in nats; 0 is best."),
    "brier": Meaning("Brier score", "How far the probabilities are from the truth, squared; 0 is best."),
    "calibration_error": Meaning(
        "calibration error", "How far a probability said is from how often it is right: 0.02 is two in a hundred."
    ),
    "log_loss_before": Meaning("log loss before", "What the log loss was before the scores were calibrated."),
    "calibration_error_before": Meaning(
        "calibration error before", "What the calibration error was before the scores were calibrated."
    ),
}
"""Name of a figure, without its type -> what it means, in the order of the page."""


@dataclass(frozen=True)
class Row:
    """A figure on the page.

    Attributes:
        name: As the manifest has it, without the type.
        meaning: What it says.
        stated: What the bundle states of it; None if it does not.
        here: What came out now; None if nothing was measured, or it cannot be told of these images.
        same: Whether both are the same, or, of other images, their intervals overlap; None where one is missing.
    """

    name: str
    meaning: Meaning
    stated: Metric | None
    here: Metric | None
    same: bool | None


@dataclass(frozen=True)
class ByType:
    """Figures of single types, or of sizes of defects, as a table.

    Attributes:
        of: What the rows are.
        columns: Figures.
        rows: Type, or size, -> a figure for each column; None where there is none.
    """

    of: str
    columns: tuple[Meaning, ...]
    rows: dict[str, tuple[Metric | None, ...]]


def rows(stated: Sequence[Metric], here: Sequence[Metric] | None, *, same_images: bool) -> list[Row]:
    """The figures over all types, side by side, in the order of the page.

    Args:
        stated: Those of the manifest.
        here: Those of images that were scored now; None if none were.
        same_images: Whether both are of the same images.
    """
    told = {metric.name: metric for metric in stated}
    found = {metric.name: metric for metric in here or ()}
    names = [name for name in dict.fromkeys((*told, *found)) if "/" not in name]
    pairs = [(name, told.get(name), found.get(name)) for name in sorted(names, key=_place)]
    return [Row(name, meaning(name), one, other, agree(one, other, same=same_images)) for name, one, other in pairs]


def differing(stated: Sequence[Metric], here: Sequence[Metric], *, same_images: bool) -> list[str]:
    """Names of all figures, of single types too, that do not agree; see `agree`."""
    told = {metric.name: metric for metric in stated}
    pairs = [(told[metric.name], metric) for metric in here if metric.name in told]
    return [one.name for one, other in pairs if not agree(one, other, same=same_images)]


def agree(stated: Metric | None, here: Metric | None, *, same: bool) -> bool | None:
    """Whether two figures agree; None if there are not two.

    Of the same images they must be equal to three places. Of others their intervals must overlap.

    Args:
        stated: One.
        here: The other.
        same: Whether both are of the same images.
    """
    if stated is None or here is None:
        return None
    if same:
        return abs(stated.value - here.value) < 5e-4
    return stated.low <= here.high and here.low <= stated.high


def by_type(metrics: Iterable[Metric]) -> list[ByType]:
    """The figures of single types in one table, and those of sizes in another; no table where there are none."""
    found: dict[str, dict[tuple[str, str], Metric]] = {"type": {}, "size": {}}
    for metric in metrics:
        base, slash, subject = metric.name.partition("/")
        if slash:
            found["size" if base.endswith("_by_size") else "type"][base, subject] = metric
    tables = []
    for of, cells in found.items():
        bases = sorted({base for base, _ in cells}, key=_place)
        subjects = dict.fromkeys(subject for _, subject in cells)
        told = {subject: tuple(cells.get((base, subject)) for base in bases) for subject in subjects}
        if cells:
            tables.append(ByType(of, tuple(map(meaning, bases)), told))
    return tables


def meaning(name: str) -> Meaning:
    """What a figure says; of one that is not known here its name alone."""
    return MEANINGS.get(name, Meaning(name, ""))


def _place(name: str) -> int:
    known = list(MEANINGS)
    return known.index(name) if name in MEANINGS else len(known)
