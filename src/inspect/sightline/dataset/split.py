"""Divides groups of images into train, validate, calibrate and test, by content and seed alone.

Each group draws a number between 0 and 1 from a hash of its smallest digest and the seed, and the shares of the parts cut
that range. No group's part hangs on any other group: adding images moves none that were there, unless an image turns out
to be a twin. Classes with few groups are too small for luck; they are dealt out in the order of those numbers, so that
each part gets some, and there a new image may move a few.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sightline.config.recipe import SplitPlan
from sightline.index import Sample, Split

FEW = 40
"""Groups below which a class is dealt out rather than drawn."""


def split(samples: Sequence[Sample], plan: SplitPlan) -> tuple[Sample, ...]:
    """Gives every sample a part; samples that have one keep it, and draw their whole group along.

    Where the reader fixed a test part, nothing is added to it: validate and calibrate come out of the rest.

    Args:
        samples: Rows with digest and group.
        plan: Shares and seed.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group or sample.digest].append(sample)
    fixed = {key: part for key, rows in groups.items() if (part := _fixed(rows)) is not None}
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for key, rows in groups.items():
        if key not in fixed:
            strata[_stratum(rows)].append(key)
    shares = _shares(plan, {s.split for s in samples if s.split is not None})
    parts = dict(fixed)
    for keys in strata.values():
        parts |= _divide({key: _draw(groups[key], plan.seed) for key in keys}, shares)
    return tuple(s.model_copy(update={"split": s.split or parts[s.group or s.digest]}) for s in samples)


def _fixed(rows: Iterable[Sample]) -> Split | None:
    given = sorted(s.split.value for s in rows if s.split is not None)
    return Split(given[0]) if given else None


def _stratum(rows: Sequence[Sample]) -> tuple[str, ...]:
    return min(rows, key=lambda s: s.digest).labels


def _draw(rows: Iterable[Sample], seed: int) -> float:
    smallest = min(s.digest for s in rows)
    return int.from_bytes(hashlib.sha256(f"{seed}:{smallest}".encode()).digest()[:8], "big") / 2**64


def _shares(plan: SplitPlan, given: set[Split]) -> list[tuple[Split, float]]:
    shares = {Split.TEST: plan.test, Split.CALIBRATE: plan.calibrate, Split.VALIDATE: plan.validate_}
    left = {part: share for part, share in shares.items() if part not in given}
    room = 1 - sum(share for part, share in shares.items() if part in given)
    scaled = [(part, share / room) for part, share in left.items()]
    return [*scaled, (Split.TRAIN, 1 - sum(share for _, share in scaled))]


def _divide(drawn: dict[str, float], shares: list[tuple[Split, float]]) -> dict[str, Split]:
    if len(drawn) >= FEW:
        return {key: _cut(number, shares) for key, number in drawn.items()}
    ordered = sorted(drawn, key=drawn.__getitem__)
    parts = dict.fromkeys(ordered, Split.TRAIN)
    for part, share in shares[:-1]:
        wanted = max(1, round(share * len(ordered))) if share > 0 else 0
        free = [key for key in ordered if parts[key] is Split.TRAIN]
        for key in free[: min(wanted, len(free) - 1)]:  # training keeps at least one
            parts[key] = part
    return parts


def _cut(number: float, shares: list[tuple[Split, float]]) -> Split:
    below = 0.0
    for part, share in shares:
        below += share
        if number < below:
            return part
    return shares[-1][0]
