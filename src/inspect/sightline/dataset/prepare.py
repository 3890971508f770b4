"""From a data section to an index that can be trained on: read, scan, group, split, check."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.dataset.check import CheckReport, check
from sightline.dataset.duplicates import near_duplicates
from sightline.dataset.scan import scan
from sightline.dataset.split import split
from sightline.errors import DataError
from sightline.index import Index, Sample


@dataclass(frozen=True)
class Prepared:
    """Images ready for training, and what a person should know about them.

    Attributes:
        index: Digest, size, group and part filled in; unreadable images left out.
        report: Its errors say why training would be pointless.
    """

    index: Index
    report: CheckReport


def prepare(data: Data, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Prepared:
    """Reads, scans, groups, splits and checks.

    Raises:
        DataError: There is no image, or the layout is not what the reader expects.
    """
    index = readers.read(data)
    looked = scan(index, progress=progress)
    if not looked.looks:
        reasons = "\n".join(f"  {path}: {reason}" for path, reason in list(looked.unreadable.items())[:5])
        raise DataError(f"none of {len(index.samples)} images in {data.root} can be read:\n{reasons}")
    twins = near_duplicates(looked.thumbnails, data.split.near_duplicates)
    grouped = group(looked.samples, twins)
    parts = index.with_samples(split(grouped, data.split))
    return Prepared(parts, check(parts, looked, data))


def group(samples: Sequence[Sample], twins: Iterable[tuple[int, int]]) -> tuple[Sample, ...]:
    """Gives every sample a group: exact copies, twins, and what the reader says belongs together, joined.

    A group is named by its smallest digest, so that its name does not hang on order.

    Args:
        samples: Rows with digests.
        twins: Pairs of rows that look alike.
    """
    parent = list(range(len(samples)))

    def find(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    links = list(twins)
    first: dict[tuple[str, str], int] = {}
    for row, sample in enumerate(samples):
        for key in (("digest", sample.digest), ("group", sample.group)):
            if key[1]:
                links.append((first.setdefault(key, row), row))
    for a, b in links:
        parent[find(a)] = find(b)
    members: dict[int, list[int]] = defaultdict(list)
    for row in range(len(samples)):
        members[find(row)].append(row)
    names = {root: min(samples[m].digest for m in rows)[:16] for root, rows in members.items()}
    return tuple(s.model_copy(update={"group": names[find(row)]}) for row, s in enumerate(samples))
