"""Whether the region of interest and what is ignored fit the images, or the templates that those are aligned to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from sightline.config import Preprocess
from sightline.dataset.check.found import Found
from sightline.dataset.check.rows import counted, listed
from sightline.dataset.fitting import region_fault


def faults(found: Found) -> Iterator[str]:
    """Images that do not hold the region of interest, or of which nothing is left, and templates likewise."""
    if not _stated(found):
        return
    images = _by_size(found)
    for shape, paths in images.items():
        if reason := _fault(found, shape):
            count = counted(len(paths), "image cannot", "images cannot")
            yield f"{count} be inspected: {reason}: {listed(paths)}; change input.roi or input.ignore"
    for name, shape in _variants(found).items():
        if shape not in images and (reason := _fault(found, shape)):
            yield (
                f"no image of the variant {name} can be inspected: {reason} in its template; change input.roi or "
                "input.ignore"
            )


def doubts(found: Found) -> Iterator[str]:
    """Regions that lie elsewhere than they seem to."""
    spec = found.preprocess
    if spec is None or not _stated(found):
        return
    images = _by_size(found)
    shapes = {*images, *_variants(found).values()}
    for number, outline in enumerate(spec.ignore):
        x, y = np.array(outline).min(axis=0)
        beside = [shape for shape in shapes if x >= shape[1] or y >= shape[0]]
        if beside and len(beside) == len(shapes):
            sizes = listed([f"{width} x {height}" for height, width in sorted(beside)])
            what = "images" if spec.align is None else "templates"
            yield f"input.ignore.{number} lies wholly outside of the {what} ({sizes}), so that nothing is ignored by it"
    if spec.align is None and len(images) > 1:
        sizes = listed([f"{w} x {h} ({len(paths):,})" for (h, w), paths in sorted(images.items())])
        names = " and ".join(name for name, given in (("input.roi", spec.roi), ("input.ignore", spec.ignore)) if given)
        yield (
            f"images are of several sizes: {sizes}; {names}, in pixels from the top left, may show another place of "
            "the part on each: take images of one size, or align them to a template (input.align)"
        )


def _stated(found: Found) -> bool:
    spec = found.preprocess
    return spec is not None and (spec.roi is not None or bool(spec.ignore))


def _fault(found: Found, shape: tuple[int, int]) -> str:
    return region_fault(shape, found.preprocess or Preprocess())


def _variants(found: Found) -> Mapping[str, tuple[int, int]]:
    """Variant -> height and width in which regions are cut out; none where frames are not aligned."""
    aligned = found.preprocess is not None and found.preprocess.align is not None
    return found.templates.variants if aligned and found.templates else {}


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
