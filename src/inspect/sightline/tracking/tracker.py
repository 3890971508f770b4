"""Sends a run folder's events to a tracking server, each once, whenever the server can be reached."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from sightline.bundle import Bundle
from sightline.errors import TrackingError
from sightline.tracking.server import Server
from sightline.train.record import RunFolder

DEFAULT_URI = "sqlite:///mlflow.db"

_PAUSE = 30.0  # seconds between two tries at a server that was down


class _Sent(BaseModel):
    """What a server has of this run."""

    run_id: str
    events: int = 0
    bundle: str = ""


class _State(BaseModel):
    """``tracking.json`` in the run folder: server -> what it has."""

    sent: dict[str, _Sent] = {}


class Tracker:
    """Uploads one run folder.

    Args:
        run: The run.
        uri: The tracking server; by default the recipe's, else MLFLOW_TRACKING_URI, else sqlite:///mlflow.db.
        say: Told in one line, once, that the server cannot be reached, and what to do about it later.
    """

    def __init__(self, run: RunFolder, *, uri: str | None = None, say: Callable[[str], None] = print) -> None:
        settings = run.recipe.track
        self._run, self._say = run, say
        self._uri = uri or settings.uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
        self._enabled = settings.enabled or uri is not None
        self._file = run.path / "tracking.json"
        self._state = self._load()
        self._server: Server | None = None
        self._try_again_at = 0.0
