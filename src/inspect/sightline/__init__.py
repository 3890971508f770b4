"""Sightline: from a folder of product images to a verdict on the production line.

Importing this package is light: no torch, no OpenCV. It only sets the limit on decoded image size, because OpenCV
reads it once, when it is first imported: a 110 KB PNG can otherwise claim gigabytes of memory.
"""

import os
from importlib.metadata import PackageNotFoundError, version

MAX_IMAGE_PIXELS = 2**28
"""Largest image that is decoded, in pixels (268 million: line-scan frames fit, decompression bombs do not)."""

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_IMAGE_PIXELS))

try:
    __version__ = version("sightline")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0.0.0"

__all__ = ["MAX_IMAGE_PIXELS", "__version__"]
