"""Whether the region of interest and what is ignored fit the images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sightline import image
from sightline.dataset.check.found import Found
from sightline.dataset.check.rows import counted, listed
from sightline.errors import ImageError


def faults(found: Found) -> Iterator[str]:
    """Images that do not hold the region of interest, or of which nothing is left."""
    spec = found.preprocess
    if spec is None or (spec.roi is None and not spec.ignore):
        return
    for shape, paths in _by_size(found).items():
        try:
            image.unseen(shape, spec)
        except ImageError as error:
            count = counted(len(paths), "image cannot", "images cannot")
            yield f"{count} be inspected: {error.message}: {listed(paths)}; change input.roi or input.ignore"


def _by_size(found: Found) -> dict[tuple[int, int], list[str]]:
    """Height and width in which regions are cut out -> images; that is the template's where they are aligned to it."""
    aligned = found.preprocess is not None and found.preprocess.align is not None
    sizes = found.templates.sizes if aligned and found.templates else {}
    paths: dict[tuple[int, int], list[str]] = defaultdict(list)
    for sample in found.index.samples:
        own = None if aligned else (sample.height, sample.width)
        shape = sizes.get(sample.path, own)
        if shape is not None:
            paths[shape].append(sample.path)
    return paths
