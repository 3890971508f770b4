"""Whether each image has a template, and one that fits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sightline import image
from sightline.config import Preprocess
from sightline.config.template import Template
from sightline.dataset.check.rows import by, counted, listed
from sightline.dataset.views import variant_files, variant_of
from sightline.errors import ImageError
from sightline.index import Index, Sample

_OWN = "name each image's own in a column (data.reader.template_column), or the variants' in template.variants"
_NAMED = "name each image's variant in a column (data.reader.variant_column)"


@dataclass(frozen=True, eq=False)
class Pairing:
    """What was found of the images' templates.

    Attributes:
        lacking: Why an image has none, and what to do -> the images.
        unreadable: Why a file cannot be read, one each.
        sizes: Path of an image -> height and width of its template, where that is known.
        misfits: Images of another size than their template, each with both sizes; none where they are aligned.
    """

    lacking: Mapping[str, list[Sample]]
    unreadable: tuple[str, ...]
    sizes: Mapping[str, tuple[int, int]]
    misfits: tuple[str, ...]


def of(index: Index, preprocess: Preprocess, template: Template) -> Pairing:
    """Looks for the template of each image, as the edge would choose it, and into each file once."""
    variants = variant_files(template)
    choices = {s.path: _file(s, index, template, variants, aligned=preprocess.align is not None) for s in index.samples}
    files = sorted({choice for choice in choices.values() if isinstance(choice, Path)} | {*variants.values()})
    with ThreadPoolExecutor() as pool:
        found = dict(zip(files, pool.map(_size, files), strict=True))
    sizes = {
        path: size
        for path, choice in choices.items()
        if isinstance(choice, Path) and isinstance(size := found[choice], tuple)
    }
    misfits = [
        f"{s.path} is {s.width} x {s.height} pixels, its template {size[1]} x {size[0]}"
        for s in index.samples
        if (size := sizes.get(s.path, (s.height, s.width))) != (s.height, s.width)
    ]
    return Pairing(
        lacking=by((choice, s) for s in index.samples if isinstance(choice := choices[s.path], str)),
        unreadable=tuple(f"{file}: {reason}" for file, reason in found.items() if isinstance(reason, str)),
        sizes=sizes,
        misfits=() if preprocess.align else tuple(misfits),
    )


def faults(found: Pairing) -> Iterator[str]:
    """What keeps images and templates from being brought together."""
    if found.unreadable:
        yield f"templates cannot be read: {listed(found.unreadable)}"
    for reason, rows in found.lacking.items():
        count = counted(len(rows), "image has", "images have")
        yield f"{count} no template: {listed([s.path for s in rows])}; {reason}"
    if found.misfits:
        count = counted(len(found.misfits), "image differs", "images differ")
        yield f"{count} in size from the template: {listed(found.misfits)}; input.align brings them together"


def _file(
    sample: Sample, index: Index, template: Template, variants: Mapping[str, Path], *, aligned: bool
) -> Path | str | None:
    """The file of an image's template, why there is none, or None where it is chosen by fitting.

    The order is that of `sightline.image.Templates`.
    """
    variant = variant_of(sample)
    if sample.template is not None:
        return index.root / sample.template
    if variant:
        known = ", ".join(variants) or "none"
        return variants.get(variant) or f"there is none of the variant {variant}; template.variants has {known}"
    if not variants:
        return _OWN
    if len(variants) == 1:
        return next(iter(variants.values()))
    return None if template.choose == "match" and aligned else _NAMED


def _size(file: Path) -> tuple[int, int] | str:
    """Height and width of a picture, or why it cannot be read."""
    try:
        height, width = image.read(file).shape[:2]
    except ImageError as error:
        return error.message.removeprefix(f"{file.name}: ")
    return height, width
