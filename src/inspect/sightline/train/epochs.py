"""Trains a run: Lightning's loop, a checkpoint each epoch, the best epoch kept, every figure in the run folder."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from lightning.fabric.utilities.warnings import PossibleUserWarning
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import LambdaCallback
from torch.utils import deterministic
from torch.utils.data import DataLoader
from tqdm import tqdm

from sightline.config import Recipe
from sightline.dataset.augment import Pipeline
from sightline.errors import TrainError
from sightline.index import Split
from sightline.runs import RunFolder
from sightline.train import checkpoint
from sightline.train.callbacks import BEST, LAST, Bar, Keeper, Seeds
from sightline.train.learner import Learner
from sightline.train.machine import keep_freed_memory
from sightline.train.networks import build, dense, load_weights
from sightline.train.networks.network import Trained
from sightline.train.networks.norm import is_folded, unfold
from sightline.train.origin import check_same
from sightline.train.tasks import Task, of_run

_GRADIENT_NORM = 5.0
_UNFOLD_BATCHES = 32

_Loader = DataLoader[Any]


def fit(run: RunFolder, *, after_epoch: Callable[[], None] = lambda: None) -> None:
    """Trains a run to its end; goes on after the last whole epoch if it was killed.

    On one machine's processor a run that was killed and resumed ends with the same weights as one that was not.

    Args:
        run: The run folder.
        after_epoch: Called when an epoch is safe on disk.

    Raises:
        TrainError: Data, weights or settings do not fit; the loss is no number; the disk is full.
        KeyboardInterrupt: The user stopped it; what is on disk can be resumed.
    """
    recipe, last = run.recipe, run.checkpoints / LAST
    state = checkpoint.load(last)["run"] if last.exists() else None
    if state is not None:
        check_same(run, state)
        if state["finished"]:
            return
    run.forget_after(state["events"] if state else run.events_before_training())
    keep_freed_memory()
    task = of_run(run)
    task.check()
    train = task.loader(Split.TRAIN, first_epoch=state["epochs"] if state else 0)
    validate = task.loader(Split.VALIDATE)
    _check(run, train, validate)
    torch.manual_seed(recipe.seed)
    network = task.network()
    if state is None:
        _initialise(network, task, recipe, train)
    learner = Learner(network, task, recipe.train, steps=recipe.train.epochs * len(train))
    with _quiet(), _interruptible(run):
        then = LambdaCallback(on_train_epoch_end=lambda *_: after_epoch())
        trainer = _trainer(recipe, [Seeds(recipe.seed), Keeper(run), Bar(), then])
        trainer.fit(learner, train, validate if len(validate) else None, ckpt_path=str(last) if state else None)
    best = checkpoint.load(run.checkpoints / BEST)
    figures = ", ".join(
        f"{name.removeprefix('validate/')} {value:.4f}"
        for name, value in best["figures"].items()
        if name.startswith("validate/")
    )
    tqdm.write(f"best epoch {best['epoch'] + 1}: {figures or 'the last, for want of a validate part'}")


def check(recipe: Recipe) -> None:
    """Refuses a recipe that could not be trained, before any image is read.

    Raises:
        ConfigError: albumentations does not know a transform or a parameter.
        TrainError: Backbone, layer, weights or precision cannot be had.
    """
    Pipeline.of_recipe(recipe)
    network = dense.build(recipe, 2) if recipe.dense else build(recipe.model, 2, recipe.input)
    load_weights(network, recipe.model)
    _precision(recipe)


def load(run: RunFolder) -> tuple[Trained, Task]:
    """The network of the best epoch, in evaluation mode, and the task that it learned.

    Raises:
        TrainError: The run has no finished epoch, its checkpoint is damaged, or what it was trained from was changed.
    """
    best = checkpoint.load(run.checkpoints / BEST)
    check_same(run, best["run"])
    task = of_run(run)
    network = task.network()
    try:
        network.load_state_dict(best["network"])
    except (KeyError, RuntimeError, TypeError) as error:
        raise TrainError(f"{run.checkpoints / BEST} holds other weights than the recipe's network has") from error
    return network.eval(), task


def _check(run: RunFolder, train: _Loader, validate: _Loader) -> None:
    if not len(train):
        raise TrainError("expected images in the train part, but it is empty", hint="Lower the shares in data.split.")
    if run.recipe.train.patience and not len(validate):
        raise TrainError(
            "train.patience needs images in the validate part, but it is empty",
            hint="Raise data.split.validate, or set train.patience to 0.",
        )


def _initialise(network: Trained, task: Task, recipe: Recipe, train: _Loader) -> None:
    """Gives a new network its weights, and batch normalisation what it needs to be trained."""
    report = load_weights(network, recipe.model)
    if report is not None:
        tqdm.write(report.text())
    if recipe.model.batch_norm == "train" and report is not None and is_folded(network):
        tqdm.write("batch normalisation was folded into the weights: its statistics are set from the train part")
        unfold(network, (task.inputs(batch) for batch, _ in zip(train, range(_UNFOLD_BATCHES), strict=False)))
        network.train()


def _trainer(recipe: Recipe, callbacks: list[Callback]) -> Trainer:
    if recipe.train.precision == "bf16" and not torch.cuda.is_available() and _emulates_bf16():
        tqdm.write("train.precision: this processor has no instructions for bf16; 32 is faster here")
    trainer = Trainer(
        max_epochs=recipe.train.epochs,
        callbacks=callbacks,
        plugins=[checkpoint.WholeFiles()],
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
    # Deterministic algorithms would also fill every new tensor, for code that reads what it never wrote.
    deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return trainer


def _precision(recipe: Recipe) -> Literal["32-true", "16-mixed", "bf16-mixed"]:
    gpu, asked = torch.cuda.is_available(), recipe.train.precision
    if asked == "16" and not gpu:
        raise TrainError("train.precision: 16 needs a GPU, and there is none", hint="Use auto, 32 or bf16.")
    if asked == "auto":
        asked = "32" if not gpu else "bf16" if torch.cuda.is_bf16_supported() else "16"
    names: dict[str, Literal["32-true", "16-mixed", "bf16-mixed"]]
    names = {"32": "32-true", "16": "16-mixed", "bf16": "bf16-mixed"}
    return names[asked]


def _emulates_bf16() -> bool:
    """Whether the processor is known to have no instructions for bf16."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # older releases of torch cannot tell
    return tell is not None and not any(tell().get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Lightning's advice off the screen: what matters of it is decided here, or raised."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            warnings.simplefilter("ignore", FutureWarning)  # of torch, about Lightning's own calls
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _interruptible(run: RunFolder) -> Iterator[None]:
    """Turns Lightning's way to end on Ctrl-C, which is to exit the process, into KeyboardInterrupt."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stopped:
        signal.signal(signal.SIGINT, handler)  # Lightning left it ignored
        tqdm.write(f"stopped; go on with: sightline train --resume {run.path}")
        raise KeyboardInterrupt from stopped
