"""The images that `bench_anomaly` compares methods on: which are learned from, which are scored, and which are twins.

Needs the environment of scripts/test, and is imported once a script is inside it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from sightline.config.recipe import Data, SplitPlan
from sightline.dataset import detect, read
from sightline.dataset.duplicates import group
from sightline.dataset.scan import scan
from sightline.errors import DataError
from sightline.index import Sample

TRAIN = 700
"""Good tiles that may be learned from."""

LABELLED_OF_EACH = 4
"""Defects of each type that a method that can use them gets, unless said otherwise: 20 in all."""


@dataclass(frozen=True)
class Split:
    """What is learned from and what is scored.

    Attributes:
        root: The folder that the paths of images and masks are relative to.
        train: Good samples, all that is learned from unless labelled defects are asked for.
        spare: Good samples that might have been learned from and were not: on some, scores can be calibrated, which
            changes no ranking.
        test: N samples, good ones first. Scores and maps of every method are in this order.
        labelled: Some defective ones out of ``test``, for methods that learn from defects too. Whoever has learned from
            them is judged without them.
    """

    root: Path
    train: tuple[Sample, ...]
    spare: tuple[Sample, ...]
    test: tuple[Sample, ...]
    labelled: tuple[Sample, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The defect types, sorted."""
        return tuple(sorted({label for sample in self.test for label in sample.labels}))

    def rows(self, *, apart: bool, without_labelled: bool) -> NDArray[np.bool_]:
        """Which of the N test samples a figure is taken over.

        Args:
            apart: Leave out good samples that have a twin in ``train``, which a method may know by heart. A defective
                one stays, for a good twin in training makes it no easier. Where ``labelled`` is left out, so are their
                twins.
            without_labelled: Leave out ``labelled``.

        Returns:
            (N,) whether the sample counts.
        """
        left_out = {sample.path for sample in self.labelled} if without_labelled else set()
        trained = {sample.group for sample in self.train} if apart else set()
        seen = {sample.group for sample in self.labelled} if apart and without_labelled else set()
        kept = [
            s.path not in left_out and s.group not in seen and not (s.good and s.group in trained) for s in self.test
        ]
        return np.array(kept, bool)


def load(root: Path) -> tuple[Sample, ...]:
    """Reads the magnetic tiles and finds twins among all of them, so that what is twin to what hangs on no split.

    Args:
        root: The folder that holds MT_Free, MT_Blowhole and so on.

    Raises:
        DataError: The folder holds something else, or an image that cannot be read.
    """
    index = read(Data.model_validate({"root": root, "reader": detect(root), "good": ("MT_Free",)}))
    scanned = scan(index)
    for path, reason in scanned.unreadable.items():
        raise DataError(f"{root / path}: {reason}", hint="The figures are of all images: bring this one back.")
    return group(scanned.samples, scanned.thumbnails, SplitPlan().near_duplicates)


def divide(
    root: Path, samples: Sequence[Sample], train: int, most: int | None = None, labelled: int = LABELLED_OF_EACH
) -> Split:
    """Divides samples by their file names alone.

    The first 700 good ones in the order of the SHA-1 of their file names may be learned from, and of these the first by
    file name are. All other good ones and all defective ones are scored. Labelled defects are the first of each type in
    the order of the SHA-1.

    Args:
        root: The folder that their paths are relative to.
        samples: Good and defective ones, with groups.
        train: Good ones to learn from, at most 700.
        most: Score at most so many of each kind.
        labelled: Defects of each type that a method that can use them gets.

    Raises:
        DataError: There are not enough.
    """
    ordered = sorted(samples, key=lambda sample: _sha1(_name(sample)))
    good = [sample for sample in ordered if sample.good]
    if not 0 < train <= TRAIN < len(good):
        raise DataError(f"expected 1 to {TRAIN} tiles to train on out of more than {TRAIN}, got {train} of {len(good)}")
    of_type: dict[str, list[Sample]] = defaultdict(list)
    for sample in ordered:
        for label in sample.labels:
            of_type[label].append(sample)
    kinds = [good[TRAIN:], *(of_type[label] for label in sorted(of_type))]
    usable = sorted(good[:TRAIN], key=_name)
    return Split(
        root=root,
        train=tuple(usable[:train]),
        spare=tuple(usable[train:]),
        test=tuple(sample for kind in kinds for sample in kind[:most]),
        labelled=tuple(sample for kind in kinds[1:] for sample in kind[: min(labelled, most or len(kind))]),
    )


def _name(sample: Sample) -> str:
    return PurePosixPath(sample.path).name


def _sha1(name: str) -> str:
    return hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
