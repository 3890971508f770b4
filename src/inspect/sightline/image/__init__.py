"""THE preprocessing: from a file or camera buffer to the model's input, the same code in training and at the edge.

Everything here is numpy and OpenCV. Normalisation is not here: it lives in the model's graph.
"""

from sightline.image.files import (
    LARGEST_FILE,
    SUFFIXES,
    decode,
    decode_raw,
    png,
    read,
    read_bytes,
    read_mask,
    to_rgb,
)
from sightline.image.preprocess import content, evened, map_to_frame, prepare, resize

__all__ = [
    "LARGEST_FILE",
    "SUFFIXES",
    "content",
    "decode",
    "decode_raw",
    "evened",
    "map_to_frame",
    "png",
    "prepare",
    "read",
    "read_bytes",
    "read_mask",
    "resize",
    "to_rgb",
]
