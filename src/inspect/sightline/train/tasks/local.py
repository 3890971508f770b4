"""What segmentation and detection share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from sightline.dataset.loader import batches
from sightline.dataset.marks import is_marked
from sightline.dataset.scenes import Batch, Scenes, collated
from sightline.errors import TrainError
from sightline.index import Sample, Split
from sightline.runs import RunFolder


class LocalTask:
    """A run that learns from scenes; see `sightline.train.tasks.task.Task`."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self.classes = run.index.classes

    def loader(self, split: Split, *, first_epoch: int = 0) -> DataLoader[Batch]:
        """Scenes of a part of which it is known where their defects are; see `sightline.dataset.scenes.Batch`."""
        recipe, training = self._run.recipe, split is Split.TRAIN
        scenes = Scenes(self._run.index, self._run.index.part(split), recipe, training=training)
        seed = recipe.seed if training else None
        often = draws(scenes.samples, recipe.localise.defective) if training else None
        return batches(scenes, recipe.train, seed=seed, first_epoch=first_epoch, collated=collated, draws=often)

    def check(self) -> None:
        """Refuses data without a marked defect to learn from."""
        train = self._run.index.part(Split.TRAIN)
        if not any(not sample.good and is_marked(sample, self._run.index) for sample in train):
            raise TrainError(
                f"task {self._run.recipe.task}: expected masks, outlines or boxes in the train part, found none",
                hint="The reader must bring them: masks, coco, yolo, voc, labelme, cvat or csv with a column of masks.",
            )

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """Images, and templates where there are some."""
        return batch[:1] if batch[1] is None else (batch[0], batch[1])


def mean(values: Tensor, images: Tensor) -> float:
    """The mean loss over images, of batches (N,) with so many (N,) each."""
    return float((values * images).sum() / images.sum())


def draws(samples: Sequence[Sample], defective: float) -> NDArray[np.float64] | None:
    """How often each frame comes in an epoch, (N,) with a sum of N; None if each comes once.

    Where fewer are defective than there shall be, those come more often, and among them the more often the rarer their
    rarest type is: by the square root, so that a single frame of a type is not learned by heart.

    Args:
        samples: The train part.
        defective: Share of the frames that shall show a defect.
    """
    counts = Counter(label for sample in samples for label in sample.labels)
    rarity = np.array([max((counts[label] ** -0.5 for label in sample.labels), default=0.0) for sample in samples])
    sound = rarity == 0
    if not sound.any() or sound.all() or (~sound).mean() >= defective:
        return None
    return np.asarray(len(samples) * np.where(sound, (1 - defective) / sound.sum(), defective * rarity / rarity.sum()))
