"""Classification: which types of defect a frame shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader

from sightline.dataset.augment import Pipeline
from sightline.dataset.loader import ImageDataset, batches
from sightline.errors import TrainError
from sightline.index import Index, Sample, Split
from sightline.runs import RunFolder
from sightline.train.networks import Network, build
from sightline.train.networks.network import Trained

POWERS = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}
"""To which power of its rarity a class is lifted, by the name that a recipe gives."""

_Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class LabelSpace:
    """What the network's outputs mean.

    One type a frame: softmax over good (output 0, where the data have it) and the types. Several types a frame:
    a sigmoid for each type, and good is none of them.

    Attributes:
        classes: Defect types, in the order of the index.
        good: Whether the data have good parts.
        multi_label: Whether a frame may show several types.
    """

    classes: tuple[str, ...]
    good: bool
    multi_label: bool

    @classmethod
    def of(cls, index: Index, *, multi_label: bool | None = None) -> LabelSpace:
        """The outputs that an index needs; None asks whether any of its frames shows several types."""
        return cls(index.classes, index.has_good, index.multi_label if multi_label is None else multi_label)

    @property
    def first_defect(self) -> int:
        """Output of the first type: 1 if output 0 is good, else 0."""
        return int(self.good and not self.multi_label)

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return len(self.classes) + self.first_defect

    def target(self, sample: Sample) -> NDArray[np.float32]:
        """Float32 (outputs,): one-hot, or 0 and 1 per type; drawn towards the others where the annotator was unsure."""
        target = np.zeros(self.outputs, np.float32)
        for label in sample.labels:
            target[self.classes.index(label) + self.first_defect] = 1
        if self.multi_label:
            return np.where(target > 0, np.float32(sample.certainty), np.float32(1 - sample.certainty))
        if not sample.labels:
            target[0] = 1
        rest = (1 - sample.certainty) / max(1, self.outputs - 1)
        return np.where(target > 0, np.float32(sample.certainty), np.float32(rest)).astype(np.float32)

    def targets(self, samples: Sequence[Sample]) -> NDArray[np.float32]:
        """Float32 (N, outputs)."""
        return np.stack([self.target(s) for s in samples]) if samples else np.zeros((0, self.outputs), np.float32)


def class_weights(
    targets: NDArray[np.float32], rule: Literal["none", "balanced", "sqrt"], *, multi_label: bool
) -> Tensor:
    """Weight of each output (K,), by how rare it is: ``balanced`` undoes rarity, ``sqrt`` goes half the way.

    One type a frame: the weight of the frames that show it; over all frames the mean weight is 1. Several types a
    frame: the weight of presence against absence.
    """
    frequency = np.clip(targets.mean(axis=0), 1 / max(1, len(targets)), 1 - 1e-6)
    if multi_label:
        return torch.tensor(((1 - frequency) / frequency) ** POWERS[rule], dtype=torch.float32)
    weights = frequency ** -POWERS[rule]
    return torch.tensor(weights * len(targets) / (targets @ weights).sum(), dtype=torch.float32)


def loss(
    logits: Tensor, targets: Tensor, *, multi_label: bool, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Mean loss of a batch: cross entropy, or the sum over types of binary cross entropies.

    Args:
        logits: (B, K).
        targets: (B, K), soft allowed.
        multi_label: Whether a frame may show several types.
        weights: (K,) from `class_weights`; None weighs all alike.
        smoothing: Share of certainty given to all outputs alike.
    """
    if multi_label:
        soft = targets * (1 - smoothing) + smoothing / 2
        return (
            functional.binary_cross_entropy_with_logits(logits, soft, pos_weight=weights, reduction="none")
            .sum(1)
            .mean()
        )
    soft = targets * (1 - smoothing) + smoothing / targets.shape[1]
    each = -(soft * torch.log_softmax(logits, dim=1)).sum(dim=1)
    if weights is not None:
        each = each * (targets @ weights)
    return each.mean()


