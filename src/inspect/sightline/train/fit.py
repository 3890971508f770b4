"""Trains a run: Lightning's loop, a checkpoint each epoch, the best epoch kept, every figure in the run folder."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from sightline.config import Recipe
from sightline.dataset.augment import Pipeline
from sightline.dataset.loader import ImageDataset, batches, mixed
from sightline.errors import TrainError
from sightline.index import Index, Split
from sightline.train import checkpoint
from sightline.train.learner import Learner
from sightline.train.networks import Network, build, load_weights
from sightline.train.networks.norm import is_folded, unfold
from sightline.train.record import Metrics, RunFolder
from sightline.train.tasks.classify import LabelSpace, class_weights

BEST, LAST = "best.pt", "last.ckpt"

_GRADIENT_NORM = 5.0
_METRIC = "validate/loss"


def fit(run: RunFolder, *, after_epoch: Callable[[], None] = lambda: None) -> None:
    """Trains a run to its end; goes on after the last whole epoch if it was killed.

    On one machine a run that was killed and resumed ends with the same weights as one that was not.

    Args:
        run: The run folder.
        after_epoch: Called when an epoch is safe on disk.

    Raises:
        TrainError: The data, weights or settings do not fit; the loss is no number; the disk is full.
        KeyboardInterrupt: The user stopped it; what is on disk can be gone on from.
    """
    recipe, last = run.recipe, run.checkpoints / LAST
    state = checkpoint.load(last)["run"] if last.exists() else {"events": _events_before_training(run), "finished": False}
    run.forget_after(state["events"])
    if state["finished"]:
        return
    space = _space(recipe, run.index)
    train, validate = (_loader(run, space, split) for split in (Split.TRAIN, Split.VALIDATE))
    torch.manual_seed(recipe.seed)
    network = build(recipe.model, space.outputs, recipe.input)
    if not last.exists():
        _initialise(network, recipe, train)
    targets = space.targets(run.index.part(Split.TRAIN))
    weights = class_weights(targets, recipe.train.class_weights, multi_label=space.multi_label)
    learner = Learner(network, space, recipe.train, weights, steps=recipe.train.epochs * len(train))
    keeper = _Keeper(run, after_epoch)
    with _quiet():
        trainer = _trainer(recipe, [_Seeds(recipe.seed), keeper, _Bar()])
        trainer.fit(learner, train, validate if len(validate) else None, ckpt_path=str(last) if last.exists() else None)
    if trainer.interrupted:
        raise KeyboardInterrupt


def load(run: RunFolder) -> tuple[Network, LabelSpace]:
    """The network of the best epoch, in evaluation mode, and what its outputs mean.

    Raises:
        TrainError: The run has no finished epoch.
    """
    space = _space(run.recipe, run.index)
    network = build(run.recipe.model, space.outputs, run.recipe.input)
    network.load_state_dict(checkpoint.load(run.checkpoints / BEST)["network"])
    return network.eval(), space


class _Keeper(Callback):
    """Ends each epoch: best weights, figures, checkpoint, early stop. In this order, so that a kill between them is mended."""

    def __init__(self, run: RunFolder, after_epoch: Callable[[], None]) -> None:
        self._run, self._after_epoch = run, after_epoch
        self._best, self._waited = float("inf"), 0

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "waited": self._waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._best, self._waited = state["best"], state["waited"]

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, Learner)
        learner.sum_up()
        epoch, settings = trainer.current_epoch, self._run.recipe.train
        loss = learner.figures.get(_METRIC, learner.figures["train/loss"])
        if not loss < float("inf"):
            raise TrainError(
                f"the loss is no number any more in epoch {epoch + 1}",
                hint="Lower train.learning_rate, or raise train.warmup; sightline data check finds broken images.",
            )
        self._waited = 0 if loss < self._best else self._waited + 1
        if loss < self._best or _METRIC not in learner.figures:
            self._best = loss
            content = {"network": learner.judged.state_dict(), "epoch": epoch, "figures": learner.figures}
            checkpoint.save(content, self._run.checkpoints / BEST)
        self._run.metrics(learner.figures | _system(), step=epoch)
        stopped = settings.patience > 0 and self._waited >= settings.patience
        trainer.should_stop = trainer.should_stop or stopped
        finished = stopped or epoch + 1 == settings.epochs
        content = trainer._checkpoint_connector.dump_checkpoint()
        content["run"] = {"events": len(self._run.events()), "finished": finished}
        checkpoint.save(content, self._run.checkpoints / LAST)
        self._after_epoch()


class _Seeds(Callback):
    """Makes what is random inside the network a function of seed and epoch, so that a resumed run draws the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_epoch_start(self, trainer: Trainer, learner: LightningModule) -> None:
        torch.manual_seed(mixed(self._seed, trainer.current_epoch))


