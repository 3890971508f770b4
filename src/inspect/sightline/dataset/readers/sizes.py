"""How large an image is, told without decoding it where its header tells."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from sightline import image
from sightline.errors import ImageError

_ORIENTATION = 0x0112  # EXIF: with 5 to 8 the picture is turned by a quarter when it is decoded


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of an image as it is when decoded, in pixels; zeros if it cannot be decoded."""
    try:
        with PIL.Image.open(path) as header:
            turned = header.getexif().get(_ORIENTATION, 1) >= 5
            return (header.height, header.width) if turned else (header.width, header.height)
    except (OSError, ValueError, SyntaxError, PIL.Image.DecompressionBombError):
        try:
            height, width = image.read(path).shape[:2]
        except ImageError:
            return 0, 0
        return width, height
