"""What makes figures weaker than they look, whatever is learned."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sightline import image
from sightline.config import Preprocess
from sightline.dataset import one_class as good_parts
from sightline.dataset.check.found import Found
from sightline.dataset.check.rows import NAMED, counted, listed
from sightline.errors import ImageError
from sightline.index import Sample, Split

FEWEST_IN_TEST = 5
"""Groups of a class in the test part below which its figures say little."""

_Z = 1.96  # 95 %
_ASPECT = 1.5  # beyond this stretch a round spot is an oval one


def doubts(found: Found) -> Iterator[str]:
    """What makes figures weaker than they look."""
    yield from _unreadable(found)
    yield from _unfit(found)
    yield from _likely_leaks(found)
    yield from _few(found)
    yield from _empty_parts(found)
    yield from _doubtful(found)


def _unreadable(found: Found) -> Iterator[str]:
    reasons = [f"{path}: {reason}" for path, reason in found.scan.unreadable.items()]
    yield from (f"{reason}; left out" for reason in reasons[:NAMED])
    if len(reasons) > NAMED:
        yield f"{len(reasons) - NAMED:,} more files cannot be read; left out"


def _unfit(found: Found) -> Iterator[str]:
    reasons = [f"{path} ({reason})" for path, reason in found.scan.unfit.items()]
    if reasons:
        count = counted(len(reasons), "image does not fit its template", "images do not fit their templates")
        yield f"{count}, and no line would inspect them; left out of training and of figures: {listed(reasons)}"


def _likely_leaks(found: Found) -> Iterator[str]:
    crossing = found.index.divided()
    if crossing:
        example = ", ".join(f"{s.path} ({s.split})" for s in crossing[0][:NAMED])
        yield (
            f"the split that came with the images divides {len(crossing):,} groups of alike images, so figures may "
            f"flatter: {example}"
        )


def _few(found: Found) -> Iterator[str]:
    if not found.index.part(Split.TEST):
        if found.data.split.test > 0:
            yield "no image is in the test part: nothing will be measured"
        return
    for name in found.classes:
        groups = found.groups_of(name, Split.TEST)
        if 0 < groups < FEWEST_IN_TEST:
            least = groups / (groups + _Z**2)  # Wilson's lower bound when all are right
            yield (
                f"class {name} has {groups} independent {'image' if groups == 1 else 'images'} in the test part: even "
                f"if all are right, its recall may be anything from {math.floor(100 * least)} % up (95 % interval)"
            )


def _empty_parts(found: Found) -> Iterator[str]:
    """Classes that a part lacks; for train that is an error, and told there."""
    for part in (Split.TEST, Split.CALIBRATE, Split.VALIDATE):
        counts = found.index.counts(part)
        lacking = [name for name in found.classes if not counts[name]]
        if counts and lacking and not found.one_class:
            yield f"the {part.value} part has no image of: {', '.join(lacking)}"


def _doubtful(found: Found) -> Iterator[str]:
    empty = [file.sample.mask or "" for file in found.scan.files if file.mask_empty]
    if empty:
        yield f"{len(empty):,} masks of defective images are empty: {listed(empty)}"
    blurred = [file.sample.mask or "" for file in found.scan.files if file.mask_blurred]
    if blurred:
        yield (
            f"{len(blurred):,} masks hold many values between 0 and their highest, and whatever is not 0 counts as "
            f"marked, so that defects seem larger than they are: {listed(blurred)}; save masks with two levels, as PNG "
            "and at no time as JPEG, or let data.marked_above=127 undo it"
        )
    mixed = [rows for rows in found.together if len({s.labels for s in rows}) > 1]
    if mixed:
        example = ", ".join(f"{s.path} ({' + '.join(s.names)})" for s in mixed[0][:NAMED])
        yield f"labels differ in {len(mixed):,} groups of alike images; look whether they are right: {example}"
    plain = good_parts.plain(found.scan)
    if 0 < len(plain) < len(found.scan.files):
        yield f"{len(plain):,} images are plain, black or of one grey: {listed(plain)}; whatever they say is learned"
    wide = [s.path for s in found.index.samples if _stretch(s, found.preprocess) > _ASPECT]
    if wide:
        yield (
            f"{len(wide):,} images are stretched to another shape by more than {_ASPECT:g} times: {listed(wide)}; "
            "input.fit=pad keeps their shape"
        )


def _stretch(sample: Sample, preprocess: Preprocess | None) -> float:
    """How much more one axis is stretched than the other; 1 is none."""
    if preprocess is None:
        return 1.0
    try:
        down, across = image.place((sample.height, sample.width), preprocess).scale
    except ImageError:  # the region of interest does not fit, which is an error of its own
        return 1.0
    return 1.0 if preprocess.fit == "pad" else max(down / across, across / down)
