"""Which images cannot be brought into the place of their templates, so that the line would not inspect them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from sightline import image
from sightline.config import Preprocess
from sightline.dataset.scan import Progress
from sightline.dataset.views import Views
from sightline.errors import ImageError
from sightline.index import Sample

_MOST_THREADS = 8  # each holds one decoded image


def refused(views: Views, samples: Sequence[Sample], *, progress: Progress | None = None) -> dict[str, str]:
    """Registers images as the edge would, several at a time, and tells which are refused.

    Args:
        views: What images go through, with the templates; where images are not registered, none is refused.
        samples: Images of the views' index.
        progress: Told how many of how many images are done.

    Returns:
        Path -> why.

    Raises:
        DataError: An image was changed since it was scanned.
    """
    if views.spec.align is None:
        return {}
    reasons = dict[str, str]()
    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))  # OpenCV lets other threads run
    try:
        for done, reason in enumerate(pool.map(lambda sample: _why(views, sample), samples), start=1):
            if reason:
                reasons[samples[done - 1].path] = reason
            if progress is not None:
                progress(done, len(samples))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for thousands of images
    return reasons


def region_fault(shape: tuple[int, int], spec: Preprocess) -> str:
    """Why nothing of a picture of this height and width can be inspected; empty if something can."""
    try:
        image.unseen(shape, spec)
    except ImageError as error:
        return error.message
    return ""


def _why(views: Views, sample: Sample) -> str:
    """Why an image is refused; empty if it is not."""
    try:
        views.of(sample)
    except ImageError as error:
        return error.message.removeprefix(f"{sample.path}: ")
    return ""
