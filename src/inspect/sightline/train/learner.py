"""The network as Lightning trains it: loss, optimiser, schedule, averaged weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from typing_extensions import override

from sightline.config.recipe import Training
from sightline.train.networks.network import Trained
from sightline.train.tasks.task import Task


class Learner(LightningModule):
    """Trains the network of a task.

    Attributes:
        network: Is trained.
        figures: Figures of the last epoch, by name; empty before its end.

    Args:
        network: Is trained in place.
        task: What it learns.
        settings: The recipe's section.
        steps: Optimiser steps in all.
    """

    def __init__(self, network: Trained, task: Task, settings: Training, steps: int) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.figures: dict[str, float] = {}
        self._task, self._settings, self._steps = task, settings, steps
        self._average = self._averaged_copy() if settings.average > 0 else None
        self._losses: list[Tensor] = []
        self._answers: list[tuple[Tensor, ...]] = []

    @property
    def judged(self) -> Trained:
        """The network that is validated and kept: with averaged weights, if the recipe asks for them."""
        if self._average is None:
            return self.network
        return cast("Trained", self._average.module)

    @override
    def on_train_epoch_start(self) -> None:
        """Thaws the backbone, but for the layers that never learn, when its time has come."""
        thawed = self.current_epoch >= self._settings.freeze_epochs
        for number, layer in enumerate(self._layers()):
            for parameter in layer.values():
                parameter.requires_grad_(thawed and number >= self._settings.frozen_layers)
        self._losses = []

    @override
    def training_step(self, batch: Any, number: int) -> Tensor:
        """Loss of one batch."""
        loss = self._task.loss(self.network, batch)
        self._losses.append(loss.detach())
        return loss

    @override
    def on_train_batch_end(self, *_: Any) -> None:
        """Lets the averaged weights follow."""
        if self._average is not None:
            self._average.update_parameters(self.network)

    @override
    def on_validation_epoch_start(self) -> None:
        """Begins a new round."""
        self._answers = []

    @override
    def validation_step(self, batch: Any, number: int) -> None:
        """Answers one batch of the validate part."""
        self._answers.append(self._task.answer(self.judged, batch))

    def sum_up(self) -> None:
        """Sets `figures` at the end of an epoch."""
        self.figures = {"train/loss": float(torch.stack(self._losses).mean())} if self._losses else {}
        if self._answers:
            found = self._task.figures(self._answers)
            self.figures |= {f"validate/{name}": value for name, value in found.items()}
        self.figures["train/learning_rate"] = self.optimizers().param_groups[0]["lr"]  # type: ignore[union-attr]

    @override
    def configure_optimizers(self) -> Any:
        """AdamW with a rate for each depth; warm-up, then half a cosine, by steps."""
        optimiser: Optimizer = AdamW(list(self._groups()), lr=self._settings.learning_rate)
        schedule = LambdaLR(optimiser, lambda step: rate(step, self._steps, self._settings.warmup))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self) -> Iterator[dict[str, Any]]:
        """What is new first, then the backbone from its depth; biases and scales of norms are not decayed."""
        new = {name: p for name, p in self.network.named_parameters() if not name.startswith("features.")}
        for depth, parameters in enumerate([new, *reversed(self._layers())]):
            scaled = self._settings.learning_rate * self._settings.layer_decay**depth
            for decays in (True, False):
                chosen = [p for p in parameters.values() if (p.ndim > 1) == decays]
                if chosen:
                    yield {"params": chosen, "lr": scaled, "weight_decay": self._settings.weight_decay * decays}

    def _layers(self) -> list[dict[str, nn.Parameter]]:
        """Parameters of each layer of the backbone, from the input on."""
        layers: dict[str, dict[str, nn.Parameter]] = {}
        for name, parameter in self.network.features.named_parameters():
            layers.setdefault(_stage(name), {})[name] = parameter
        return list(layers.values())

    def _averaged_copy(self) -> AveragedModel:
        def follow(averages: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
            # At the start the average follows fast, or the random head would stay in it for hundreds of steps.
            decay = min(self._settings.average, (1 + int(count)) / (10 + int(count)))
            for average, value in zip(averages, current, strict=True):
                # Whole numbers count batches.
                average.lerp_(value, 1 - decay) if average.is_floating_point() else average.copy_(value)

        # Batch normalisation's statistics are averaged too, for the network's latest are not those of averaged weights.
        averaged = AveragedModel(self.network, multi_avg_fn=torch.no_grad()(follow), use_buffers=True)
        return averaged.requires_grad_(False)


def rate(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step: linear up, then half a cosine down (Loshchilov & Hutter 2017)."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, steps - rising))))


def _stage(name: str) -> str:
    """Which layer of the backbone a parameter belongs to, told from torchvision's names.

    ``body.layer3.0.conv1.weight`` -> ``layer3``; ``body.features.4.conv.weight`` -> ``features.4``;
    ``body.encoder.layers.encoder_layer_2.ln.bias`` -> ``encoder.layers.encoder_layer_2``.
    """
    modules = name.removeprefix("body.").split(".")[:-1]
    if modules and any(letter.isdigit() for letter in modules[0]):
        return modules[0]
    return ".".join(modules[: 3 if modules[:2] == ["encoder", "layers"] else 2])
