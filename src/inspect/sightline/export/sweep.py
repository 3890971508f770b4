"""Runs one part of the data through a model, in batches, as the edge would read it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.config import Recipe
from sightline.dataset.scan import read_checked
from sightline.dataset.views import Views, variant_of
from sightline.errors import DataError
from sightline.export.kept import Kept
from sightline.image import Place
from sightline.index import Index, Sample
from sightline.runs import Progress
from sightline.runtime.looked import Link
from sightline.runtime.reader import Model, Reader, Reading
from sightline.verdict import Frame


@dataclass(frozen=True, eq=False)
class Outputs:
    """What a model answered on N images.

    Attributes:
        samples: The N rows of the index.
        scores: float32 (N, C).
        readings: All that was said of each.
    """

    samples: tuple[Sample, ...]
    scores: NDArray[np.float32]
    readings: tuple[Reading, ...]


class Sweeper:
    """Shows images of an index to models, each with its template where they have some.

    Args:
        index: Tells where the files lie.
        views: Makes what a model is shown of them.
        progress: Called after each batch.
        pair: Whether models take a template beside each image.
    """

    def __init__(self, index: Index, views: Views, progress: Progress, *, pair: bool) -> None:
        self.index, self.spec = index, views.spec
        self._views, self._progress, self._pair = views, progress, pair

    @classmethod
    def of(cls, index: Index, recipe: Recipe, progress: Progress) -> Sweeper:
        """Of the images of a recipe.

        Raises:
            ImageError: A variant's template cannot be read.
        """
        views = Views.of_recipe(index, recipe.input, recipe.template)
        return cls(index, views, progress, pair=recipe.pair)

    def frame(self, sample: Sample) -> Frame:
        """One image as a camera would give it.

        Raises:
            ImageError: It, or its template, cannot be read any more.
            DataError: It was changed since the index was made.
        """
        picture = read_checked(self.index, sample, bits=self.spec.bits)
        if self._views.templates is None:
            return Frame(picture, sample.path)
        return Frame(picture, sample.path, self._views.own(sample), variant_of(sample))

    def template(self, sample: Sample, place: Place) -> NDArray[np.uint8] | None:
        """The template of an image as it lies on its frame, RGB, uint8 (H, W, 3); None if images have none.

        Args:
            sample: The image.
            place: Where its frame came to lie when it was read.

        Raises:
            ImageError: It, or its template, cannot be read any more.
            DataError: It was changed since the index was made.
        """
        if self._views.templates is None:
            return None
        frame = self.frame(sample)
        template, _ = self._views.templates.of(frame.image, own=frame.template, variant=frame.variant)
        if place.registration is None:
            return template
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = place.frame[::-1]
        return np.asarray(cv2.warpPerspective(template, place.registration.matrix, size, flags=flags), np.uint8)

    def sweep(self, model: Model, samples: Sequence[Sample], *, stage: str, link: Link | None = None) -> Outputs:
        """Scores samples in order; frames that are cut into tiles one at a time, for they are large.

        Args:
            model: Network, exported session, or anything of that face.
            samples: Rows of the index.
            stage: Name for the progress bar.
            link: How the model's scores follow from its maps; None if they do not.

        Raises:
            ImageError: An image cannot be read any more, or it is not fit to be inspected.
            DataError: An image was changed since the index was made.
            ExportError: What is said of them has room neither in memory nor on disk.
        """
        reader = Reader(model, self.spec, self._views.templates, pair=self._pair, link=link)
        step = 1 if self.spec.tiles else self.spec.batch
        with closing(Kept()) as kept:
            for start in range(0, len(samples), step):
                part = samples[start : start + step]
                try:
                    kept.add(reader.read([self.frame(sample) for sample in part]))
                except DataError:
                    for sample in part:  # whose fault it is
                        self._read(reader, sample)
                    raise
                self._progress(stage, start + len(part), len(samples))
            readings = kept.readings()
        if not readings:  # how many scores there are is known only from an answer
            blank = np.zeros((2, self.spec.height, self.spec.width, 3), np.uint8)
            return Outputs((), model(blank, blank if self._pair else None).scores[:0], ())
        return Outputs(tuple(samples), np.stack([reading.scores for reading in readings]), readings)

    def _read(self, reader: Reader, sample: Sample) -> None:
        frame = self.frame(sample)
        try:
            reader.read([frame])
        except DataError as error:
            raise type(error)(f"{sample.path}: {error.message}", hint=error.hint) from error
