"""Which template each image has, and which images do not fit theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sightline.config import Preprocess
from sightline.config.template import Template
from sightline.dataset.check.rows import by
from sightline.dataset.fitting import refused, region_fault
from sightline.dataset.scan import Progress, Scan, Scanned, scan
from sightline.dataset.views import Views, variant_files, variant_of
from sightline.index import Index, Sample

_OWN = "name each image's own in a column (data.reader.template_column), or the variants' in template.variants"
_NAMED = "name each image's variant in a column (data.reader.variant_column)"


@dataclass(frozen=True, eq=False)
class TemplatesFound:
    """What was found of the images' templates.

    Attributes:
        settings: The recipe's section.
        lacking: Why an image has none, and what to do -> the images.
        unreadable: Why a file cannot be read, one each.
        sizes: Path of an image -> height and width of its template, where that is known.
        misfits: Images of another size than their template, each with both sizes; none where they are aligned.
        variants: Variant -> height and width of its template.
        own: Path of an image -> what the file of the template holds that came with it.
    """

    settings: Template
    lacking: Mapping[str, list[Sample]]
    unreadable: tuple[str, ...]
    sizes: Mapping[str, tuple[int, int]]
    misfits: tuple[str, ...]
    variants: Mapping[str, tuple[int, int]]
    own: Mapping[str, Scanned]


def of(index: Index, preprocess: Preprocess, template: Template) -> TemplatesFound:
    """Looks for the template of each image, as the edge would choose it, and into each file once."""
    variants = variant_files(template)
    choices = {s.path: _file(s, index, template, variants, aligned=preprocess.align is not None) for s in index.samples}
    looked = _looked_into({choice for choice in choices.values() if isinstance(choice, Path)} | {*variants.values()})
    read = {Path(file.sample.path): file for file in looked.files}
    held = {name: _shape(read[file]) for name, file in variants.items() if file in read}
    sizes = {path: size for path, choice in choices.items() if (size := _size(choice, read, held)) is not None}
    misfits = [
        f"{s.path} is {s.width} x {s.height} pixels, its template {size[1]} x {size[0]}"
        for s in index.samples
        if (size := sizes.get(s.path, (s.height, s.width))) != (s.height, s.width)
    ]
    return TemplatesFound(
        settings=template,
        lacking=by((choice, s) for s in index.samples if isinstance(choice := choices[s.path], str)),
        unreadable=tuple(f"{file}: {reason}" for file, reason in looked.unreadable.items()),
        sizes=sizes,
        misfits=() if preprocess.align else tuple(misfits),
        variants=held,
        own={s.path: read[file] for s in index.samples if s.template and (file := index.root / s.template) in read},
    )


def unfit(
    index: Index, preprocess: Preprocess, template: Template, *, progress: Progress | None = None
) -> dict[str, str]:
    """Registers the images that have a template: path -> why, of those that cannot be brought into its place.

    Images without a template, or with one that does not hold the region of interest, are passed over, and all of them
    where a template cannot be read: those are errors of their own.

    Args:
        index: Images that can be read.
        preprocess: Says whether, and how, they are registered.
        template: The recipe's section.
        progress: Told how many of how many images are done.
    """
    if preprocess.align is None:
        return {}
    found = of(index, preprocess, template)
    if found.unreadable:
        return {}
    wrong = {sample.path for rows in found.lacking.values() for sample in rows}
    of_any = tuple(found.variants.values())  # where it is chosen by fitting, each is tried
    rows = [
        sample
        for sample in index.samples
        if sample.path not in wrong
        and not any(
            region_fault(size, preprocess)
            for size in ([found.sizes[sample.path]] if sample.path in found.sizes else of_any)
        )
    ]
    views = Views.of_recipe(index, preprocess, template)
    return refused(views, rows, progress=progress)


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


def _looked_into(files: Iterable[Path]) -> Scan:
    """What the files of templates hold, each under its path."""
    return scan(Index.build(Path(), [Sample(path=str(file)) for file in files]))


def _shape(file: Scanned) -> tuple[int, int]:
    """Height and width."""
    return file.sample.height, file.sample.width


def _size(
    choice: Path | str | None, read: Mapping[Path, Scanned], variants: Mapping[str, tuple[int, int]]
) -> tuple[int, int] | None:
    """Height and width of an image's template: where it is chosen by fitting, if all are of one size."""
    if choice is None:
        sizes = set(variants.values())
        return sizes.pop() if len(sizes) == 1 else None
    return _shape(read[choice]) if isinstance(choice, Path) and choice in read else None
