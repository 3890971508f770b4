"""THE preprocessing: from a file or camera buffer to the model's input, the same code in training and at the edge.

Everything here is numpy and OpenCV. Normalisation is not here: it lives in the model's graph.
"""

from sightline.config.tiles import TILE_STEP
from sightline.image.canvas import Place, corners_of, place
from sightline.image.files import (
    LARGEST_FILE,
    SUFFIXES,
    decode,
    decode_raw,
    png,
    read,
    read_bytes,
    read_mask,
    read_values,
    to_rgb,
)
from sightline.image.outlines import outline, outlines
from sightline.image.preprocess import PAD_GREY, content, evened, fill, fitted, region, resize, unseen
from sightline.image.register import Registration, back, best, register, warp
from sightline.image.templates import Templates
from sightline.image.tiles import Blend, Window, cut, merge, plan
from sightline.image.views import View, view

__all__ = [
    "LARGEST_FILE",
    "PAD_GREY",
    "SUFFIXES",
    "TILE_STEP",
    "Blend",
    "Place",
    "Registration",
    "Templates",
    "View",
    "Window",
    "back",
    "best",
    "content",
    "corners_of",
    "cut",
    "decode",
    "decode_raw",
    "evened",
    "fill",
    "fitted",
    "merge",
    "outline",
    "outlines",
    "place",
    "plan",
    "png",
    "read",
    "read_bytes",
    "read_mask",
    "read_values",
    "region",
    "register",
    "resize",
    "to_rgb",
    "unseen",
    "view",
    "warp",
]
