"""What happens around Lightning's loop: randomness before a step; figures, checkpoint and progress after an epoch."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Mapping
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tqdm import tqdm
from typing_extensions import override

from sightline.dataset.loader import mixed
from sightline.errors import TrainError
from sightline.runs import RunFolder
from sightline.train import checkpoint
from sightline.train.learner import Learner
from sightline.train.machine import Load
from sightline.train.origin import origin

BEST, LAST = "best.pt", "last.ckpt"

_Merit = tuple[float, float]  # larger is better


class Keeper(Callback):
    """Ends each epoch: best weights, figures, checkpoint, early stop.

    The checkpoint comes last and says how many events belong to it. A kill before it loses the epoch and nothing else:
    the epoch is trained again, to the same result.

    Args:
        run: Where everything is kept.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._load = Load(run.path)
        self._best, self._best_epoch, self._finished = (-math.inf, -math.inf), -1, False

    @override
    def on_load_checkpoint(self, trainer: Trainer, learner: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Remembers the best epoch so far."""
        self._best, self._best_epoch = tuple(checkpoint["run"]["best"]), checkpoint["run"]["best_epoch"]

    @override
    def on_save_checkpoint(self, trainer: Trainer, learner: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Adds what a resumed run must know besides weights and optimiser."""
        checkpoint["run"] = {
            **origin(self._run),
            "events": len(self._run.events()),
            "best": self._best,
            "best_epoch": self._best_epoch,
            "epochs": trainer.current_epoch + 1,
            "finished": self._finished,
        }

    @override
    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        """Keeps what the epoch has reached.

        Raises:
            TrainError: The loss is no number any more, or the disk is full.
        """
        learner = _learner(learner)
        learner.sum_up()
        epoch, settings = trainer.current_epoch, self._run.recipe.train
        reached = merit(learner.figures)
        if not all(math.isfinite(value) for value in (learner.figures["train/loss"], *reached)):
            raise TrainError(
                f"the loss is no number any more in epoch {epoch + 1}",
                hint="Lower train.learning_rate, raise train.warmup, or set train.precision to 32.",
            )
        best: dict[str, float] = {}
        if "validate/loss" not in learner.figures or reached > self._best:
            best = {f"best/{name}": value for name, value in learner.figures.items() if name.startswith("validate/")}
            self._best, self._best_epoch = reached, epoch
            content = {"network": learner.judged.state_dict(), "epoch": epoch, "figures": learner.figures}
            checkpoint.save(content | {"run": origin(self._run)}, self._run.checkpoints / BEST)
        self._run.metrics(learner.figures | best | self._load.figures(), step=epoch)
        stopped = 0 < settings.patience <= epoch - self._best_epoch
        trainer.should_stop = trainer.should_stop or stopped
        self._finished = stopped or epoch + 1 == settings.epochs
        trainer.save_checkpoint(self._run.checkpoints / LAST)


def merit(figures: Mapping[str, float]) -> _Merit:
    """How good an epoch is, larger is better: by how regions overlap, where a task tells it, and by the loss.

    A network that grows too sure of itself, which calibration mends, outlines better for long while its loss rises.
    """
    return figures.get("validate/miou", 0.0), -figures.get("validate/loss", figures["train/loss"])


class Seeds(Callback):
    """Makes what is random inside the network (dropout, stochastic depth) a function of seed and step alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    @override
    def on_train_batch_start(self, trainer: Trainer, learner: LightningModule, *_: Any) -> None:
        """Seeds the step."""
        torch.manual_seed(mixed(self._seed, trainer.global_step))


class Bar(Callback):
    """A bar for the batches of an epoch where a person watches; a line of a table for each epoch, watched or not."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._start = 0.0
        self._headed = False

    @override
    def on_train_epoch_start(self, trainer: Trainer, learner: LightningModule) -> None:
        """Opens the bar."""
        self._start = time.monotonic()
        title = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        total = int(trainer.num_training_batches)
        self._bar = tqdm(total=total, desc=title, leave=False, dynamic_ncols=True, disable=not sys.stderr.isatty())

    @override
    def on_train_batch_end(self, trainer: Trainer, learner: LightningModule, outputs: Any, *_: Any) -> None:
        """Moves the bar."""
        if self._bar is not None and not self._bar.disable:
            self._bar.set_postfix(loss=f"{float(outputs['loss']):.3f}", refresh=False)
            self._bar.update()

    @override
    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        """Closes the bar and writes the epoch's line."""
        figures = _learner(learner).figures
        if self._bar is not None:
            self._bar.close()
        if not self._headed:
            tqdm.write("  ".join(["epoch".rjust(9), *figures, "seconds"]))
            self._headed = True
        epoch = f"{trainer.current_epoch + 1}/{trainer.max_epochs}".rjust(9)
        cells = [f"{value:.4g}".rjust(len(name)) for name, value in figures.items()]
        tqdm.write("  ".join([epoch, *cells, f"{time.monotonic() - self._start:7.1f}"]))

    @override
    def on_exception(self, trainer: Trainer, learner: LightningModule, exception: BaseException) -> None:
        """Closes the bar, so that what is written next stands on a line of its own."""
        if self._bar is not None:
            self._bar.close()


def _learner(module: LightningModule) -> Learner:
    """The module, of which Lightning's signatures forget the type."""
    return cast("Learner", module)
