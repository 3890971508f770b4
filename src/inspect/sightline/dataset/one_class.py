"""What images must hold for a model of good parts alone."""

from __future__ import annotations

from collections.abc import Iterator

from sightline.dataset.scan import Scan
from sightline.index import GOOD, Index, Split

FEWEST_TO_LEARN = 5
"""Groups of good images in the train part: fewer show no part of how good parts differ from one another."""

FEWEST_TO_CALIBRATE = 5
"""Groups of good images in the calibrate part: fewer say nothing of how high good parts score."""

_PLAIN = 1.5  # grey levels; a thumbnail that varies by less shows nothing


def errors(index: Index, scan: Scan) -> Iterator[str]:
    """Why nothing can be learned from the good images."""
    if not index.has_good:
        found = ", ".join(sorted(index.classes)) or "no label"
        yield (
            f"expected images of good parts, found only {found}: name the label that means good in data.good, or put "
            f"good images into a folder called {GOOD}"
        )
        return
    good = [sample for sample in index.samples if sample.good]
    parts = {split: len({s.group for s in good if s.split is split}) for split in Split}
    if parts[Split.TRAIN] < FEWEST_TO_LEARN or parts[Split.CALIBRATE] < FEWEST_TO_CALIBRATE:
        yield (
            f"expected at least {FEWEST_TO_LEARN} different good images to learn from and {FEWEST_TO_CALIBRATE} to "
            f"calibrate scores on, got {parts[Split.TRAIN]} and {parts[Split.CALIBRATE]}, of {len(good):,} good images "
            f"of which {len({s.group for s in good}):,} differ: take more pictures, of other parts; or, if twins are "
            "seen where there are none, set data.split.near_duplicates higher"
        )
    if scan.files and len(plain(scan)) == len(scan.files):
        yield "every image is plain, black or of one grey: look at the camera's exposure, or at the file format"


def plain(scan: Scan) -> list[str]:
    """Images that show next to nothing: a lens cap, a lamp that failed."""
    return [file.sample.path for file in scan.files if file.thumbnail.std() < _PLAIN]


def notes(index: Index, *, defects_teach: bool) -> Iterator[str]:
    """What a person should know of what can be told of such a model."""
    defective = [sample for sample in index.samples if not sample.good]
    if not defective:
        yield "no image shows a defect: how many defects escape cannot be measured"
    unused = [sample for sample in defective if sample.split in (Split.TRAIN, Split.VALIDATE)]
    if unused and not defects_teach:
        yield f"{len(unused):,} defective images came in the train or validate part and teach a memory bank nothing"
