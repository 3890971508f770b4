"""What a person should know about the images before anything is trained on them.

Errors make training pointless and stop it, warnings make figures weaker than they look, notes are good to know.
"""

from __future__ import annotations

import base64
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sightline import image
from sightline.config import Preprocess
from sightline.config.recipe import Data
from sightline.dataset import one_class as good_parts
from sightline.dataset.report import CheckReport, Pair
from sightline.dataset.scan import Scan, Scanned
from sightline.dataset.split import missing_parts
from sightline.index import GOOD, Index, Sample, Split

__all__ = ["CheckReport", "check"]

FEWEST_IN_TEST = 5
"""Groups of a class in the test part below which its figures say little."""

_NAMED = 5  # examples in a message
_SHOWN = 12  # pairs of pictures
_Z = 1.96  # 95 %
_ASPECT = 1.5  # beyond this stretch a round spot is an oval one
_BITS = (10, 12, 14)  # what industrial cameras store in 16

Groups = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, eq=False)
class _Found:
    """What the judgements look at.

    Attributes:
        index: Readable images with group and part.
        scan: What the files hold; its rows have the groups and parts that the reader gave.
        data: The recipe's section.
        preprocess: What the model will be shown, if it is known.
        groups: Name -> the images that are kept together.
        classes: All class names, good first if there is any.
        one_class: Whether good parts are learned, and no types of defect.
        defects_teach: Whether defects are learned from.
    """

    index: Index
    scan: Scan
    data: Data
    preprocess: Preprocess | None
    groups: Groups
    classes: tuple[str, ...]
    one_class: bool
    defects_teach: bool

    @property
    def together(self) -> list[Sequence[Sample]]:
        """The groups of two or more."""
        return [rows for rows in self.groups.values() if len(rows) > 1]

    def groups_of(self, name: str, part: Split | None = None) -> int:
        """How many groups show a class, in one part or in all."""
        return len({s.group for s in self.index.samples if name in s.names and part in (None, s.split)})


def check(
    index: Index,
    scan: Scan,
    data: Data,
    preprocess: Preprocess | None = None,
    *,
    one_class: bool = False,
    defects_teach: bool = True,
    left_out: Sequence[str] = (),
) -> CheckReport:
    """Judges an index that was scanned, grouped and split.

    Args:
        index: The readable images, with group and part.
        scan: What the files hold, with the reader's groups and parts.
        data: The recipe's section that they came from.
        preprocess: The model's input; without it sizes are not compared with it.
        one_class: Whether good parts are learned, and no types of defect.
        defects_teach: Whether defects are learned from.
        left_out: Folders of our own below the root, in which no image was looked for.
    """
    groups = _by((s.group, s) for s in index.samples)
    classes = (*([GOOD] if index.has_good else []), *index.classes)
    found = _Found(index, scan, data, preprocess, groups, classes, one_class, defects_teach)
    by_part = {part: index.counts(part) for part in Split}
    return CheckReport(
        facts=_facts(found),
        counts={name: {part.value: by_part[part][name] for part in Split} for name in found.classes},
        groups={name: found.groups_of(name) for name in found.classes},
        errors=(
            *_class_errors(found),
            *_unmeasured(found),
            *_label_errors(found),
            *_leaks(found),
            *_mask_errors(found),
            *_depth_errors(found),
        ),
        warnings=(*_unreadable(found), *_likely_leaks(found), *_few(found), *_empty_parts(found), *_doubtful(found)),
        notes=(*_own_folders(left_out), *_notes(found)),
        unreadable=scan.unreadable,
        twins=_pairs(found),
    )


def _by(pairs: Iterable[tuple[str, Sample]]) -> dict[str, list[Sample]]:
    rows: dict[str, list[Sample]] = defaultdict(list)
    for key, sample in pairs:
        rows[key].append(sample)
    return rows


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more


