"""A contact sheet: what the model will be shown, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.config import Recipe
from sightline.dataset import marks
from sightline.dataset.augment import Pipeline
from sightline.dataset.drawing import Picture, line, stacked
from sightline.dataset.loader import mixed
from sightline.dataset.scan import read_mask
from sightline.dataset.scene import Scene
from sightline.dataset.scenes import Scenes
from sightline.dataset.views import Views
from sightline.errors import DataError
from sightline.files import signed, write_whole
from sightline.index import GOOD, Index, Sample, Split

_LEAST, _MOST = 96, 384  # pixels that a picture is high


def contact_sheet(index: Index, recipe: Recipe, path: Path, *, rows: int = 2, columns: int = 7) -> Path:
    """Draws samples of the train part: first as preprocessed, then augmented.

    Masks are outlined, and for task ``detect`` boxes drawn: those of the line's type in red, others in orange. Where
    nobody looks is hatched. Beside a frame stands its template, if it has one. Where it is learned where defects are,
    the augmented pictures are the patches that are trained on, with their marks.

    Args:
        index: The images with their splits.
        recipe: Its ``input``, ``template``, ``localise`` and ``augment`` are shown.
        path: The PNG to write.
        rows: Samples a class.
        columns: Pictures a sample; half as many where each stands beside its template.

    Raises:
        ConfigError: A transform cannot be applied.
        DataError: There is no image to show, one cannot be read, or the sheet cannot be written.
    """
    samples = index.part(Split.TRAIN) or index.samples
    if not samples:
        raise DataError("expected images to show, but the index has none")
    chosen = _chosen(index, samples, recipe, rows)
    sheet = _Sheet(index, recipe, [sample for _, sample in chosen])
    lines = [sheet.line(name, sample, columns) for name, sample in chosen]
    try:
        write_whole(path, signed(image.png(stacked(lines))))
    except OSError as error:
        raise DataError(f"the preview cannot be written to {path}: {error.strerror}") from error
    return path


def _chosen(index: Index, samples: Sequence[Sample], recipe: Recipe, rows: int) -> list[tuple[str, Sample]]:
    """Some samples of each class: those first that no other class shows, and where it matters those that are marked."""
    taken = set[str]()
    chosen = []
    for name in sorted({name for sample in samples for name in sample.names}):
        of_class = sorted((s for s in samples if name in s.names), key=lambda sample: sample.path in taken)
        marked = (sample for sample in of_class if not recipe.dense or marks.is_marked(sample, index))
        some = list(islice(marked, rows)) or of_class[:rows]
        chosen += [(name, sample) for sample in some]
        taken |= {sample.path for sample in some}
    return chosen


class _Sheet:
    """Makes the lines of a sheet."""

    def __init__(self, index: Index, recipe: Recipe, samples: list[Sample]) -> None:
        self._index, self._recipe = index, recipe
        self._views = Views.of_recipe(index, recipe.input, recipe.template)
        self._augment = Pipeline.of_recipe(recipe)
        self._scenes: Scenes | None = None
        if recipe.dense:
            read_anew = recipe.train.model_copy(update={"cache": False})
            self._scenes = Scenes(index, samples, recipe.model_copy(update={"train": read_anew}), training=True)

    def line(self, name: str, sample: Sample, columns: int) -> NDArray[np.uint8]:
        """A sample as preprocessed, then augmented."""
        number = -1 if name == GOOD else self._index.classes.index(name)
        plain = self._plain(sample, number)
        frames = (columns + 1) // 2 if self._recipe.pair else columns
        augmented = [self._augmented(sample, plain, column) for column in range(1, frames)]
        pictures = [plain, *(one for one in augmented if one is not None)]
        height = _height(pictures[-1])
        return line([one.drawn(height, number) for one in pictures], f"{name}: {sample.path}, {self._told(sample)}")

    def _told(self, sample: Sample) -> str:
        what = "as preprocessed" + (" beside its template" if self._recipe.template else "")
        if self._scenes is None:
            return f"{what}, then augmented"
        if self._number(sample) is None:
            return f"{what}; not trained on, for nobody marked where its defects are"
        cut = self._recipe.localise.crop or self._recipe.input.tiles
        return f"{what}, then {'patches ' if cut else ''}as trained on"

    def _number(self, sample: Sample) -> int | None:
        """The number of the sample's scene; None if it has none."""
        samples = self._scenes.samples if self._scenes else ()
        return samples.index(sample) if sample in samples else None

    def _plain(self, sample: Sample, number: int) -> Picture:
        view, row = self._views.of(sample), self._number(sample)
        if self._scenes is not None and row is not None:
            scene = self._scenes.whole(row)
            return replace(self._marked(sample, scene), hidden=view.place.hidden, template=view.template)
        types = None
        if sample.mask is not None and self._scenes is None:  # whatever its values mean
            covered = view.place.mask_to_canvas(read_mask(self._index, sample)) > 0
            types = np.where(covered, np.uint8(number + 1), np.uint8(0))
        return Picture(view.image, types=types, hidden=view.place.hidden, template=view.template)

    def _augmented(self, sample: Sample, plain: Picture, column: int) -> Picture | None:
        """The sample as it is trained on in some epoch; None if it is not."""
        if self._scenes is None:
            return Picture(self._augment(plain.image, mixed(self._recipe.seed, column, 0)))
        row = self._number(sample)
        return None if row is None else self._marked(sample, self._scenes[column, row])

    def _marked(self, sample: Sample, scene: Scene) -> Picture:
        """What is taught: outlines where they are known, boxes to a detector."""
        boxes = scene.boxes if self._recipe.task == "detect" else None
        outlined = boxes is None or sample.mask or sample.polygons
        return Picture(scene.image, types=scene.types if outlined else None, boxes=boxes, template=scene.template)


def _height(picture: Picture) -> int:
    """How high pictures are drawn: small ones a whole number of times larger, so that pixels stay pixels."""
    height, width = picture.image.shape[0], picture.image.shape[1]
    return int(min(_MOST, height * max(1, -(-_LEAST // min(height, width)))))
