"""Write synthetic parts to a folder, as a data set with its truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError
from sightline.files import write_whole
from sightline.synth.defects import CLASSES
from sightline.synth.part import Part, check_arguments, check_share, part_seed, render

GOOD = "good"
TRUTH = "truth.jsonl"


def write(
    root: Path,
    *,
    count: int,
    seed: int = 0,
    defect_rate: float = 0.5,
    defects: Sequence[str] = CLASSES,
    severity: tuple[float, float] = (0.0, 1.0),
    size: tuple[int, int] = (256, 256),
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a data set of parts that are good or have one defect each.

    The folder holds ``images/CLASS/NUMBER.png`` (a folder per class, ``good`` among them),
    ``masks/CLASS/NUMBER_mask.png`` for the defective ones, and ``truth.jsonl`` with one row an image: path, labels,
    mask, boxes, severity. Paths are relative to the folder, with forward slashes. The truth is written last, so a
    folder that has it is complete. Good and defective parts take turns as the rate says, and so do the defects, so
    that even a small data set holds all of them.

    Args:
        root: Folder to write into; it is made, or empty.
        count: Number of images.
        seed: Decides all of them; image i does not change with ``count``.
        defect_rate: Share of defective parts, 0 to 1.
        defects: Names out of ``CLASSES`` that take turns.
        severity: Lowest and highest severity of a defect, each 0 (barely visible) to 1 (obvious); any between alike.
        size: Height and width in pixels, each at least 64.
        progress: Called after every image with the number written and ``count``.

    Returns:
        The folder of images, ``root/images``.

    Raises:
        DataError: An argument is none of the above, or the folder is not empty or cannot be written.
    """
    check_arguments(seed, size=size)
    check_share("defect_rate", defect_rate)
    _check_choice(defects, severity)
    if count < 1:
        raise DataError(f"count: expected at least 1 image, got {count!r}")
    digits = max(6, len(str(count)))
    try:
        _claim(root)
        rows: list[str] = []
        for i in range(count):
            own = part_seed(seed, i)
            grade = severity[0] + (severity[1] - severity[0]) * float(np.random.default_rng(own).random())
            part = render(own, defects=_turn(i, defect_rate, defects), severity=grade, size=size)
            rows.append(json.dumps(_save(root, f"{i + 1:0{digits}d}", part)))
            if progress is not None:
                progress(i + 1, count)
        write_whole(root / TRUTH, ("\n".join(rows) + "\n").encode())
    except OSError as error:
        raise DataError(
            f"{root}: expected a folder to write {count} images into, got: {error.strerror or error}",
            hint="Choose a folder on a disk with space that you may write to.",
        ) from error
    return root / "images"


def _claim(root: Path) -> None:
    """Make the folder, or refuse one that holds anything: nothing of the user's is overwritten or mixed in."""
    if root.exists() and not root.is_dir():
        raise DataError(f"{root}: expected a folder, got a file", hint="Name a folder that does not exist yet.")
    root.mkdir(parents=True, exist_ok=True)
    found = next(root.iterdir(), None)
    if found is not None:
        raise DataError(
            f"{root}: expected a new or empty folder, got one that holds {found.name}",
            hint="Name another folder, or empty this one first.",
        )


def _check_choice(defects: Sequence[str], severity: tuple[float, float]) -> None:
    """Refuse defects that there are not, and severities that are no range."""
    if isinstance(defects, str) or not defects or set(defects) - set(CLASSES):
        raise DataError(f"defects: expected some of {', '.join(CLASSES)}, got {defects!r}")
    for share in severity:
        check_share("severity", share)
    if severity[0] > severity[1]:
        raise DataError(f"severity: expected the lower value first, got {severity}")


def _turn(i: int, defect_rate: float, defects: Sequence[str]) -> tuple[str, ...]:
    """Return whose turn the i-th image is: defective each time the share of them would fall behind the rate."""
    before, after = int(i * defect_rate), int((i + 1) * defect_rate)
    return (defects[before % len(defects)],) if after > before else ()


def _save(root: Path, name: str, part: Part) -> dict[str, Any]:
    """Write one part's picture and mask, and return its row of the truth."""
    folder = part.labels[0] if part.labels else GOOD
    path, mask = f"images/{folder}/{name}.png", f"masks/{folder}/{name}_mask.png"
    write_whole(root / path, _png(cv2.cvtColor(part.image, cv2.COLOR_RGB2BGR)))
    if part.labels:
        write_whole(root / mask, _png(part.mask))
    return {
        "path": path,
        "labels": list(part.labels),
        "mask": mask if part.labels else None,
        "boxes": [dict(zip(("x1", "y1", "x2", "y2", "label"), box, strict=True)) for box in part.boxes],
        "severity": round(part.severity, 6),
    }


def _png(image: NDArray[np.uint8] | cv2.typing.MatLike) -> bytes:
    """Encode an image. Encoding in memory, unlike ``cv2.imwrite``, leaves paths of any script and errors to Python."""
    return cv2.imencode(".png", image)[1].tobytes()
