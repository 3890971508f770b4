"""Sends what a run folder recorded to a tracking server, whenever the server can be reached."""

from __future__ import annotations

import getpass
import os
import platform
import time
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ValidationError

from sightline.bundle import Bundle
from sightline.errors import SightlineError, TrackingError
from sightline.files import write_whole
from sightline.runs import RunFolder, Tags
from sightline.tracking import note, registry
from sightline.tracking.client import is_server, look, shown
from sightline.tracking.server import NOTE, USER, VIEW, Server

DEFAULT_URI = "sqlite:///mlflow.db"

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
"""How a run stands, in MLflow's words."""

_LOCAL = "http://127.0.0.1:5000"  # where `mlflow ui` answers
_PAUSE = 30.0  # seconds to rest after a failure, at least
_REST = 10  # sending is followed by a rest this many times as long, so that it costs a tenth of the time at most


class _Sent(BaseModel):
    """What one server has of the run: so many events, the last of which was recorded at ``last``."""

    run_id: str
    events: int = 0
    last: int = 0
    bundle: str = ""
    version: str = ""


class _State(BaseModel):
    """``tracking.json`` in the run folder: how the run stands, and what each server has of it."""

    status: Status = "RUNNING"
    servers: dict[str, _Sent] = {}


class Tracker:
    """Uploads one run folder.

    Args:
        run: The run.
        uri: The tracking server; by default the recipe's, else MLFLOW_TRACKING_URI, else sqlite:///mlflow.db.
        say: Told in whole lines where the run can be seen, or why it cannot and what to do.

    Attributes:
        uri: The tracking server.
    """

    def __init__(self, run: RunFolder, *, uri: str | None = None, say: Callable[[str], None] = print) -> None:
        self._settings = run.recipe.track
        self.uri = uri or self._settings.uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
        self._model = self._settings.register_as or run.recipe.name
        self._run, self._say = run, say
        self._file = run.path / "tracking.json"
        self._state = self._load()
        self._server: Server | None = None
        self._next = 0.0
        self._said = False

    @property
    def run_id(self) -> str | None:
        """MLflow's id of the run on this server, or None as long as it has never been reached."""
        sent = self._state.servers.get(shown(self.uri))
        return sent.run_id if sent else None

    def drain(self) -> None:
        """Sends what is new, for calling while training goes on.

        It never fails, and takes a tenth of the time at most: it rests after each call, and longer after a failure,
        which is said once.
        """
        if not self._settings.enabled or time.monotonic() < self._next:
            return
        start = time.monotonic()
        failed = self._attempt(self._send_while_running)
        if failed and not self._said:
            self._say(f"{failed}\nThe run goes on; what is missing there is sent as soon as it can be.")
            self._said = True
        now = time.monotonic()
        self._next = now + max(_REST * (now - start), _PAUSE if failed else 0)

    def finish(self, status: Status) -> None:
        """Notes how the run ended and uploads all that is left; like `drain`, it does not fail."""
        self._state.status = status
        failed = self._attempt(self.upload if self._settings.enabled else self._save)
        if self._settings.enabled:
            self._say(f'{failed}\nSend the run later: sightline track "{self._run.path}"' if failed else self.where())

    def note(self, status: Status) -> None:
        """Notes how the run ended, without sending it."""
        self._state.status = status
        self._save()

    def upload(self) -> None:
        """Sends all that the server has not got, registers the bundle if there is one, and closes the run.

        The bundle of a run that failed or was killed is not registered: it is of before, or nobody knows what it is.

        Raises:
            TrackingError: The server cannot be reached or refuses.
            BundleError: The bundle in the run folder is damaged.
        """
        self._save()
        server, sent = self._connect()
        self._send(server, sent)
        bundle = self._run.bundle
        if bundle.is_dir() and self._state.status in ("RUNNING", "FINISHED"):
            self._publish(server, sent, Bundle.open(bundle))
            self._state.status = "FINISHED"
            self._save()
        if self._state.status != "RUNNING":
            server.end(self._state.status, sent.last)

    def where(self) -> str:
        """Where a run that was sent is seen, and the name of its model, in a few lines.

        Raises:
            TrackingError: The server cannot be reached or refuses.
        """
        server, sent = self._connect()
        at_server = is_server(self.uri)
        pages = f"{shown(self.uri).rstrip('/') if at_server else _LOCAL}/#/experiments/{server.experiment_id}/runs"
        lines = [] if at_server else [f"to look  {look(self.uri)}"]
        lines.append(f"the run  {pages}/{server.run_id}?workflowType=machine_learning")
        if sent.version:
            lines.append(f"all runs {pages}?workflowType=machine_learning&viewStateShareKey={VIEW}")
            lines.append(
                f"model    models:/{self._model}/{sent.version} or models:/{self._model}@{self._settings.alias}"
            )
        return "\n".join(lines)

    def _attempt(self, step: Callable[[], None]) -> str:
        """Does a step; what it raised as text, or nothing."""
        try:
            step()
        except SightlineError as error:
            self._server = None  # the next step looks anew whether the run is still there
            return str(error)
        return ""

    def _send_while_running(self) -> None:
        server, sent = self._connect()
        if self._state.status != "RUNNING":  # a run that had ended goes on
            server.begin()
            self._state.status = "RUNNING"
        self._send(server, sent)

    def _send(self, server: Server, sent: _Sent) -> None:
        events = self._run.events()
        if not 0 < sent.events <= len(events) or events[sent.events - 1].time != sent.last:
            sent.events = 0  # a resume shortened the log: send all of it, for what comes twice does no harm
        if new := events[sent.events :]:
            server.send(new, self._run.artifacts)
            sent.events, sent.last = len(events), events[-1].time
            self._save()

    def _publish(self, server: Server, sent: _Sent, bundle: Bundle) -> None:
        if sent.bundle == bundle.digest:
            return
        server.send([Tags(values={NOTE: note.of_bundle(bundle)})], self._run.artifacts)
        if figures := [f"test/{metric.name}" for metric in bundle.manifest.headline]:
            overlap = bundle.manifest.method == "segment"  # as training picks the epoch
            server.arrange(figures, by=f"best/validate/{'miou' if overlap else 'loss'}", ascending=not overlap)
        sent.version = registry.publish(server, bundle, self._model, self._settings.alias)
        sent.bundle = bundle.digest

    def _connect(self) -> tuple[Server, _Sent]:
        key = shown(self.uri)
        if self._server is None:
            sent = self._state.servers.get(key)
            events = self._run.events()
            begun, recipe = events[0].time if events else 0, self._run.recipe
            self._server = Server(
                self.uri,
                self._settings.experiment or recipe.name,
                run_id=sent.run_id if sent else None,
                key=f"{recipe.name}-{begun}",
                name=self._name(),
                start=begun,
                tags={NOTE: note.of_folder(self._run.path.resolve(), platform.node()), USER: _user()},
            )
            if sent is None or sent.run_id != self._server.run_id:
                self._state.servers[key] = _Sent(run_id=self._server.run_id)
                self._save()
        return self._server, self._state.servers[key]

    def _name(self) -> str:
        """The folder's name, without the recipe's where the experiment has it: MLflow shows two dozen letters."""
        name = self._run.path.name
        return name if self._settings.experiment else name.removeprefix(f"{self._run.recipe.name}-")

    def _load(self) -> _State:
        try:
            return _State.model_validate_json(self._file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return _State()  # nothing is lost: a run is found again by its key, and what comes twice does no harm

    def _save(self) -> None:
        try:
            write_whole(self._file, self._state.model_dump_json(indent=1).encode())
        except OSError as error:
            raise TrackingError(f"{self._file} cannot be written: {error.strerror}") from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container or service account without a name
        return ""
