"""From frames to what the model says about them: brought into place, cut into tiles where they are large, and back.

The same code reads at the edge and in evaluation, where the trained network stands in for the exported model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.boxes import Boxes
from sightline.config import Preprocess
from sightline.errors import ImageError
from sightline.image import Blend, Place, Templates, View, Window
from sightline.image.templates import is_itself
from sightline.runtime.looked import Link, boxes_looked_at, maps_looked_at
from sightline.runtime.session import Answer
from sightline.verdict import Frame

Model = Callable[[NDArray[np.uint8], NDArray[np.uint8] | None], Answer]
"""Frames uint8 (B, H, W, 3), and templates likewise or None, to an answer."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the model said about one frame.

    Attributes:
        scores: float32 (C,), calibrated probability per defect type.
        maps: float32 (C, h, w), where, over the canvas of `place`.
        boxes: In pixels of the frame; None of a model that gives no boxes.
        place: Where the frame lies on the canvas.
    """

    scores: NDArray[np.float32]
    maps: NDArray[np.float32]
    boxes: Boxes | None
    place: Place

    @property
    def looked_at(self) -> NDArray[np.bool_]:
        """(h, w) whether somebody looks at each cell of the maps."""
        cells = self.maps.shape[1], self.maps.shape[2]
        hidden = self.place.hidden_cells(cells)
        return np.ones(cells, bool) if hidden is None else ~hidden


class Reader:
    """Shows frames to a model.

    Args:
        model: Keeps the contract.
        spec: What frames go through.
        templates: The templates of variants; None if the product has none.
        pair: Whether the model takes a template beside each frame; if not, templates serve to align alone.
        link: How the model's scores follow from its maps; None if they do not.
    """

    def __init__(
        self,
        model: Model,
        spec: Preprocess,
        templates: Templates | None = None,
        *,
        pair: bool = False,
        link: Link | None = None,
    ) -> None:
        self._model, self._spec, self._templates, self._pair, self._link = model, spec, templates, pair, link

    def read(self, frames: Sequence[Frame]) -> list[Reading]:
        """What the model says about several frames, run as one batch, or tile by tile; nothing where nobody looks.

        Raises:
            ImageError: A frame is not fit to be inspected, its template is missing or the frame itself, or there
                is use for none.
            BundleError: The model failed.
        """
        if not frames:
            return []
        views = [self.view(frame) for frame in frames]
        if self._spec.tiles is not None:
            return [self._tiled(view) for view in views]
        answer = self._ask([view.image for view in views], [view.template for view in views])
        return [self._reading(answer, row, view) for row, view in enumerate(views)]

    def view(self, frame: Frame) -> View:
        """The frame as the model is to see it.

        Raises:
            ImageError: As `read`.
        """
        if self._templates is None:
            _refuse_template(frame)
            return image.view(frame.image, self._spec)
        _refuse_itself(frame)
        template, registration = self._templates.of(frame.image, own=frame.template, variant=frame.variant)
        return image.view(frame.image, self._spec, template, registration=registration)

    def _ask(self, images: Sequence[NDArray[np.uint8]], templates: Sequence[NDArray[np.uint8] | None]) -> Answer:
        given = [template for template in templates if template is not None] if self._pair else []
        return self._model(np.stack(images), np.stack(given) if given else None)

    def _reading(self, answer: Answer, row: int, view: View) -> Reading:
        boxes = None if answer.boxes is None else Boxes.of_rows(answer.boxes[row])
        return self._looked_at(answer.scores[row], answer.maps[row], boxes, view.place)

    def _looked_at(
        self, scores: NDArray[np.float32], maps: NDArray[np.float32], boxes: Boxes | None, place: Place
    ) -> Reading:
        """What was said, with boxes in pixels of the canvas, as a reading of what is looked at."""
        if boxes is not None:
            scores, found = boxes_looked_at(scores, boxes, place)
            boxes = Boxes(place.corners_to_frame(found.corners), found.scores, found.classes)
        elif self._link is not None:
            scores, maps = maps_looked_at(scores, maps, place, self._link)
        return Reading(scores, maps, boxes, place)

    def _tiled(self, view: View) -> Reading:
        """Reads a large frame tile by tile, some at a time, and brings the answers together."""
        tile, overlap = (self._spec.height, self._spec.width), self._spec.tiles.overlap if self._spec.tiles else 0
        shape = view.place.canvas
        windows = image.plan(shape, tile, overlap)
        blend: Blend | None = None
        stride = 1
        scores, parts = list[NDArray[np.float32]](), list[tuple[Window, Boxes]]()
        for start in range(0, len(windows), self._spec.batch):
            some = windows[start : start + self._spec.batch]
            cuts = [image.cut(view.image, window, tile) for window in some]
            template = view.template
            beside = [None if template is None else image.cut(template, window, tile) for window in some]
            answer = self._ask(cuts, beside)
            stride = tile[0] // answer.maps.shape[2]
            blend = blend or Blend(shape, tile, overlap, stride)
            scores.append(answer.scores)
            for row, window in enumerate(some):
                blend.add(window, answer.maps[row])
                if answer.boxes is not None:
                    parts.append((window, Boxes.of_rows(answer.boxes[row])))
        boxes = image.merge(parts, tile, shape) if parts else None
        maps = blend.maps() if blend else np.zeros((0, 1, 1), np.float32)
        covered = (maps.shape[1] * stride, maps.shape[2] * stride)
        # Where tiles overlap, the peak of one of them alone is lost: the score is that of the map that defects lie on.
        of_frame = np.concatenate(scores).max(0) if self._link is None else self._link.scores(maps.max((1, 2)))
        return self._looked_at(of_frame, maps, boxes, replace(view.place, covered=covered))


def _refuse_template(frame: Frame) -> None:
    """Refuses a template or variant that would not be looked at: whoever gave it relies on it."""
    if frame.template is not None or frame.variant:
        got = "a template" if frame.template is not None else f"the variant {frame.variant!r}"
        raise ImageError(f"the model takes no templates: expected a frame alone, got one with {got}")


def _refuse_itself(frame: Frame) -> None:
    """Refuses a frame that came with itself as its template."""
    if frame.template is not None and is_itself(frame.image, frame.template):
        raise ImageError(
            "the template is the frame itself, pixel by pixel: expected another picture, of a part without a defect"
        )
