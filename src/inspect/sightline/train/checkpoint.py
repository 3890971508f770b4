"""What training goes on from, written so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from typing_extensions import override

from sightline.errors import TrainError


def save(content: dict[str, Any], path: Path) -> None:
    """Writes aside, waits for the disk, and renames.

    Raises:
        TrainError: The disk is full or refuses; the file that was there before is whole.
    """
    aside = path.with_suffix(".part")
    try:
        with aside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        aside.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise TrainError(
            f"the checkpoint {path} cannot be written: {reason}",
            hint=f"The last whole one is kept. Make room, then: sightline train --resume {path.parent.parent}",
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Reads a checkpoint to the CPU; nothing in it is executed.

    Raises:
        TrainError: It is missing or damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainError(
            f"expected {path}, but there is none", hint="Has training finished its first epoch?"
        ) from error
    except (EOFError, OSError, RuntimeError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or ["cut off"])[0]
        raise TrainError(f"{path} is damaged: {reason}", hint="Train again: it cannot be gone on from.") from error
    return content


class WholeFiles(CheckpointIO):
    """Lets Lightning write and read its checkpoints with `save` and `load`."""

    @override
    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Writes a checkpoint whole or not at all."""
        save(checkpoint, Path(path))

    @override
    def load_checkpoint(
        self, path: str | Path, map_location: object = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Reads a checkpoint to the CPU."""
        return load(Path(path))

    @override
    def remove_checkpoint(self, path: str | Path) -> None:
        """Removes a checkpoint."""
        Path(path).unlink(missing_ok=True)
