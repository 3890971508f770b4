"""Divides groups of images into train, validate, calibrate and test, by content and seed alone.

Each group draws a number between 0 and 1 from a hash of its name and the seed, and the shares of the parts cut that
range. So the part of a group hangs on no other group: adding images moves none that were there, unless the new one
turns out to be a twin that joins two groups or comes to name one. Nothing has to be remembered for that.

Luck would leave some parts without a rare class. There one group is moved for each part that lacks it, in the order
train, test, calibrate, validate as far as the groups reach, and never so that another part comes to lack a class. Once
a part has a group of the class by its own number, nothing is moved: with a share of 10 % and 40 groups that holds 98 %
of the time, with 100 groups always but once in 40,000.

Where defects teach nothing, groups without a good image are drawn for calibrate and test only. And where good parts are
what is learned, and luck leaves too few groups of them to learn from or to calibrate on, some are moved there likewise.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from sightline.config.recipe import SplitPlan
from sightline.dataset.folds import with_test_fold
from sightline.dataset.one_class import FEWEST_TO_CALIBRATE, FEWEST_TO_LEARN
from sightline.index import Sample, Split

_CUT = (Split.TEST, Split.CALIBRATE, Split.VALIDATE, Split.TRAIN)
_NEED = (Split.TRAIN, Split.TEST, Split.CALIBRATE, Split.VALIDATE)

Shares = Mapping[Split, float]


def split(
    samples: Sequence[Sample], plan: SplitPlan, *, one_class: bool = False, defects_teach: bool = True
) -> tuple[Sample, ...]:
    """Gives every sample a part.

    What the reader put into validate, calibrate or test stays there, and nothing is added to it but rows of the same
    groups that are in no part. The parts that the reader left out are taken from train and from the rows that are in no
    part. If it left out none, train stays too, and rows that are in no part follow the plan.

    Args:
        samples: Rows with digest, and group where several belong together.
        plan: Shares and seed, and which fold is the test part if there are folds.
        one_class: Whether good parts are learned, and no types of defect.
        defects_teach: Whether defects are learned from.
    """
    if plan.folds:
        samples = with_test_fold(samples, plan)
    given = {s.split for s in samples if s.split is not None}
    missing = missing_parts(given, plan)
    kept = [part for part in _CUT if part is not Split.TRAIN or not missing]
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group or sample.digest].append(sample)
    parts: dict[str, Split] = {}
    free: dict[str, frozenset[str]] = {}
    for name, rows in groups.items():
        part = next((part for part in kept if part in {s.split for s in rows}), None)
        if part is None:
            free[name] = frozenset(label for s in rows for label in s.labels or ("",))
        else:
            parts[name] = part
    shares = _shares(plan, missing or _NEED)
    defective = {name for name, labels in free.items() if not defects_teach and "" not in labels}
    least = {Split.TRAIN: FEWEST_TO_LEARN, Split.CALIBRATE: FEWEST_TO_CALIBRATE} if one_class else {}
    parts |= _placed({name: free[name] for name in free if name not in defective}, shares, plan.seed, least)
    parts |= _placed({name: free[name] for name in defective}, _measuring(shares), plan.seed, {})

    def part_of(sample: Sample) -> Split:
        name = sample.group or sample.digest
        # A row of train with a twin in test stays where it is: the check tells of it, and test is not added to.
        return parts[name] if sample.split is None or name in free else sample.split

    return tuple(s.model_copy(update={"split": part_of(s)}) for s in samples)


def missing_parts(given: Iterable[Split], plan: SplitPlan) -> tuple[Split, ...]:
    """The parts that are wanted and that no row was given to; all of them if no row was given to any."""
    found = set(given)
    return tuple(part for part, share in _wanted(plan).items() if share > 0 and part not in found)


def _wanted(plan: SplitPlan) -> dict[Split, float]:
    return {Split.TEST: plan.test, Split.CALIBRATE: plan.calibrate, Split.VALIDATE: plan.validate_}


def _shares(plan: SplitPlan, parts: Iterable[Split]) -> Shares:
    """The shares of train and these parts among themselves."""
    wanted = _wanted(plan)
    shares = {part: wanted[part] for part in _CUT if part in set(parts) & set(wanted) and wanted[part] > 0}
    rest = 1 - sum(wanted.values())
    whole = rest + sum(shares.values())
    return {part: share / whole for part, share in shares.items()} | {Split.TRAIN: rest / whole}


def _measuring(shares: Shares) -> Shares:
    """The shares of calibrate and test alone; test takes all where there is neither."""
    kept = {part: share for part, share in shares.items() if part in (Split.TEST, Split.CALIBRATE)} or {Split.TEST: 1.0}
    return {part: share / sum(kept.values()) for part, share in kept.items()}


def _placed(
    groups: Mapping[str, frozenset[str]], shares: Shares, seed: int, least: Mapping[Split, int]
) -> dict[str, Split]:
    """The part of each group: its own number's, but for the few that are moved so that no part lacks a class."""
    return _fill(_draw(groups, shares, seed), groups, shares, seed, least)


def _draw(names: Iterable[str], shares: Shares, seed: int) -> dict[str, Split]:
    """The part of each group by its own number alone."""
    parts, ends = list(shares), list(accumulate(shares.values()))
    drawn = {}
    for name in names:
        place = bisect_right(ends, _hash(seed, name) / 2**64)
        drawn[name] = parts[min(place, len(parts) - 1)]  # the last part takes what rounding leaves: train, if it is one
    return drawn


def _hash(*words: object) -> int:
    return int.from_bytes(hashlib.sha256(":".join(map(str, words)).encode()).digest()[:8], "big")


def _fill(
    drawn: Mapping[str, Split],
    groups: Mapping[str, frozenset[str]],
    shares: Shares,
    seed: int,
    least: Mapping[Split, int],
) -> dict[str, Split]:
    """Moves single groups so that each class reaches as many parts as it has groups.

    Args:
        drawn: The part of each group by its own number.
        groups: The classes that each shows.
        shares: Of the parts.
        seed: The plan's.
        least: Groups of a class that a part is to have, where one is not enough.
    """
    parts = dict(drawn)
    carriers: dict[str, list[str]] = defaultdict(list)
    for name, labels in groups.items():
        for label in labels:
            carriers[label].append(name)
    needed = {label: [part for part in _NEED if part in shares][: len(names)] for label, names in carriers.items()}
    held = Counter((label, parts[name]) for label, names in carriers.items() for name in names)

    def spare(name: str) -> bool:
        part = parts[name]
        return all(part not in needed[label] or held[label, part] > least.get(part, 1) for label in groups[name])

    for label in sorted(carriers, key=lambda label: (len(carriers[label]), label)):  # the rarest class chooses first
        for part in needed[label]:
            while held[label, part] < least.get(part, 1):
                candidates = [name for name in carriers[label] if parts[name] is not part and spare(name)]
                if not candidates:
                    break
                chosen = min((_hash(seed, part.value, name), name) for name in candidates)[1]
                for other in groups[chosen]:
                    held[other, parts[chosen]] -= 1
                    held[other, part] += 1
                parts[chosen] = part
    return parts
