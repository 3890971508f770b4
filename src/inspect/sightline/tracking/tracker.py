"""Sends a run folder's events to a tracking server, each once, whenever the server can be reached."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from sightline.bundle import Bundle
from sightline.errors import TrackingError
from sightline.tracking.server import Server
from sightline.train.record import Artifact, DatasetPart, Event, Metrics, Params, RunFolder, Tags

DEFAULT_URI = "sqlite:///mlflow.db"

_PAUSE = 30.0  # seconds between two tries at a server that was down


class _Sent(BaseModel):
    """What one server has of this run."""

    run_id: str
    events: int = 0
    bundle: str = ""


class _State(BaseModel):
    """``tracking.json`` in the run folder: server -> what it has."""

    servers: dict[str, _Sent] = {}


class Tracker:
    """Uploads one run folder.

    Args:
        run: The run.
        uri: The tracking server; by default the recipe's, else MLFLOW_TRACKING_URI, else sqlite:///mlflow.db.
        say: Told in one line, once, that the server cannot be reached, and what to do about it later.

    Attributes:
        uri: The tracking server.
    """

    def __init__(self, run: RunFolder, *, uri: str | None = None, say: Callable[[str], None] = print) -> None:
        settings = run.recipe.track
        self.uri = uri or settings.uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
        self._run, self._say, self._settings = run, say, settings
        self._off = not settings.enabled and uri is None
        self._file = run.path / "tracking.json"
        self._state = self._load()
        self._server: Server | None = None
        self._try_again_at = 0.0
        self._said = False

    @property
    def run_id(self) -> str | None:
        """MLflow's id of the run on this server, or None as long as it has never been reached."""
        sent = self._state.servers.get(self.uri)
        return sent.run_id if sent else None

    def drain(self) -> None:
        """Sends what can be sent; a server that is down is said once, and asked again after a pause."""
        if self._off or time.monotonic() < self._try_again_at:
            return
        try:
            self.send()
        except TrackingError as error:
            self._try_again_at = time.monotonic() + _PAUSE
            if not self._said:
                self._say(f"{error.message}\nTraining goes on; send the run later: sightline track {self._run.path}")
            self._said = True

    def finish(self, bundle: Path | None, *, status: str = "FINISHED") -> None:
        """Sends all that is left, registers the bundle and closes the run; like `drain`, it does not fail."""
        self._try_again_at = 0.0
        self.drain()
        if self._server is None or self._try_again_at > 0:
            return
        try:
            if bundle is not None:
                self.publish(bundle)
            self._server.end(status)
        except TrackingError as error:
            self._say(f"{error.message}\nSend the rest later: sightline track {self._run.path}")

    def send(self) -> None:
        """Sends the events that the server has not got.

        Raises:
            TrackingError: The server cannot be reached or refuses.
        """
        server = self._connect()
        sent = self._state.servers[self.uri]
        events = self._run.events()
        for event in events[sent.events :]:
            _send(server, event, self._run.artifacts)
            sent.events += 1
            self._save()

    def publish(self, bundle: Path) -> None:
        """Registers a bundle as a model with the recipe's alias, unless this very bundle is registered already.

        Raises:
            TrackingError: The server cannot be reached or refuses.
        """
        server = self._connect()
        sent, digest = self._state.servers[self.uri], Bundle.open(bundle).digest
        if sent.bundle == digest:
            return
        server.publish(bundle, self._settings.register_as or self._run.recipe.name, self._settings.alias)
        sent.bundle = digest
        self._save()

    def _connect(self) -> Server:
        if self._server is None:
            sent = self._state.servers.get(self.uri)
            experiment = self._settings.experiment or self._run.recipe.name
            self._server = Server(self.uri, experiment, run_id=sent.run_id if sent else None, name=self._run.path.name)
            self._state.servers[self.uri] = sent or _Sent(run_id=self._server.run_id)
            self._save()
        return self._server

    def _load(self) -> _State:
        try:
            return _State.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return _State()
        except ValidationError as error:
            raise TrackingError(f"{self._file} is damaged", hint="Delete it; the run is then sent anew.") from error

    def _save(self) -> None:
        aside = self._file.with_suffix(".part")
        aside.write_text(self._state.model_dump_json(indent=1), encoding="utf-8")
        os.replace(aside, self._file)


def _send(server: Server, event: Event, artifacts: Path) -> None:
    match event:
        case Params():
            server.params(event.values)
        case Metrics():
            server.metrics([(name, value, event.time, event.step) for name, value in event.values.items()])
        case Tags():
            server.tags(event.values)
        case DatasetPart():
            server.dataset(event.name, event.digest, event.context, event.source, json.dumps(event.counts))
        case Artifact():
            server.artifact(artifacts / event.path, Path(event.path).parent.as_posix().removeprefix("."))
