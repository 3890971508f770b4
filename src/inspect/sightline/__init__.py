"""Sightline: from a folder of product images to a verdict on the production line.

Importing this package is light: no torch, no OpenCV. It only sets what libraries read once, when they are
first imported, such as OpenCV's limit on decoded image size: a 110 KB PNG can otherwise claim gigabytes of memory.
"""

import os

MAX_IMAGE_PIXELS = 2**28
"""Largest image that is decoded, in pixels (268 million: line-scan frames fit, decompression bombs do not)."""

os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_IMAGE_PIXELS))

# Read once too, when torch is imported: threads that wait must not spin, or training beside any other work takes
# several times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__: str

__all__ = ["MAX_IMAGE_PIXELS", "__version__"]


def __getattr__(name: str) -> str:
    """Looks the version up when it is first asked for: that costs a tenth of the runtime's start."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - that is the point

    try:
        found = version("sightline")
    except PackageNotFoundError:  # run from a source tree that was never installed
        found = "0.0.0"
    globals()["__version__"] = found
    return found
