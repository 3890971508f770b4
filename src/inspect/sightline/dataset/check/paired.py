"""Whether images and their templates can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sightline import image
from sightline.dataset.check.found import Found
from sightline.dataset.check.rows import counted, listed
from sightline.dataset.scan import Scanned
from sightline.dataset.views import variant_files
from sightline.errors import ImageError
from sightline.image.templates import is_itself
from sightline.index import Index


def faults(found: Found) -> Iterator[str]:
    """What keeps images and templates from being brought together."""
    templates = found.templates
    if templates is None:
        return
    if templates.unreadable:
        yield f"templates cannot be read: {listed(templates.unreadable)}"
    for reason, rows in templates.lacking.items():
        count = counted(len(rows), "image has", "images have")
        yield f"{count} no template: {listed([s.path for s in rows])}; {reason}"
    if templates.misfits:
        count = counted(len(templates.misfits), "image differs", "images differ")
        yield f"{count} in size from the template: {listed(templates.misfits)}; input.align brings them together"
    themselves = _themselves(found)
    if themselves:
        count = counted(len(themselves), "image is its own template", "images are their own templates")
        yield (
            f"{count}, or a copy of it, so that nothing could differ: {listed(themselves)}; expected another "
            "picture, of a part without a defect"
        )


def doubts(found: Found) -> Iterator[str]:
    """Variants among which no frame could be matched."""
    templates, spec = found.templates, found.preprocess
    if templates is None or spec is None or spec.align is None or templates.unreadable:
        return
    if templates.settings.choose == "name" or len(templates.variants) < 2:
        return
    pictures = {n: image.read(file, bits=spec.bits) for n, file in variant_files(templates.settings).items()}
    reasons = []
    for name, picture in pictures.items():
        try:
            image.best(picture, pictures, spec.align)
        except ImageError as error:
            reasons.append(f"{name} ({error.message})")
    if reasons:
        count = counted(len(reasons), "variant", "variants")
        yield f"{count} cannot be told by what fits best: {listed(reasons)}"


def _themselves(found: Found) -> list[str]:
    """Images that came with themselves as templates, in whatever file."""
    frames = {file.sample.path: file for file in found.scan.files}
    beside = found.templates.own if found.templates else {}
    bits = found.preprocess.bits if found.preprocess else 16
    return [
        s.path
        for s in found.index.samples
        if s.template == s.path
        or (s.path in beside and _copied(frames[s.path], beside[s.path], found.index, bits=bits))
    ]


def _copied(frame: Scanned, template: Scanned, index: Index, *, bits: int) -> bool:
    """Whether a template is its frame, pixel by pixel; decoded are only those that look alike in small."""
    if frame.depth == template.depth and not np.array_equal(frame.thumbnail, template.thumbnail):
        return False
    try:
        pictures = [image.read(file, bits=bits) for file in (index.file(frame.sample), Path(template.sample.path))]
    except ImageError:  # which is an error of its own
        return False
    return is_itself(*pictures)
