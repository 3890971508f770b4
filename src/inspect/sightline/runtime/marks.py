"""Draws located defects on a picture of the frame: boxes with their types, outlines of regions, a little heat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.bundle import Manifest
from sightline.runtime.reader import Reading
from sightline.verdict import Defect

_Picture = NDArray[np.uint8]
_Rectangle = tuple[int, int, int, int]

COLOURS = (
    (255, 176, 0),
    (0, 190, 255),
    (254, 97, 0),
    (255, 70, 160),
    (150, 120, 255),
    (60, 210, 110),
    (240, 228, 66),
    (205, 205, 205),
)
"""Of types, in their order, RGB: bright, since parts are dark, and apart for the colour-blind (after IBM's palette)."""

_BLACK = (0, 0, 0)
_LEAST_SIDE, _LEAST_SHARE = 14, 1 / 80
"""Pixels, and share of the picture's longer side: what would be smaller on the picture is shown by a box of this size
around it."""

_LEAST_LABELLED = 400
"""Pixels of the longer side; on smaller pictures letters would hide the part."""

_MOST_LABELS = 15
_STRENGTH = 0.35
"""Share of colour where the map reaches the threshold."""


class _Style(NamedTuple):
    """Sizes on a picture, in its pixels: lines, letters (OpenCV's scale), space around them, smallest box."""

    line: int
    letters: float
    space: int
    least: float


class _Mark(NamedTuple):
    """One defect in pixels of the picture: x1, y1, x2, y2 around it, its outline if it is large enough, its colour."""

    box: _Rectangle
    outline: NDArray[np.int32] | None
    colour: tuple[int, int, int]
    text: str


def draw(picture: _Picture, defects: Sequence[Defect], reading: Reading, manifest: Manifest) -> _Picture:
    """Marks each defect that has a place.

    Args:
        picture: The frame, resized to any size of the same aspect, RGB, uint8 (H, W, 3).
        defects: Those of the verdict, in pixels of the frame.
        reading: What they were told from.
        manifest: The bundle's, for its types and thresholds.
    """
    longest = max(picture.shape[:2])
    style = _Style(
        line=max(2, round(longest / 700)),
        letters=min(0.8, max(0.5, longest / 1800)),
        space=max(3, longest // 300),
        least=max(_LEAST_SIDE, longest * _LEAST_SHARE),
    )
    factor = picture.shape[1] / reading.place.frame[1], picture.shape[0] / reading.place.frame[0]
    drawn = picture.copy()
    if manifest.locate is not None and manifest.locate.by == "regions":
        drawn = _heated(drawn, {defect.label for defect in defects}, reading, manifest)
    marks = [_mark(defect, factor, style, picture, manifest) for defect in defects if defect.box is not None]
    for mark in reversed(marks):  # the surest last, on top
        _outline(drawn, mark, style)
    if longest >= _LEAST_LABELLED:
        _write(drawn, marks, style)
    return drawn


def _heated(picture: _Picture, labels: set[str], reading: Reading, manifest: Manifest) -> _Picture:
    """Tints the picture where the map of a named type comes near its threshold."""
    mixed = picture.astype(np.float32)
    for number, name in enumerate(manifest.classes):
        if name not in labels or manifest.locate is None:
            continue
        over = reading.place.heat_to_frame(reading.maps[number])
        way = cv2.INTER_AREA if picture.shape[0] < over.shape[0] else cv2.INTER_LINEAR
        heat = np.asarray(cv2.resize(over, picture.shape[1::-1], interpolation=way), np.float32)
        near = np.clip(2 * np.nan_to_num(heat) / manifest.locate.peaks[name] - 1, 0, 1)
        share = (_STRENGTH * near)[..., None]
        mixed = mixed * (1 - share) + np.array(_colour(name, manifest), np.float32) * share
    return mixed.astype(np.uint8)


def _mark(defect: Defect, factor: tuple[float, float], style: _Style, picture: _Picture, manifest: Manifest) -> _Mark:
    colour, text = _colour(defect.label, manifest), f"{_plain(defect.label)} {defect.score:.2f}"
    box = _box(defect.box or (0, 0, 0, 0), factor, style.least, picture)
    outline = None
    if len(defect.contour) > 2 and min(box[2] - box[0], box[3] - box[1]) > style.least + 2:
        # It runs along the middles of pixels, which lie half a pixel further than their numbers say.
        outline = np.rint(np.array(defect.contour) * factor - 0.5).astype(np.int32)
    return _Mark(box, outline, colour, text)


def _box(box: Sequence[float], factor: tuple[float, float], least: float, picture: _Picture) -> _Rectangle:
    """Outermost pixels of a box on the picture, which it does not leave: x1, y1, x2, y2."""
    ends = []
    for axis, length in enumerate((picture.shape[1], picture.shape[0])):
        low, high = box[axis] * factor[axis], box[axis + 2] * factor[axis]
        missing = max(0.0, least - (high - low)) / 2
        ends.append((max(0, int(np.floor(low - missing))), min(length - 1, int(np.ceil(high + missing)))))
    (x1, x2), (y1, y2) = ends
    return x1, y1, x2, y2


def _outline(picture: _Picture, mark: _Mark, style: _Style) -> None:
    """Draws the outline, or else the box, with a dark rim that shows it on bright parts."""
    for colour, width in ((_BLACK, style.line + 2), (mark.colour, style.line)):
        if mark.outline is not None:
            cv2.polylines(picture, [mark.outline], True, colour, width, cv2.LINE_AA)
        else:
            cv2.rectangle(picture, mark.box[:2], mark.box[2:], colour, width)


def _write(picture: _Picture, marks: Sequence[_Mark], style: _Style) -> None:
    """Writes type and score beside defects, the surest of each type first; where there is no free place, nothing."""
    taken: list[_Rectangle] = []
    for mark in _first_of_each(marks)[:_MOST_LABELS]:
        (width, height), base = cv2.getTextSize(mark.text, cv2.FONT_HERSHEY_SIMPLEX, style.letters, 1)
        size = width + 2 * style.space, height + base + style.space
        others = [other.box for other in marks if other is not mark]
        place = _free(mark.box, size, picture, [*taken, *others], style) or _free(mark.box, size, picture, taken, style)
        if place is None:
            continue
        x, y = place
        taken.append((x, y, x + size[0], y + size[1]))
        cv2.rectangle(picture, (x, y), (x + size[0] - 1, y + size[1] - 1), mark.colour, cv2.FILLED)
        start = x + style.space, y + height + style.space // 2
        cv2.putText(picture, mark.text, start, cv2.FONT_HERSHEY_SIMPLEX, style.letters, _BLACK, 1, cv2.LINE_AA)


def _first_of_each(marks: Sequence[_Mark]) -> list[_Mark]:
    """The first of every colour before the second of any, else in their order."""
    seen: Counter[tuple[int, int, int]] = Counter()
    ranks = []
    for mark in marks:
        ranks.append(seen[mark.colour])
        seen[mark.colour] += 1
    return [marks[number] for number in sorted(range(len(marks)), key=ranks.__getitem__)]


def _free(
    box: _Rectangle, size: tuple[int, int], picture: _Picture, taken: Sequence[_Rectangle], style: _Style
) -> tuple[int, int] | None:
    """Where a label (width, height) fits: above, below, right or left of a box, or in its corner; x and y."""
    x1, y1, x2, y2 = box
    (width, height), gap = size, style.line + 1
    inside = picture.shape[1] - width, picture.shape[0] - height
    if min(inside) < 0:
        return None
    x, y = min(x1, inside[0]), min(y1, inside[1])
    wanted = [(x, y1 - gap - height), (x, y2 + gap), (x2 + gap, y), (x1 - gap - width, y), (x, y)]
    for left, top in wanted:
        in_picture = 0 <= left <= inside[0] and 0 <= top <= inside[1]
        clear = all(left >= c or left + width <= a or top >= d or top + height <= b for a, b, c, d in taken)
        if in_picture and clear:
            return left, top
    return None


def _colour(label: str, manifest: Manifest) -> tuple[int, int, int]:
    return COLOURS[manifest.classes.index(label) % len(COLOURS)]


def _plain(text: str) -> str:
    """OpenCV's letters are ASCII."""
    return text.encode("ascii", "replace").decode()
