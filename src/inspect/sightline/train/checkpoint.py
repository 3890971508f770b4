"""What training goes on from, written so that a kill at any moment leaves a whole one."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

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
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
        aside.unlink(missing_ok=True)
        raise TrainError(
            f"the checkpoint {path} cannot be written: {getattr(error, 'strerror', None) or error}",
            hint=f"The last whole one is kept. Make room, then: sightline train --resume {path.parent.parent}",
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Reads a checkpoint; nothing in it is executed.

    Raises:
        TrainError: It is missing or damaged.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainError(f"expected {path}, but there is none", hint="Has training finished its first epoch?") from error
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError) as error:
        raise TrainError(f"{path} is damaged: {str(error).splitlines()[0]}") from error
    return content
