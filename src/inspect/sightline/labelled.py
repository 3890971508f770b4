"""What a bundle says of labelled images, as the line would have it say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sightline.bundle import Bundle, Manifest
from sightline.bundle.manifest import MODEL, Precision
from sightline.config.recipe import Data
from sightline.dataset import fitting, readers
from sightline.dataset.prepare import Prepared, prepare
from sightline.dataset.views import Views
from sightline.errors import DataError
from sightline.export import tasks
from sightline.export.evaluate import Scored
from sightline.export.sweep import Outputs, Sweeper
from sightline.index import Index, Sample, Split
from sightline.runs import Progress
from sightline.runtime.inspector import templates_of
from sightline.runtime.looked import Link
from sightline.runtime.session import Session
from sightline.workflow import Say


@dataclass(frozen=True, eq=False)
class Answered:
    """Labelled images with what a bundle says of them.

    Attributes:
        bundle: The bundle.
        outputs: Scores, maps and boxes of each image.
        scored: The same with verdicts and truth.
        sweeper: Shows the images.
    """

    bundle: Bundle
    outputs: Outputs
    scored: Scored
    sweeper: Sweeper

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    def by(self, precision: Precision) -> Outputs:
        """What another model of the bundle says of the same images.

        Args:
            precision: Which.

        Raises:
            BundleError: The bundle holds no such model.
        """
        session = Session(self.bundle.model(precision).file)
        return _swept(self.sweeper, session, self.outputs.samples, self.manifest, stage=f"score, {precision}")

    @property
    def index(self) -> Index:
        """Where the images lie, with the bundle's classes."""
        return self.sweeper.index


def answered(bundle: Path, data: Data, *, part: Split | None = None, progress: Progress, say: Say) -> Answered:
    """Scores labelled images with a bundle.

    Args:
        bundle: The bundle's folder, or a zip of it.
        data: The images.
        part: Of them those alone that the index file itself puts into this part; all if None.
        progress: Told the stage, images done and images in all.
        say: Told what was found in the images, such as files that cannot be read: no figure counts those.

    Raises:
        BundleError: The bundle is damaged.
        DataError: The images or their labels cannot be used, show no type that the bundle knows, or none of the two
            kinds that it is to tell apart; or the part is empty.
    """
    opened = Bundle.open(bundle)
    manifest = opened.manifest
    found = prepare(data, manifest.input, progress=progress)
    say(found.report.text())
    index = _known(found.index, data, manifest)
    chosen = index.samples if part is None else _stated(found, part)
    session = Session(opened.read(MODEL))
    views = Views(index, manifest.input, templates_of(opened))
    samples = [sample.model_copy(update={"split": Split.TEST}) for sample in _inspected(chosen, views, progress, say)]
    sweeper = Sweeper(index, views, progress, pair=session.pair)
    outputs = _swept(sweeper, session, samples, manifest, stage="score")
    return Answered(opened, outputs, tasks.scored(outputs, index, manifest), sweeper)


def _swept(sweeper: Sweeper, session: Session, samples: Sequence[Sample], manifest: Manifest, *, stage: str) -> Outputs:
    link = Link.of(manifest.locate, manifest.classes)
    return sweeper.sweep(session.run, samples, stage=stage, link=link)


def _stated(found: Prepared, part: Split) -> list[Sample]:
    """The images of a part as their index has it, and none that a new division moved there: those may have taught.

    Raises:
        DataError: There are none.
    """
    stated = {sample.path for sample in readers.read(found.data).part(part)}
    if not stated:
        raise DataError(
            f"expected images in the {part.value} part of the index, and it is empty",
            hint="Give the index.jsonl of the bundle's run folder, or a folder of images that taught it nothing.",
        )
    return [sample for sample in found.index.samples if sample.path in stated]


def _known(index: Index, data: Data, manifest: Manifest) -> Index:
    """The index in the bundle's classes.

    Raises:
        DataError: It has others, or lacks good parts where the bundle knows nothing else.
    """
    one_class = manifest.method in ("anomaly", "compare")
    unknown = sorted(set(index.classes) - set(manifest.classes))
    if not one_class and unknown:
        raise DataError(
            f"expected the types that the bundle knows ({', '.join(manifest.classes)}), found {', '.join(unknown)}",
            hint="data.rename gives labels other names, data.ignore leaves images out.",
        )
    if one_class and not index.has_good:
        raise DataError(
            f"expected good parts among the images, found only {', '.join(index.classes) or 'no label'}: none of the "
            f"labels that mean good ({', '.join(data.good)}) is there",
            hint="Name the label of good parts: data.good=[NAME], after the folder.",
        )
    if manifest.locate is not None:  # marks are counted by the number of their type, and the images may lack some
        return index.model_copy(update={"classes": manifest.classes})
    return index


def _inspected(chosen: Sequence[Sample], views: Views, progress: Progress, say: Say) -> list[Sample]:
    """The images that the line would inspect; those that do not fit their template are told.

    Raises:
        DataError: None fits.
    """
    refused = fitting.refused(views, chosen, progress=partial(progress, "register images"))
    for path, reason in refused.items():
        say(f"not inspected, and counted nowhere: {path}: {reason}")
    left = [sample for sample in chosen if sample.path not in refused]
    if not left:
        raise DataError(
            "expected images that fit their templates, found none", hint="Look at the reasons above, one an image."
        )
    return left
