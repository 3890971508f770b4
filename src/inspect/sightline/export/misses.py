"""The defects that were missed, misnamed or invented, cut out of their frames, beside the template where there is one.

What is true is drawn in green and what was found in red, as boxes or as the outlines of regions; blue brackets stand
around what a crop is shown for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Literal

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes
from sightline.export.matching import Thresholds, match_any, sure_enough
from sightline.export.regions import Instances

Kind = Literal["missed", "misnamed", "invented"]

_KINDS: tuple[Kind, ...] = ("missed", "misnamed", "invented")
_MOST = 24
_SIDE = 240  # px of a crop as drawn
_CONTEXT, _SMALLEST = 3.0, 64  # a crop is so many times as wide as what it shows, and at least so many px of the frame
_TRUE, _FOUND, _SHOWN, _BLACK = (0, 200, 120), (235, 60, 60), (70, 150, 255), (0, 0, 0)
_NEAR, _FAR, _FARTHEST = 2, 5, 11  # px outside what they mark: lines of what is true, found, and shown by the crop
_INK, _NG = "#30343f", "#b3261e"

_Image = NDArray[np.uint8]
_Mask = NDArray[np.bool_]
_Corners = tuple[float, float, float, float]
_Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Miss:
    """One defect that was missed or invented.

    Attributes:
        row: Number of the image.
        kind: ``missed``: true and not found. ``misnamed``: found as another type. ``invented``: found and not true.
        corners: x1, y1, x2, y2 of the box around it, in pixels of the frame, the end exclusive.
        label: Its type; of one misnamed the true type and the one said.
        weight: What the worst come first by: the area in pixels of one missed, else the score of what was found.
    """

    row: int
    kind: Kind
    corners: _Corners
    label: str
    weight: float

    @property
    def title(self) -> str:
        """What it is, in two lines."""
        width, height = self.corners[2] - self.corners[0], self.corners[3] - self.corners[1]
        what = f"{width:.0f} x {height:.0f} px" if self.kind == "missed" else f"score {self.weight:.2f}"
        return f"{self.kind}: {self.label}\n{what}"


@dataclass(frozen=True, eq=False)
class Marks:
    """What is drawn over an image (H, W): boxes, and masks (H, W) whose outlines are drawn; None or no box for none."""

    true: Boxes
    found: Boxes
    true_mask: _Mask | None = None
    found_mask: _Mask | None = None

    @classmethod
    def of_masks(cls, true: _Mask, found: _Mask) -> Marks:
        """Outlines alone."""
        return cls(Boxes.empty(), Boxes.empty(), true, found)


def of_boxes(
    row: int,
    found: Boxes,
    truth: Boxes,
    classes: Sequence[str],
    thresholds: Thresholds,
    iou: float = 0.33,
) -> list[Miss]:
    """What went wrong with the boxes of one image.

    Args:
        row: Number of the image.
        found: Boxes found, of which those count that reach the threshold of their type.
        truth: True boxes.
        classes: The C types.
        thresholds: (C,) scores.
        iou: From which two boxes are one.
    """
    said = sure_enough(found, thresholds)
    taken = match_any(said, truth, iou)
    wrong = []
    for number in np.setdiff1d(np.arange(len(truth)), taken).tolist():
        corners = _corners(truth.corners[number])
        area = (corners[2] - corners[0]) * (corners[3] - corners[1])
        wrong.append(Miss(row, "missed", corners, classes[truth.classes[number]], area))
    for number, which in enumerate(taken.tolist()):
        corners, name, score = _corners(said.corners[number]), classes[said.classes[number]], float(said.scores[number])
        if which < 0:
            wrong.append(Miss(row, "invented", corners, name, score))
        elif said.classes[number] != truth.classes[which]:
            label = f"{classes[truth.classes[which]]} as {name}"
            wrong.append(Miss(row, "misnamed", _corners(truth.corners[which]), label, score))
    return wrong


def of_regions(
    row: int,
    heat: NDArray[np.float32],
    truth: _Mask,
    classes: Sequence[str],
    thresholds: Thresholds,
) -> list[Miss]:
    """What went wrong with the regions of one image: defects that no region touches, and regions that touch none.

    Args:
        row: Number of the image.
        heat: (C, H, W) how probable each type is at each pixel.
        truth: (C, H, W) where each type was drawn.
        classes: The C types.
        thresholds: (C,) heat from which a pixel is said to be of the type.
    """
    said = heat >= np.asarray(thresholds, np.float64)[:, None, None]
    anywhere, defective = np.asarray(said.any(axis=0)), np.asarray(truth.any(axis=0))
    wrong = []
    for mask, name in zip(truth, classes, strict=True):
        true = Instances.of(mask)
        missed = np.flatnonzero(~true.touched(anywhere))
        wrong += [Miss(row, "missed", _corners(true.corners[k]), name, float(true.areas[k])) for k in missed]
    regions, hottest = Instances.of(anywhere), np.where(said, heat, -np.inf)
    peaks = np.array([regions.peaks(one) for one in hottest]).reshape(len(classes), -1)
    for number in np.flatnonzero(~regions.touched(defective)):
        name = classes[int(peaks[:, number].argmax())]
        wrong.append(Miss(row, "invented", _corners(regions.corners[number]), name, float(peaks[:, number].max())))
    return wrong


def _corners(row: NDArray[np.floating] | NDArray[np.int64]) -> _Corners:
    x1, y1, x2, y2 = (float(value) for value in row)
    return x1, y1, x2, y2


def chosen(misses: Iterable[Miss], most: int = _MOST) -> list[Miss]:
    """The worst of each kind, as many of each where there are so many: the largest missed, and the surest found."""
    ranked = sorted(misses, key=lambda miss: -miss.weight)
    by_kind = [[miss for miss in ranked if miss.kind == kind] for kind in _KINDS]
    in_turn = [miss for miss in chain(*zip_longest(*by_kind)) if miss is not None]
    return sorted(in_turn[:most], key=lambda miss: _KINDS.index(miss.kind))


def draw(
    misses: Sequence[Miss],
    read: Callable[[int], _Image],
    marks: Callable[[int], Marks],
    template: Callable[[int], _Image | None] | None = None,
) -> Figure:
    """Draws up to 24 crops, the worst of each kind first.

    Args:
        misses: All that went wrong on the part.
        read: Gives the frame of an image by its number, RGB, uint8 (H, W, 3).
        marks: Gives what is drawn over it.
        template: Gives its defect-free picture at the frame's size, or None where it has none; leave it out where none
            has.
    """
    shown = chosen(misses)
    columns = 6 if template is None else 3
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(13.2, 2.6 * rows + 0.6), layout="constrained")
    figure.suptitle(_title(misses, len(shown)), fontsize=12)
    for axes, miss in zip(figure.subplots(rows, columns, squeeze=False).flat, shown, strict=False):
        beside = None if template is None else template(miss.row)
        axes.imshow(crop(miss, read(miss.row), marks(miss.row), beside))
        axes.set_title(miss.title, fontsize=8, color=_INK if miss.kind == "misnamed" else _NG)
    for axes in figure.axes:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def _title(misses: Sequence[Miss], shown: int) -> str:
    counts = [(kind, sum(miss.kind == kind for miss in misses)) for kind in _KINDS]
    told = ", ".join(f"{count:,} {kind}" for kind, count in counts if count) or "nothing missed, nothing invented"
    worst = "; the worst of each" if shown < len(misses) else ""
    return f"{told}{worst} (true green, found red)" if misses else told


def crop(miss: Miss, frame: _Image, marks: Marks, template: _Image | None = None) -> _Image:
    """What was missed or invented with its surroundings and marks, RGB; the same place of the template on its right."""
    x, y, width, height = _window(miss.corners, frame.shape[1], frame.shape[0])
    scale = _SIDE / max(width, height)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    picture = image.resize(np.ascontiguousarray(frame[y : y + height, x : x + width]), *size)
    both = (marks.true, marks.true_mask, _TRUE, _NEAR), (marks.found, marks.found_mask, _FOUND, _FAR)
    for boxes, mask, colour, away in both:
        if mask is not None:
            _outline(picture, mask[y : y + height, x : x + width], colour, away)
        for corners in boxes.corners:
            _box(picture, (corners - (x, y, x, y)) * scale, colour, away)
    _brackets(picture, (np.array(miss.corners) - (x, y, x, y)) * scale)
    if template is None:
        return picture
    beside = image.resize(np.ascontiguousarray(template[y : y + height, x : x + width]), *size)
    return np.hstack([picture, np.full((size[0], 6, 3), 255, np.uint8), beside])


def _window(corners: _Corners, width: int, height: int) -> tuple[int, int, int, int]:
    """x, y, width and height of the square around a box, moved into the frame, and cut where that is smaller."""
    x1, y1, x2, y2 = corners
    side = round(max(_SMALLEST, _CONTEXT * max(x2 - x1, y2 - y1)))
    wide, high = min(side, width), min(side, height)
    x, y = round((x1 + x2 - wide) / 2), round((y1 + y2 - high) / 2)
    return min(max(x, 0), width - wide), min(max(y, 0), height - high), wide, high


def _outline(picture: _Image, mask: _Mask, colour: _Colour, away: int) -> None:
    """Draws a line some pixels outside a mask of the crop over the picture, which may be larger."""
    height, width = picture.shape[:2]
    shown = (image.resize(mask.astype(np.uint8) * 255, height, width) > 127).astype(np.uint8)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * away + 1, 2 * away + 1))
    outlines, _ = cv2.findContours(cv2.dilate(shown, disk), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    for line, thickness in ((_BLACK, 4), (colour, 2)):
        cv2.drawContours(picture, outlines, -1, line, thickness, cv2.LINE_AA)


def _box(picture: _Image, corners: NDArray[np.floating], colour: _Colour, away: int) -> None:
    """Draws a box some pixels outside itself, so that neither the defect nor another box on it is hidden."""
    x1, y1, x2, y2 = _around(corners, away)
    for line, thickness in ((_BLACK, 4), (colour, 2)):
        cv2.rectangle(picture, (x1, y1), (x2, y2), line, thickness, cv2.LINE_AA)


def _brackets(picture: _Image, corners: NDArray[np.floating]) -> None:
    """Draws the four corners of a box around what the crop shows, since other defects may lie beside it."""
    x1, y1, x2, y2 = _around(corners, _FARTHEST)
    arm = max(4, min(12, (x2 - x1) // 4, (y2 - y1) // 4))
    for line, thickness in ((_BLACK, 4), (_SHOWN, 2)):
        for x, y, right, down in ((x1, y1, arm, arm), (x2, y1, -arm, arm), (x1, y2, arm, -arm), (x2, y2, -arm, -arm)):
            points = np.array([(x + right, y), (x, y), (x, y + down)], np.int32)
            cv2.polylines(picture, [points], False, line, thickness, cv2.LINE_AA)


def _around(corners: NDArray[np.floating], away: int) -> list[int]:
    return [int(value) for value in np.rint(corners + np.array([-away, -away, away, away]))]