def _facts(found: _Found) -> dict[str, str]:
    index, scan, together = found.index, found.scan, found.together
    total = len(index.samples)
    sizes = scan.sizes.most_common()
    more = f" and {len(sizes) - 3:,} more" if len(sizes) > 3 else ""
    copies = sum(count - 1 for count in Counter(s.digest for s in index.samples).values())
    alike = sum(map(len, together))
    largest = max(map(len, together), default=1)
    parts = Counter(s.split for s in index.samples)
    return {
        "images": f"{total:,} readable, {len(scan.unreadable):,} unreadable",
        "sizes": ", ".join(f"{width} x {height} ({count:,})" for (width, height), count in sizes[:3]) + more,
        "depths": ", ".join(
            f"{depth} bit {'grey' if channels == 1 else 'colour'} ({count:,})"
            for (depth, channels), count in scan.kinds.most_common()
        ),
        "exact copies": f"{copies:,}",
        "kept together": f"{alike:,} images ({alike / max(1, total):.0%}) have a twin, in {len(together):,} groups"
        + (f", the largest of {largest:,}" if together else ""),
        "split": ", ".join(f"{part.value} {parts[part]:,} ({parts[part] / max(1, total):.0%})" for part in Split),
        "digest": index.digest[:16],
    }


def _class_errors(found: _Found) -> Iterator[str]:
    if found.one_class:
        yield from good_parts.errors(found.index, found.scan)
    elif len(found.classes) < 2:
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


def _unmeasured(found: _Found) -> Iterator[str]:
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


def _label_errors(found: _Found) -> Iterator[str]:
    for rows in _by((s.digest, s) for s in found.index.samples).values():
        if len({s.labels for s in rows}) > 1:
            told = ", ".join(f"{s.path} ({' + '.join(s.names)})" for s in rows)
            yield f"copies of one image have different labels: {told}"


def _leaks(found: _Found) -> Iterator[str]:
    """Copies, or images that the reader put together, in several parts of a split that came with the images."""
    parts = {s.path: s.split for s in found.index.samples}
    for what, rows_of in (
        ("copies of one image", _by((s.digest, s) for s in found.scan.samples)),
        ("images of one group", _by((s.group, s) for s in found.scan.samples if s.group)),
    ):
        crossing = [rows for rows in rows_of.values() if len({parts[s.path] for s in rows}) > 1]
        if crossing:
            example = ", ".join(f"{s.path} ({parts[s.path]})" for s in crossing[0][:_NAMED])
            yield (
                f"{what} lie in different parts in {len(crossing):,} cases, so that figures would flatter: {example}; "
                "correct the split that came with the images"
            )


def _likely_leaks(found: _Found) -> Iterator[str]:
    crossing = found.index.divided()
    if crossing:
        example = ", ".join(f"{s.path} ({s.split})" for s in crossing[0][:_NAMED])
        yield (
            f"the split that came with the images divides {len(crossing):,} groups of alike images, so figures may "
            f"flatter: {example}"
        )


def _mask_errors(found: _Found) -> Iterator[str]:
    wrong = [f"{file.sample.mask} {file.mask_fault}" for file in found.scan.files if file.mask_fault]
    if wrong:
        yield f"masks cannot be used: {_listed(wrong)}"


def _depth_errors(found: _Found) -> Iterator[str]:
    if found.preprocess is None:
        return
    bits = found.preprocess.bits
    over = [file.sample.path for file in found.scan.files if file.depth == 16 and file.top >> bits]
    if over:
        yield f"input.bits is {bits}, but these images hold larger values: {_listed(over)}"


def _unreadable(found: _Found) -> Iterator[str]:
    reasons = [f"{path}: {reason}" for path, reason in found.scan.unreadable.items()]
    yield from (f"{reason}; left out" for reason in reasons[:_NAMED])
    if len(reasons) > _NAMED:
        yield f"{len(reasons) - _NAMED:,} more files cannot be read; left out"


def _few(found: _Found) -> Iterator[str]:
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


def _empty_parts(found: _Found) -> Iterator[str]:
    """Classes that a part lacks; for train that is an error, and told there."""
    for part in (Split.TEST, Split.CALIBRATE, Split.VALIDATE):
        counts = found.index.counts(part)
        lacking = [name for name in found.classes if not counts[name]]
        if counts and lacking and not found.one_class:
            yield f"the {part.value} part has no image of: {', '.join(lacking)}"


