"""Feeds the localising tasks: frames with their templates and what is marked on them, cut to patches if wanted.

As in `sightline.dataset.loader`, what is drawn for a sample is a function of (seed, epoch, sample) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from sightline import image
from sightline.config import Recipe
from sightline.dataset import marks
from sightline.dataset.augment import Pipeline
from sightline.dataset.loader import MEMORY_SHARE, mixed
from sightline.dataset.paste import pasted
from sightline.dataset.scene import Scene, cut, padded
from sightline.dataset.views import Views
from sightline.index import Index, Sample

_PASTE = 1  # tells what is drawn for pasting from what is drawn for the scene itself
_LOOKS = 4  # patches of each tiled frame that are validated on, so that sound surface counts there too


class Scenes(Dataset[Scene]):
    """The scenes of one part, as the edge would prepare them; of the train part cut to patches and augmented.

    Of frames that are cut into tiles, other parts give several patches each, the same ones in every epoch.

    Args:
        index: Tells where the files lie.
        samples: The part's rows; those that are not marked are left out, for they would teach that they have no defect.
        recipe: How they are prepared, cut and augmented.
        training: Whether to cut and augment.

    Attributes:
        samples: The rows of the frames.

    Raises:
        DataError: An image, mask or template cannot be read any more, or was changed since it was scanned.
    """

    def __init__(self, index: Index, samples: Sequence[Sample], recipe: Recipe, *, training: bool) -> None:
        self._index, self._recipe = index, recipe
        self.samples = marks.known(samples, index)
        self._views = Views.of_recipe(index, recipe.input, recipe.template)
        self._crop = recipe.localise.crop if training else None
        self._augment = Pipeline.of_recipe(recipe) if training else None
        shown = ([k for k, sample in enumerate(self.samples) if name in sample.labels] for name in index.classes)
        self._donors = [rows for rows in shown if rows]  # each type is pasted as often as any other
        self._looks = 1 if training or recipe.input.tiles is None else _LOOKS
        self._cached = self._all() if recipe.train.cache and self.samples else None

    @property
    def _shown(self) -> tuple[int, int]:
        spec = self._recipe.input
        return (self._crop, self._crop) if self._crop else (spec.height, spec.width)

    def __len__(self) -> int:
        """How many scenes."""
        return len(self.samples) * self._looks

    def __getitem__(self, key: tuple[int, int]) -> Scene:
        """A scene in an epoch: key is (epoch, number); those of one sample follow each other."""
        epoch, number = key
        sample = number // self._looks
        scene = self._of(sample)
        if self._augment is None:
            return scene if self._recipe.input.tiles is None else self._patch(scene, np.random.default_rng(number))
        seed = mixed(self._recipe.seed, epoch, number)
        made = self._trained_on(self._augment, scene, seed)
        random = np.random.default_rng(mixed(seed, _PASTE))
        if not self._donors or random.random() >= self._recipe.localise.paste:
            return made
        of_a_type = self._donors[random.integers(len(self._donors))]
        donor = self._of(int(random.choice(of_a_type)))
        return pasted(made, self._trained_on(self._augment, donor, int(random.integers(2**32))))

    def _trained_on(self, augment: Pipeline, scene: Scene, seed: int) -> Scene:
        """A patch of a scene, augmented."""
        patch = self._patch(scene, np.random.default_rng(seed))
        return Scene(*augment.scene(patch.image, patch.template, patch.types, patch.boxes, seed))

    def _of(self, sample: int) -> Scene:
        return self.whole(sample) if self._cached is None else self._cached[sample]

    def _all(self) -> list[Scene] | None:
        """Every scene, if they fit in memory."""
        first = self.whole(0)
        if self._bytes(first) > MEMORY_SHARE * psutil.virtual_memory().available:
            return None
        with ThreadPoolExecutor() as pool:
            return [first, *pool.map(self.whole, range(1, len(self.samples)))]

    def _bytes(self, first: Scene) -> int:
        """About how much memory all scenes take: as the first, but for frames that are cut at their own size."""
        if self._recipe.input.tiles is None or self._recipe.input.roi is not None:
            return first.bytes * len(self.samples)
        pixels = sum(sample.height * sample.width for sample in self.samples)
        return first.bytes * pixels // first.types.size

    def whole(self, number: int) -> Scene:
        """The whole frame of a sample, neither cut to a patch nor augmented."""
        sample = self.samples[number]
        view = self._views.of(sample)
        types = marks.to_canvas(marks.types_map(sample, self._index), view.place)
        hidden = view.place.hidden
        if hidden is not None:
            types[hidden] = 0
        boxes = marks.seen(marks.boxes_to_canvas(marks.boxes_on(sample, self._index), view.place), hidden)
        return Scene(view.image, view.template if self._recipe.pair else None, types, boxes)

    def _patch(self, scene: Scene, random: np.random.Generator) -> Scene:
        """A patch of the size that is trained on: one around a defect as often as the recipe says, else anywhere."""
        height, width = self._shown
        rows, columns = self._extent(scene.types.shape)
        near = None
        if len(scene.boxes) and random.random() < self._recipe.localise.near_defects:
            near = scene.boxes.corners[random.integers(len(scene.boxes))]
        top = _start(random, rows, height, None if near is None else (near[1], near[3]))
        left = _start(random, columns, width, None if near is None else (near[0], near[2]))
        return padded(cut(scene, top, left, height, width), height, width)

    def _extent(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """How far patches of a frame of this height and width may reach: to its end, or as far as its tiles do.

        The last tiles reach beyond the frame, and the grey that they show there is to be nothing new.
        """
        (height, width), spec = self._shown, self._recipe.input
        rows, columns = shape
        if spec.tiles is not None:
            last = image.plan((rows, columns), (spec.height, spec.width), spec.tiles.overlap)[-1]
            rows, columns = last.top + spec.height, last.left + spec.width
        return max(rows, height), max(columns, width)


def _start(random: np.random.Generator, size: int, wanted: int, near: tuple[float, float] | None) -> int:
    """Where a patch begins along one axis: anywhere, or so that it holds as much of a defect as it can."""
    low, high = 0, size - wanted
    if near is not None:
        ends = sorted((int(np.floor(near[0])), int(np.ceil(near[1])) - wanted))
        low, high = int(np.clip(ends[0], low, high)), int(np.clip(ends[1], low, high))
    return int(random.integers(low, high + 1))


Batch = tuple[Tensor, Tensor | None, Tensor, Tensor]
"""Images and templates uint8 [B, h, w, 3], types uint8 [B, h, w], and boxes float32 [B, M, 5] filled with -1."""


def collated(scenes: Sequence[Scene]) -> Batch:
    """Several scenes of one size as tensors."""
    most = max((len(scene.boxes) for scene in scenes), default=0)
    boxes = np.full((len(scenes), max(1, most), 5), -1, np.float32)
    for row, scene in enumerate(scenes):
        boxes[row, : len(scene.boxes)] = np.column_stack([scene.boxes.corners, scene.boxes.classes])

    def stacked(part: Callable[[Scene], NDArray[np.uint8]]) -> Tensor:
        return torch.from_numpy(np.stack([np.ascontiguousarray(part(scene)) for scene in scenes]))

    templates = [scene.template for scene in scenes if scene.template is not None]
    pairs = torch.from_numpy(np.stack([np.ascontiguousarray(one) for one in templates])) if templates else None
    return stacked(lambda s: s.image), pairs, stacked(lambda s: s.types), torch.from_numpy(boxes)