def figures(logits: Tensor, targets: Tensor, *, multi_label: bool) -> dict[str, float]:
    """Loss, accuracy and macro F1 of a whole part; accuracy of several types a frame counts frames with all right."""
    value = float(loss(logits, targets, multi_label=multi_label))
    truth = targets > 0.5 if multi_label else functional.one_hot(targets.argmax(1), targets.shape[1]).bool()
    named = logits > 0 if multi_label else functional.one_hot(logits.argmax(1), targets.shape[1]).bool()
    hits, true, said = ((a.sum(0).double()) for a in (truth & named, truth, named))
    occurs = true > 0
    f1 = (2 * hits[occurs] / (true + said)[occurs]).mean() if occurs.any() else torch.tensor(float("nan"))
    return {"loss": value, "accuracy": float((truth == named).all(1).double().mean()), "macro_f1": float(f1)}


class Classification:
    """A run that learns which types a frame shows; see `sightline.train.tasks.task.Task`.

    Attributes:
        space: What the outputs mean.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self.space = LabelSpace.of(run.index, multi_label=run.recipe.multi_label)
        targets = self.space.targets(run.index.part(Split.TRAIN))
        self._weights: Tensor | None = None
        if len(targets):
            rule = run.recipe.train.class_weights
            self._weights = class_weights(targets, rule, multi_label=self.space.multi_label)

    def network(self) -> Network:
        """Logits and class activation maps."""
        return build(self._run.recipe.model, self.space.outputs, self._run.recipe.input)

    def loader(self, split: Split, *, first_epoch: int = 0) -> DataLoader[_Batch]:
        """Images uint8 [B, H, W, 3] and targets float32 [B, K]."""
        recipe, samples, training = self._run.recipe, self._run.index.part(split), split is Split.TRAIN
        dataset = ImageDataset(
            self._run.index,
            samples,
            self.space.targets(samples),
            recipe.input,
            template=recipe.template,
            augment=Pipeline(recipe.augment, recipe.input) if training else None,
            seed=recipe.seed,
            cache=recipe.train.cache,
        )
        seed = recipe.seed if training else None
        return batches(dataset, recipe.train, seed=seed, first_epoch=first_epoch)

    def check(self) -> None:
        """Refuses a single kind of images, and several types a frame where the recipe denies them."""
        space, index = self.space, self._run.index
        if space.outputs < 2 and not space.multi_label:
            raise TrainError(
                f"expected at least two kinds of images to tell apart, got {', '.join(space.classes) or 'good'} alone",
                hint="Add images of good parts or of another defect.",
            )
        if index.multi_label and not space.multi_label:
            several = sum(len(sample.labels) > 1 for sample in index.samples)
            raise TrainError(
                f"multi_label: expected true, for {several} images show several types, got false",
                hint="Leave it out: the data decide. Or leave those images out.",
            )

    def inputs(self, batch: _Batch) -> tuple[Tensor, ...]:
        """The images."""
        return batch[:1]

    def loss(self, network: Trained, batch: _Batch) -> Tensor:
        """Cross entropy, or one for each type."""
        return loss(
            network(batch[0])[0],
            batch[1],
            multi_label=self.space.multi_label,
            weights=None if self._weights is None else self._weights.to(batch[1].device),
            smoothing=self._run.recipe.train.label_smoothing,
        )

    def answer(self, network: Trained, batch: _Batch) -> tuple[Tensor, ...]:
        """Logits and targets."""
        return network(batch[0])[0].float().cpu(), batch[1].cpu()

    def figures(self, answers: Sequence[tuple[Tensor, ...]]) -> dict[str, float]:
        """Loss, accuracy and macro F1."""
        logits, targets = (torch.cat(parts) for parts in zip(*answers, strict=True))
        return figures(logits, targets, multi_label=self.space.multi_label)
