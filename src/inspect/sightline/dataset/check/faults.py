"""What makes training pointless, whatever is learned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from sightline.dataset import one_class as good_parts
from sightline.dataset.check.found import Found
from sightline.dataset.check.rows import NAMED, by, listed
from sightline.index import Split


def faults(found: Found) -> Iterator[str]:
    """What makes training pointless; each says what to do."""
    yield from _class_errors(found)
    yield from _unmeasured(found)
    yield from _label_errors(found)
    yield from _leaks(found)
    yield from _mask_errors(found)
    yield from _depth_errors(found)


def _class_errors(found: Found) -> Iterator[str]:
    if found.one_class:
        yield from good_parts.errors(found.index, found.scan)
    elif len(found.classes) < 2 and not found.localise:
        only = next(iter(found.classes), "none")
        yield f"expected at least two classes (good is one), found only {only}: add images of another"
    for names in _by_case(found.classes):
        yield f"classes differ in upper and lower case only: {', '.join(names)}; make them one with data.rename"
    images = found.index.counts()
    trained = found.index.counts(Split.TRAIN)
    for name in () if found.one_class else found.classes:
        if images[name] == 1:
            yield f"class {name} has one image: add more, or leave it out with data.ignore"
        elif not trained[name]:
            yield f"class {name} has no image in the train part: change the split it came with, or add more"


def _unmeasured(found: Found) -> Iterator[str]:
    if not found.index.part(Split.TEST) and not found.index.part(Split.CALIBRATE):
        yield (
            "no image is in the test or calibrate part, so that an exported model could be compared with nothing: give "
            "data.split.test or data.split.calibrate a share, or add images"
        )


def _by_case(classes: Sequence[str]) -> list[list[str]]:
    same: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        same[name.casefold()].append(name)
    return [names for names in same.values() if len(names) > 1]


def _label_errors(found: Found) -> Iterator[str]:
    for rows in by((s.digest, s) for s in found.index.samples).values():
        if len({s.labels for s in rows}) > 1:
            told = ", ".join(f"{s.path} ({' + '.join(s.names)})" for s in rows)
            yield f"copies of one image have different labels: {told}"


def _leaks(found: Found) -> Iterator[str]:
    """Copies, or images that the reader put together, in several parts of a split that came with the images."""
    parts = {s.path: s.split for s in found.index.samples}
    for what, rows_of in (
        ("copies of one image", by((s.digest, s) for s in found.scan.samples)),
        ("images of one group", by((s.group, s) for s in found.scan.samples if s.group)),
    ):
        crossing = [rows for rows in rows_of.values() if len({parts[s.path] for s in rows}) > 1]
        if crossing:
            example = ", ".join(f"{s.path} ({parts[s.path]})" for s in crossing[0][:NAMED])
            yield (
                f"{what} lie in different parts in {len(crossing):,} cases, so that figures would flatter: {example}; "
                "correct the split that came with the images"
            )


def _mask_errors(found: Found) -> Iterator[str]:
    wrong = [f"{file.sample.mask} {file.mask_fault}" for file in found.scan.files if file.mask_fault]
    if wrong:
        yield f"masks cannot be used: {listed(wrong)}"


def _depth_errors(found: Found) -> Iterator[str]:
    if found.preprocess is None:
        return
    bits = found.preprocess.bits
    over = [file.sample.path for file in found.scan.files if file.depth == 16 and file.top >> bits]
    if over:
        yield f"input.bits is {bits}, but these images hold larger values: {listed(over)}"
