"""Pictures of a contact sheet: what is marked is drawn over what the model is shown."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes
from sightline.dataset.marks import UNKNOWN

GAP = 6
"""Pixels between pictures."""

RED, ORANGE, INK = (230, 57, 70), (244, 162, 97), (48, 52, 63)
_PAPER = 222  # light grey, so that the edge of a white picture is seen
_BESIDE = 1  # pixels between a picture and its template
_BAR = 22  # height of a line of text
_HATCH = 8  # pixels from one stroke to the next


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture and what is known of it.

    Attributes:
        image: RGB, uint8 (h, w, 3).
        types: uint8 (h, w), 0 or the number of a type and one; None draws no outlines.
        boxes: In its pixels; None draws none.
        hidden: bool (h, w), where nobody looks; None if all of it is looked at.
        template: What it is compared with, uint8 (h, w, 3), to be shown beside it; None if there is none.
    """

    image: NDArray[np.uint8]
    types: NDArray[np.uint8] | None = None
    boxes: Boxes | None = None
    hidden: NDArray[np.bool_] | None = None
    template: NDArray[np.uint8] | None = None

    def drawn(self, height: int, number: int) -> NDArray[np.uint8]:
        """The picture at another height, with a margin on its left and below.

        Args:
            height: In pixels; the width follows.
            number: The type that is drawn in red; others are orange.
        """
        shown = scaled(self.image, height)
        scale = shown.shape[0] / self.image.shape[0]
        if self.hidden is not None:
            _hatch(shown, self.hidden)
        for value in () if self.types is None else np.unique(self.types):
            if value not in (0, UNKNOWN):
                _outline(shown, self.types == value, scale, RED if value == number + 1 else ORANGE)
        if self.boxes is not None:
            _boxes(shown, self.boxes, scale, number)
        both = [shown] if self.template is None else [shown, scaled(self.template, height)]
        return np.hstack([_framed(one, GAP if place == 0 else _BESIDE) for place, one in enumerate(both)])


def scaled(picture: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
    """A copy at another height, uint8 (h, w, 3); pixels stay squares where it is enlarged."""
    rows, columns = picture.shape[:2]
    width = max(1, round(columns * height / rows))
    if height >= rows:
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8).copy()
    return image.resize(picture, height, width).copy()


def line(pictures: list[NDArray[np.uint8]], text: str) -> NDArray[np.uint8]:
    """Pictures of one height in a row, below a line of text."""
    row = np.hstack(pictures)
    head = np.full((_BAR, row.shape[1], 3), _PAPER, np.uint8)
    plain = text.encode("ascii", "replace").decode()  # OpenCV's letters are ASCII
    cv2.putText(head, plain, (GAP, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return np.vstack([head, row])


def stacked(lines: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Lines below each other, as wide as the widest."""
    width = max(one.shape[1] for one in lines)
    return np.vstack(
        [np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0)), constant_values=_PAPER) for one in lines]
    )


def _hatch(shown: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> None:
    """Strokes over what nobody looks at."""
    height, width = shown.shape[:2]
    covered = cv2.resize(hidden.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    rows, columns = np.ogrid[:height, :width]
    shown[covered & ((rows + columns) % _HATCH < 1)] = INK


def _outline(shown: NDArray[np.uint8], region: NDArray[np.bool_], scale: float, colour: tuple[int, int, int]) -> None:
    found, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    moved = [np.floor((one + 0.5) * scale).astype(np.int32) for one in found]
    cv2.drawContours(shown, moved, -1, colour, 1)


def _boxes(shown: NDArray[np.uint8], boxes: Boxes, scale: float, number: int) -> None:
    for corners, kind in zip(boxes.corners * scale, boxes.classes, strict=True):
        left, top = np.floor(corners[:2]).astype(int).tolist()
        right, bottom = (np.ceil(corners[2:]).astype(int) - 1).tolist()
        cv2.rectangle(shown, (left, top), (right, bottom), RED if kind == number else ORANGE, 1)


def _framed(picture: NDArray[np.uint8], left: int) -> NDArray[np.uint8]:
    return np.pad(picture, ((0, GAP), (left, 0), (0, 0)), constant_values=_PAPER)