class _Bar(Callback):
    """A bar for the batches of an epoch where a person watches, and one line for each epoch."""

    def __init__(self) -> None:
        self._bar: tqdm[Any] | None = None
        self._start = 0.0

    def on_train_epoch_start(self, trainer: Trainer, learner: LightningModule) -> None:
        self._start = time.monotonic()
        title = f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
        total = int(trainer.num_training_batches)
        self._bar = tqdm(total=total, desc=title, leave=False, dynamic_ncols=True, disable=not sys.stderr.isatty())

    def on_train_batch_end(self, trainer: Trainer, learner: LightningModule, outputs: Any, *_: Any) -> None:
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{float(outputs['loss']):.3f}", refresh=False)
            self._bar.update()

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        assert isinstance(learner, Learner)
        if self._bar is not None:
            self._bar.close()
        shown = {name: value for name, value in learner.figures.items() if name != "train/learning_rate"}
        text = "  ".join(f"{name} {value:.4f}" for name, value in shown.items())
        seconds = time.monotonic() - self._start
        print(f"epoch {trainer.current_epoch + 1:>3}/{trainer.max_epochs}  {text}  {seconds:.1f} s", flush=True)


def _space(recipe: Recipe, index: Index) -> LabelSpace:
    return LabelSpace.of(index, multi_label=recipe.multi_label)


def _loader(run: RunFolder, space: LabelSpace, split: Split) -> DataLoader[tuple[Tensor, Tensor]]:
    recipe, samples, training = run.recipe, run.index.part(split), split is Split.TRAIN
    if training and not samples:
        raise TrainError("expected images in the train part, but it is empty", hint="Lower the shares in data.split.")
    dataset = ImageDataset(
        run.index,
        samples,
        space.targets(samples),
        recipe.input,
        augment=Pipeline(recipe.augment) if training else None,
        seed=recipe.seed,
        cache=recipe.train.cache,
    )
    seed = recipe.seed if training else None
    return batches(dataset, batch_size=recipe.train.batch_size, seed=seed, workers=recipe.train.workers)


def _initialise(network: Network, recipe: Recipe, train: DataLoader[tuple[Tensor, Tensor]]) -> None:
    report = load_weights(network, recipe.model)
    if report is not None:
        print(report.text())
    if recipe.model.batch_norm == "train" and is_folded(network):
        print("batch normalisation was folded into the weights: its statistics are set from the train part")
        unfold(network, (batch for batch, _ in train))
    network.train()


def _trainer(recipe: Recipe, callbacks: list[Callback]) -> Trainer:
    return Trainer(
        max_epochs=recipe.train.epochs,
        callbacks=callbacks,
        accelerator="gpu" if torch.cuda.is_available() else "cpu",
        devices=1,
        precision=_precision(recipe),
        gradient_clip_val=_GRADIENT_NORM,
        deterministic="warn",
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def _precision(recipe: Recipe) -> Any:  # noqa: ANN401 - Lightning's literal
    asked = recipe.train.precision
    if asked == "16" and not torch.cuda.is_available():
        raise TrainError("train.precision: 16 needs a GPU, and there is none", hint="Use auto, or bf16.")
    mixed_precision = "bf16-mixed" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "16-mixed"
    automatic = mixed_precision if torch.cuda.is_available() else "32-true"
    return {"auto": automatic, "32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}[asked]


def _system() -> dict[str, float]:
    """Load of the machine since the last call, under the names that MLflow shows as system metrics."""
    memory = psutil.virtual_memory()
    found = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / 1e6,
        "system/system_memory_usage_percentage": memory.percent,
    }
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        found["system/gpu_0_memory_usage_megabytes"] = (total - free) / 1e6
        found["system/gpu_0_memory_usage_percentage"] = 100 * (total - free) / total
    return found


def _events_before_training(run: RunFolder) -> int:
    """How many events there were when training began: those before the first figure of an epoch."""
    events = run.events()
    return next((number for number, event in enumerate(events) if isinstance(event, Metrics)), len(events))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Lightning's advice and notes off the screen; what matters is raised or said here."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
