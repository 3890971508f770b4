"""From a data section to an index that can be trained on: read, scan, group, split, check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from sightline.config import Preprocess
from sightline.config.localise import Localise
from sightline.config.recipe import Data, Recipe
from sightline.config.template import Template
from sightline.dataset import readers
from sightline.dataset.check import check, templates
from sightline.dataset.duplicates import group
from sightline.dataset.report import CheckReport
from sightline.dataset.scan import Scan, file_digest, scan
from sightline.dataset.split import split
from sightline.dataset.views import variant_files
from sightline.errors import DataError
from sightline.index import Index
from sightline.runs import Progress, silent


@dataclass(frozen=True)
class Prepared:
    """Images ready for training, and what a person should know about them.

    Attributes:
        index: Digests, size, group and part filled in; without images that cannot be read or do not fit their template.
        report: Its errors say why training would be pointless.
        data: The recipe's section, with the layout that the images were read by.
    """

    index: Index
    report: CheckReport
    data: Data


def settled(data: Data) -> Data:
    """The section with its layout: as stated, or told by looking at the folder.

    Raises:
        DataError: It is not stated and cannot be told.
    """
    if "reader" in data.model_fields_set or not data.root.is_dir():
        return data
    return data.model_copy(update={"reader": readers.detect(data.root)})


def of_recipe(recipe: Recipe, *, progress: Progress) -> Prepared:
    """Prepares the images of a recipe as its task needs them; see `prepare`.

    Raises:
        ConfigError: A transform of a recipe that learns where defects are does not move what is marked.
        DataError: As `prepare`.
    """
    if recipe.dense and recipe.augment:
        from sightline.dataset.augment import Pipeline  # noqa: PLC0415 - it takes seconds to import

        Pipeline.of_recipe(recipe)
    return prepare(
        recipe.data,
        recipe.input,
        one_class=recipe.one_class,
        defects_teach=recipe.defects_teach,
        localise=recipe.localise if recipe.dense else None,
        outlined=recipe.task == "segment",
        template=recipe.template,
        progress=progress,
    )


def prepare(
    data: Data,
    preprocess: Preprocess | None = None,
    *,
    one_class: bool = False,
    defects_teach: bool = True,
    localise: Localise | None = None,
    outlined: bool = False,
    template: Template | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Reads, scans, groups, splits and checks.

    Args:
        data: The recipe's section.
        preprocess: The model's input, to compare sizes and depths with; the images are not changed.
        one_class: Whether good parts are learned, and no types of defect (tasks ``anomaly`` and ``compare``).
        defects_teach: Whether defects are learned from; if not, they are kept for measuring.
        localise: The recipe's section if it is learned where defects are, to judge what is marked.
        outlined: Whether it is learned which pixels show a defect (task ``segment``).
        template: The recipe's section if its images have templates, to look for them; images that are to be registered
            to them and cannot are left out.
        progress: Told the stage, and how many of how many images are done.

    Raises:
        DataError: There is no image, none can be read or none fits its template, or the layout is not what the reader
            expects.
    """
    data = settled(data)
    variants = {name: file_digest(file) for name, file in variant_files(template).items()}
    index = readers.read(data).model_copy(update={"templates": variants})
    scanned = _usable(index, data, preprocess or Preprocess(), template, progress)
    grouped = group(scanned.samples, scanned.thumbnails, data.split.near_duplicates)
    divided = index.with_samples(split(grouped, data.split, one_class=one_class, defects_teach=defects_teach))
    report = check(
        divided,
        scanned,
        data,
        preprocess,
        one_class=one_class,
        defects_teach=defects_teach,
        localise=localise,
        outlined=outlined,
        template=template,
        left_out=readers.left_out(data),
    )
    return Prepared(divided, report, data)


def _usable(index: Index, data: Data, preprocess: Preprocess, template: Template | None, progress: Progress) -> Scan:
    """What the files hold, without those that cannot be read or do not fit their template."""
    scanned = scan(index, progress=partial(progress, "read images"))
    hint = "Is data.root the folder of the images, and data.reader their layout?"
    _refuse_none(scanned, f"none of {len(index.samples)} images in {data.root} can be read", scanned.unreadable, hint)
    if template is not None:
        registering = partial(progress, "register images")
        unfit = templates.unfit(index.with_samples(scanned.samples), preprocess, template, progress=registering)
        scanned = scanned.without(unfit)
        _refuse_none(scanned, f"none of {len(unfit)} images fits its template", unfit, "See input.align and template.")
    return scanned


def _refuse_none(scanned: Scan, message: str, reasons: Mapping[str, str], hint: str) -> None:
    if not scanned.files:
        listed = "\n".join(f"  {path}: {reason}" for path, reason in list(reasons.items())[:5])
        raise DataError(f"{message}:\n{listed}", hint=hint)
