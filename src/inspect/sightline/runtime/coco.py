"""Verdicts as COCO annotations with scores, which CVAT, Label Studio and FiftyOne open beside the images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sightline.errors import DataError, did_you_mean
from sightline.files import write_whole
from sightline.verdict import Defect, Outcome, Verdict

_DIGITS = 2  # of a pixel's fraction


class CocoWriter:
    """Collects verdicts, and writes them as a COCO data set whose annotations are predictions.

    Every annotation has its ``score``, every image its ``outcome``, which tools that do not know them pass over. The
    ``area`` of an outline is what it encloses. A defect without a place becomes a crowd region (``iscrowd`` 1) over the
    whole frame. A frame that was not inspected is left out: as an image without annotations it would pass for a good
    part.

        >>> from sightline.verdict import Defect, Outcome, Verdict
        >>> writer = CocoWriter(["dent", "scratch"])
        >>> defect = Defect("dent", 0.93, box=(10.0, 20.0, 40.0, 50.0))
        >>> writer.add(Verdict(Outcome.NG, ("dent 0.930",), (defect,), frame="a.png"), (480, 640))
        >>> writer.write(Path("predictions.json"))  # doctest: +SKIP

    Args:
        classes: Every defect type that the bundle knows, in its order; their numbers begin at 1.
        root: Folder that images below it are named from; others keep the name that their verdict has.
    """

    def __init__(self, classes: Sequence[str], *, root: Path | None = None) -> None:
        self._numbers = {name: number for number, name in enumerate(classes, start=1)}
        self._root = root
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def add(self, verdict: Verdict, shape: Sequence[int]) -> None:
        """Takes the verdict on one frame.

        Args:
            verdict: With the frame's file name in ``frame``.
            shape: Height and width of the frame in pixels; what follows, such as channels, is not looked at.

        Raises:
            DataError: A defect is of no type that the writer knows.
        """
        if verdict.outcome is Outcome.NOT_INSPECTED:
            return
        height, width = int(shape[0]), int(shape[1])
        image = {"id": len(self._images) + 1, "file_name": self._name(verdict.frame), "width": width, "height": height}
        found = [self._annotation(defect, (width, height)) for defect in verdict.defects]
        self._images.append(image | {"outcome": verdict.outcome.value})
        for content in found:
            self._annotations.append({"id": len(self._annotations) + 1, "image_id": image["id"], **content})

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all.

        Raises:
            DataError: It cannot be written.
        """
        content = {
            "info": {"description": "predicted by Sightline"},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": [
                {"id": number, "name": name, "supercategory": "defect"} for name, number in self._numbers.items()
            ],
        }
        try:
            # A file name that is no UTF-8 is spelt with escapes, which in JSON are the escapes of JSON.
            text = json.dumps(content, ensure_ascii=False, allow_nan=False)
            write_whole(path, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise DataError(f"the annotations cannot be written to {path}: {error.strerror}") from error

    def _name(self, frame: str) -> str:
        path = Path(frame)
        if self._root is not None and path.is_relative_to(self._root):
            path = path.relative_to(self._root)
        return path.as_posix()

    def _annotation(self, defect: Defect, size: tuple[int, int]) -> dict[str, Any]:
        if defect.label not in self._numbers:
            raise DataError(
                f"expected a defect of a type among {', '.join(self._numbers)}, got {defect.label!r}",
                hint=did_you_mean(defect.label, self._numbers),
            )
        corners = defect.box or _around(defect.contour)
        x1, y1, x2, y2 = corners or (0.0, 0.0, *size)
        outline = [round(float(value), _DIGITS) for point in defect.contour for value in point]
        return {
            "category_id": self._numbers[defect.label],
            "bbox": [round(float(value), _DIGITS) for value in (x1, y1, x2 - x1, y2 - y1)],
            "area": round(_area(defect, (x2 - x1) * (y2 - y1)), _DIGITS),
            "segmentation": [outline] if len(defect.contour) > 2 else [],
            "iscrowd": int(corners is None),
            "score": round(float(defect.score), 6),
        }


def _around(contour: Sequence[tuple[float, float]]) -> tuple[float, float, float, float] | None:
    """The box around an outline: x1, y1, x2, y2; None where there is no outline."""
    if len(contour) < 3:
        return None
    xs, ys = zip(*contour, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _area(defect: Defect, of_box: float) -> float:
    """The area in pixels: that of the outline, holes and all, as COCO wants it; else as told, else that of the box."""
    if len(defect.contour) > 2:
        points = np.array(defect.contour)
        return float(cv2.contourArea((points - points.mean(axis=0)).astype(np.float32)))
    return float(of_box if defect.area is None else defect.area)
