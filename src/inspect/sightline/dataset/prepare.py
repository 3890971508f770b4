"""From a data section to an index that can be trained on: read, scan, group, split, check."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.config import Preprocess
from sightline.config.localise import Localise
from sightline.config.recipe import Data, Recipe
from sightline.config.template import Template
from sightline.dataset import readers
from sightline.dataset.check import check
from sightline.dataset.duplicates import group
from sightline.dataset.report import CheckReport
from sightline.dataset.scan import Progress, scan
from sightline.dataset.split import split
from sightline.errors import DataError
from sightline.index import Index
from sightline.runs import Progress as StagedProgress


@dataclass(frozen=True)
class Prepared:
    """Images ready for training, and what a person should know about them.

    Attributes:
        index: Digest, size, group and part filled in; unreadable images left out.
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


def of_recipe(recipe: Recipe, *, progress: StagedProgress) -> Prepared:
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
        template=recipe.template,
        progress=lambda done, total: progress("read images", done, total),
    )


def prepare(
    data: Data,
    preprocess: Preprocess | None = None,
    *,
    one_class: bool = False,
    defects_teach: bool = True,
    localise: Localise | None = None,
    template: Template | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Reads, scans, groups, splits and checks.

    Args:
        data: The recipe's section.
        preprocess: The model's input, to compare sizes and depths with; the images are not changed.
        one_class: Whether good parts are learned, and no types of defect (tasks ``anomaly`` and ``compare``).
        defects_teach: Whether defects are learned from; if not, they are kept for measuring.
        localise: The recipe's section if it is learned where defects are, to judge what is marked.
        template: The recipe's section if its images have templates, to look for them.
        progress: Told how many of how many images were looked into.

    Raises:
        DataError: There is no image, none can be read, or the layout is not what the reader expects.
    """
    data = settled(data)
    index = readers.read(data)
    scanned = scan(index, progress=progress)
    if not scanned.files:
        reasons = "\n".join(f"  {path}: {reason}" for path, reason in list(scanned.unreadable.items())[:5])
        raise DataError(
            f"none of {len(index.samples)} images in {data.root} can be read:\n{reasons}",
            hint="Is data.root the folder of the images, and data.reader their layout?",
        )
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
        template=template,
        left_out=readers.left_out(data),
    )
    return Prepared(divided, report, data)
