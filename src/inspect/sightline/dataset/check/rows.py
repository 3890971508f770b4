"""Samples by a key, and how a message names a few of many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sightline.index import Sample

NAMED = 5
"""Examples in a message."""


def by(pairs: Iterable[tuple[str, Sample]]) -> dict[str, list[Sample]]:
    """Samples by a key, in their order."""
    rows: dict[str, list[Sample]] = defaultdict(list)
    for key, sample in pairs:
        rows[key].append(sample)
    return rows


def listed(paths: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
    return ", ".join(paths[:NAMED]) + more


def counted(count: int, one: str, several: str) -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else several}"
