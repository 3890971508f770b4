"""What training goes on from, written so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from typing_extensions import override

from sightline.errors import TrainError
from sightline.files import write_whole

DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)
"""What torch.load raises over bytes that are none of its own, not all of them, or made to harm."""


def save(content: dict[str, Any], path: Path) -> None:
    """Writes a checkpoint whole or not at all.

    Raises:
        TrainError: The disk is full or refuses; the file that was there before is whole.
    """
    made = io.BytesIO()  # not straight to the file: torch reports a full disk as RuntimeError without a reason
    torch.save(content, made)
    try:
        write_whole(path, made.getbuffer())
    except OSError as error:
        raise TrainError(
            f"the checkpoint {path} cannot be written: {error.strerror}",
            hint=f"The last whole one is kept. Make room, then: sightline train --resume {path.parent.parent}",
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Reads a checkpoint to the CPU; nothing in it is executed.

    Raises:
        TrainError: It is missing or damaged.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainError(
            f"expected {path}, but there is none", hint="Has training finished its first epoch?"
        ) from error
    except (*DAMAGED, OSError) as error:
        reason = (str(error).splitlines() or ["cut off"])[0]
        raise _damaged(path, reason) from error
    if not isinstance(content, dict) or "run" not in content:
        raise _damaged(path, "it is no checkpoint of a run")
    return content


def _damaged(path: Path, reason: str) -> TrainError:
    return TrainError(f"{path} is damaged: {reason}", hint="Train again: it cannot be resumed.")


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