def _doubtful(found: _Found) -> Iterator[str]:
    empty = [file.sample.mask or "" for file in found.scan.files if file.mask_empty]
    if empty:
        yield f"{len(empty):,} masks of defective images are empty: {_listed(empty)}"
    mixed = [rows for rows in found.together if len({s.labels for s in rows}) > 1]
    if mixed:
        example = ", ".join(f"{s.path} ({' + '.join(s.names)})" for s in mixed[0][:_NAMED])
        yield f"labels differ in {len(mixed):,} groups of alike images; look whether they are right: {example}"
    plain = good_parts.plain(found.scan)
    if 0 < len(plain) < len(found.scan.files):
        yield f"{len(plain):,} images are plain, black or of one grey: {_listed(plain)}; whatever they say is learned"
    wide = [s.path for s in found.index.samples if _stretch(s, found.preprocess) > _ASPECT]
    if wide:
        yield (
            f"{len(wide):,} images are stretched to another shape by more than {_ASPECT:g} times: {_listed(wide)}; "
            "input.fit=pad keeps their shape"
        )


def _stretch(sample: Sample, preprocess: Preprocess | None) -> float:
    """How much more one axis is stretched than the other; 1 is none."""
    if preprocess is None or preprocess.fit == "pad":
        return 1.0
    ratio = (sample.width / sample.height) / (preprocess.width / preprocess.height)
    return max(ratio, 1 / ratio)


def _own_folders(left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield f"left out, for what Sightline and MLflow write is no data: {_listed(left_out)}"


def _notes(found: _Found) -> Iterator[str]:
    index, plan = found.index, found.data.split
    given = {s.split for s in found.scan.samples if s.split is not None}
    if given:
        taken = [part.value for part in missing_parts(given, plan)]
        came = ", ".join(sorted(part.value for part in given))
        told = f"; {', '.join(taken)} {'is' if len(taken) == 1 else 'are'} taken from the rest" if taken else ""
        yield f"the images came with a split ({came}), which is kept{told}"
    if found.one_class:
        yield from good_parts.notes(index, defects_teach=found.defects_teach)
    elif not index.has_good:
        yield "no image is labelled good: the model will name types and never answer OK"
    if not index.part(Split.VALIDATE) and not found.one_class:
        yield "the validate part is empty: the last epoch is taken"
    largest = max(found.groups.values(), key=len, default=())
    if len(largest) > max(10, len(index.samples) // 10):
        yield f"{len(largest):,} images are kept together as one group, with {largest[0].path}"
    deep = [file.top for file in found.scan.files if file.depth == 16]
    bits = next((bits for bits in _BITS if deep and not max(deep) >> bits), None)
    if bits and (found.preprocess is None or found.preprocess.bits > bits):
        yield f"no 16-bit image holds a value over {max(deep):,}, which fits {bits} bits: set input.bits={bits}"
    if found.preprocess is not None:
        height, width = found.preprocess.height, found.preprocess.width
        small = [s.path for s in index.samples if s.width < width and s.height < height]
        if small:
            yield f"{len(small):,} images are smaller than the model's input ({width} x {height}) and are enlarged"


def _pairs(found: _Found) -> tuple[Pair, ...]:
    """Some of the groups as pictures, those whose labels differ first, then the largest."""
    files = {file.sample.path: file for file in found.scan.files}
    order = sorted(found.together, key=lambda rows: (len({s.labels for s in rows}) == 1, -len(rows), rows[0].path))
    pairs = []
    for rows in order[:_SHOWN]:
        left = rows[0]
        right = next((s for s in rows[1:] if s.labels != left.labels), rows[1])
        kind = "exact copies" if left.digest == right.digest else f"group of {len(rows)}"
        differ = f", labels differ: {' + '.join(left.names)} / {' + '.join(right.names)}"
        note = kind + (differ if left.labels != right.labels else "")
        pairs.append(Pair(left.path, right.path, note, (_embedded(files[left.path]), _embedded(files[right.path]))))
    return tuple(pairs)


def _embedded(file: Scanned) -> str:
    return base64.b64encode(image.png(file.thumbnail)).decode()
