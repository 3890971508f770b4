"""Divides groups of images into folds, each of which is the test part once, so that every image is measured on."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from sightline.config.recipe import SplitPlan
from sightline.errors import DataError
from sightline.index import Sample, Split


def with_test_fold(samples: Sequence[Sample], plan: SplitPlan) -> tuple[Sample, ...]:
    """Puts one fold's rows into the test part; the others are left without one.

    Groups are dealt class by class, the rarest first and the largest group first, each to the fold that has the fewest
    images of the class: so every fold has its share of every class, as far as groups can be divided. Which fold a group
    is in hangs on the seed and on the other groups.

    Args:
        samples: Rows with digest, and group where several belong together.
        plan: Says how many folds there are and which is tested.

    Raises:
        DataError: The images came with a split, or there are fewer groups than folds.
    """
    if any(sample.split is not None for sample in samples):
        raise DataError(
            "data.split.folds: expected images without a split of their own, but they came with one",
            hint="Leave folds out, or set data.reader.keep_split=false where the reader has it.",
        )
    fold_of = _dealt(samples, plan)
    return tuple(
        sample.model_copy(update={"split": Split.TEST}) if fold_of[_name(sample)] == plan.fold else sample
        for sample in samples
    )


def _dealt(samples: Sequence[Sample], plan: SplitPlan) -> dict[str, int]:
    """The fold of each group."""
    folds = plan.folds or 1
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[_name(sample)].append(sample)
    if len(groups) < folds:
        raise DataError(f"data.split.folds: expected at most {len(groups)}, one a group of images, got {folds}")
    images = Counter(name for sample in samples for name in sample.names)
    fold_of: dict[str, int] = {}
    total = [0] * folds
    for label in sorted(images, key=lambda label: (images[label], label)):
        held = [0] * folds
        rows_of = {name: sum(label in row.names for row in rows) for name, rows in groups.items()}
        for name, fold in fold_of.items():
            held[fold] += rows_of[name]
        waiting = [name for name, count in rows_of.items() if count and name not in fold_of]
        for name in sorted(waiting, key=lambda name: (-rows_of[name], _hash(plan.seed, name))):
            fold = min(range(folds), key=lambda number: (held[number], total[number], number))
            fold_of[name] = fold
            held[fold] += rows_of[name]
            total[fold] += len(groups[name])
    return fold_of


def _name(sample: Sample) -> str:
    return sample.group or sample.digest


def _hash(*words: object) -> str:
    return hashlib.sha256(":".join(map(str, words)).encode()).hexdigest()
