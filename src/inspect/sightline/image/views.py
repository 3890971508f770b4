"""One frame as the model is to see it, with its template, and where it came to lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightline.config import Preprocess
from sightline.errors import ImageError
from sightline.image.canvas import Place, place
from sightline.image.preprocess import evened, fitted, region
from sightline.image.register import Registration, register, warp

_Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class View:
    """A frame on the canvas: the model's input, or, where frames are cut into tiles, the region at its own scale.

    Attributes:
        image: RGB, uint8 (h, w, 3).
        template: The template on the same canvas; None if there is none.
        place: Where the frame lies in it.
    """

    image: _Image
    template: _Image | None
    place: Place


def view(
    frame: _Image, spec: Preprocess, template: _Image | None = None, *, registration: Registration | None = None
) -> View:
    """Registers, cuts out and fits a frame, and its template with it.

    Args:
        frame: RGB, uint8 (H, W, 3).
        spec: What is done to it.
        template: Its template, RGB, uint8; needed if the frame is to be registered.
        registration: How it is registered, if that was found before.

    Raises:
        ImageError: The frame cannot be registered, the template has another size, or the frame does not hold the region
            of interest.
    """
    shape = (frame.shape[0], frame.shape[1])
    if spec.align is not None:
        if template is None:
            raise ImageError("expected a template to register the frame to, got none")
        registration = registration or register(frame, template, spec.align, spec)
        frame = warp(frame, template, registration)
    elif template is not None and template.shape != frame.shape:
        raise ImageError(
            f"expected a template of the frame's {shape[1]} x {shape[0]} pixels, got {template.shape[1]} x "
            f"{template.shape[0]}; input.align would bring them together"
        )
    upright = (frame.shape[0], frame.shape[1])
    placed = place(shape, spec, upright=upright, registration=registration)
    return View(_shown(frame, spec), None if template is None else _shown(template, spec), placed)


def _shown(picture: _Image, spec: Preprocess) -> _Image:
    cut = region(picture, spec)
    return evened(cut, spec.light) if spec.tiles else fitted(cut, spec)
