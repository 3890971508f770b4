"""What tasks need that learn where defects are: marks, large enough to be seen, that agree with the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sightline.boxes import Boxes, joined
from sightline.dataset.check.found import Found
from sightline.dataset.check.marked import Marked, sides
from sightline.dataset.check.rows import counted, listed
from sightline.dataset.marks import MOST_TYPES
from sightline.dataset.report import Quantiles, Sizes
from sightline.index import Sample, Split

_SMALLEST = 2.0
"""Pixels of the model's input; a defect of a smaller side is hardly more than noise there."""


def sizes(found: Found) -> dict[str, Sizes]:
    """How much is marked of each type, and how large it is."""
    return {name: _sizes(found, number) for number, name in enumerate(found.index.classes) if found.localise}


def _sizes(found: Found, number: int) -> Sizes:
    def of_type(boxes: Boxes) -> Boxes:
        return boxes.only(boxes.classes == number)

    marks = [of_type(one.boxes) for one in found.marked]
    shown = None if found.preprocess is None else [of_type(one.shown) for one in found.marked]
    return Sizes(
        images=sum(len(boxes) > 0 for boxes in marks),
        marks=sum(map(len, marks)),
        frame=_quantiles(sides(joined(marks))),
        shown=None if shown is None else _quantiles(sides(joined(shown))),
    )


def _quantiles(values: NDArray[np.float32]) -> Quantiles | None:
    if not len(values):
        return None
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
    return low, middle, high


def faults(found: Found) -> Iterator[str]:
    """What leaves nothing to learn from."""
    if found.localise is None:
        return
    if len(found.index.classes) > MOST_TYPES:
        yield (
            f"expected at most {MOST_TYPES} types of defect where it is learned where they are, found "
            f"{len(found.index.classes):,}: make them fewer with data.rename, or leave some out with data.ignore"
        )
        return
    wrong = [one.fault for one in found.marked if one.fault]
    if wrong:
        yield (
            f"marks cannot be used: {listed(wrong)}; a mask of several types needs a value for each, stated in "
            "data.reader.values"
        )
    taught = [one for one in found.marked if one.sample.split is Split.TRAIN and len(one.boxes)]
    if not taught:
        yield (
            "no defect is marked in the train part: the labels must say where defects are, in masks, outlines or boxes "
            "(readers masks, coco, yolo, voc, labelme, cvat, or csv with a mask_column)"
        )
    elif all(one.lost == len(one.boxes) for one in taught):
        yield (
            "every defect that is marked in the train part lies in ignored regions or outside of the region of "
            f"interest, so that none is left to learn from: {_paths([one.sample for one in taught])}; change input.roi "
            "or input.ignore"
        )


def doubts(found: Found) -> Iterator[str]:
    """What is learned worse than it could be, or not at all."""
    if found.localise is None:
        return
    yield from _unmarked(found)
    yield from _unlearned(found)
    yield from _lost(found.marked)
    yield from _tiny(found)
    yield from _disagreeing(found.marked)


def _unmarked(found: Found) -> Iterator[str]:
    told = {one.sample.path for one in found.marked if one.known or one.fault}
    told |= {file.sample.path for file in found.scan.files if file.mask_fault}  # which is an error of its own
    rows = [s for s in found.index.samples if not s.good and s.path not in told]
    if rows:
        parts = Counter(s.split for s in rows)
        where = ", ".join(f"{part.value} {parts[part]:,}" for part in Split if parts[part])
        count = counted(len(rows), "defective image is", "defective images are")
        yield f"{count} left out of training, for nobody marked where the defects are ({where}): {_paths(rows)}"


def notes(found: Found) -> Iterator[str]:
    """What of the marks is coarser than it could be, where it is learned which pixels show a defect."""
    rows = [one for one in found.marked if one.bare and found.outlined]
    if rows:
        count = counted(sum(one.bare for one in rows), "box has no outline", "boxes have no outline")
        yield f"{count}: all that lies inside is taught as the defect: {_paths([one.sample for one in rows])}"


def _unlearned(found: Found) -> Iterator[str]:
    """Types of which nothing is marked in the train part, where others are."""
    learned = {name for one in found.marked if one.sample.split is Split.TRAIN for name in one.named}
    missing = [name for name in found.index.classes if name not in learned]
    if learned and missing:
        yield f"no defect of these types is marked in the train part, so that they are not learned: {listed(missing)}"


def _lost(marked: Sequence[Marked]) -> Iterator[str]:
    rows = [one for one in marked if one.lost]
    if rows:
        count = counted(sum(one.lost for one in rows), "marked defect lies", "marked defects lie")
        yield (
            f"{count} in ignored regions or outside of the region of interest, where nobody looks: "
            f"{_paths([one.sample for one in rows])}"
        )


def _tiny(found: Found) -> Iterator[str]:
    if found.preprocess is None or found.localise is None:
        return
    limit = max(_SMALLEST, found.localise.stride / 2)
    rows = [(one.sample, int((sides(one.shown) < limit).sum())) for one in found.marked]
    rows = [(sample, tiny) for sample, tiny in rows if tiny]
    total = sum(len(one.shown) for one in found.marked)
    if rows:
        tiles = "a larger input" if found.preprocess.tiles else "input.tiles or a larger input"
        yield (
            f"{sum(tiny for _, tiny in rows):,} of {total:,} marked defects are smaller than {limit:g} pixels in the "
            f"model's input, whose answer has a place every {found.localise.stride}: {_paths([s for s, _ in rows])}; "
            f"{tiles} or a finer localise.stride shows them larger"
        )


def _disagreeing(marked: Sequence[Marked]) -> Iterator[str]:
    good = [one.sample for one in marked if one.sample.good and one.named]
    if good:
        count = counted(len(good), "image is", "images are")
        yield f"{count} labelled good, but a defect is marked: {_paths(good)}; the label counts"
    rows = [one for one in marked if one.named and not one.sample.good]
    for what, types in (
        ("show a type that is not marked", [set(one.sample.labels) - one.named for one in rows]),
        ("have marks of a type that they are not labelled with", [one.named - set(one.sample.labels) for one in rows]),
    ):
        told = [f"{one.sample.path} ({', '.join(sorted(n))})" for one, n in zip(rows, types, strict=True) if n]
        if told:
            yield f"{len(told):,} images {what}: {listed(told)}"


def _paths(rows: Sequence[Sample]) -> str:
    return listed([sample.path for sample in rows])
