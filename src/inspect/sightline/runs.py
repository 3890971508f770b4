"""The run folder: all that a training run was, is and measured, on disk, whatever happens to process or server.

recipe.yaml      the resolved recipe
index.jsonl      the images with the split that was used
events.jsonl     parameters, metrics, tags, artifacts in the order they came: the outbox of tracking
checkpoints/     to go on from, and the best weights
artifacts/       pictures and tables
bundle/          what was exported
"""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sightline import config
from sightline.config import Recipe
from sightline.errors import TrainError
from sightline.files import write_whole
from sightline.index import Index

Progress = Callable[[str, int, int], None]
"""Told the stage of long work, steps done and steps in all."""


def silent(stage: str, done: int, total: int) -> None:
    """Shows no progress."""


class _Event(BaseModel):
    # A loss may become no number; JSON has no word for it, pydantic has.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    time: int = Field(default_factory=lambda: time.time_ns() // 1_000_000, description="milliseconds since 1970")


class Params(_Event):
    """Flat settings of the run."""

    kind: Literal["params"] = "params"
    values: dict[str, str]


class Metrics(_Event):
    """Figures at one step (the epoch, counted from 0)."""

    kind: Literal["metrics"] = "metrics"
    values: dict[str, float]
    step: int


class Tags(_Event):
    """Words to find the run by."""

    kind: Literal["tags"] = "tags"
    values: dict[str, str]


class DatasetPart(_Event):
    """One split of the data that the run used."""

    kind: Literal["dataset"] = "dataset"
    name: str
    digest: str
    context: str
    source: str
    counts: dict[str, int]


class Artifact(_Event):
    """A file or folder below ``artifacts/``, whole at this moment."""

    kind: Literal["artifact"] = "artifact"
    path: str


Event = Params | Metrics | Tags | DatasetPart | Artifact
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


class RunFolder:
    """One training run on disk.

    Attributes:
        path: The folder.
        recipe: The resolved recipe.
        index: The images with their splits.
    """

    def __init__(self, path: Path, recipe: Recipe, index: Index) -> None:
        self.path, self.recipe, self.index = path, recipe, index
        self._log = path / "events.jsonl"

    @classmethod
    def create(cls, runs: Path, recipe: Recipe, index: Index) -> RunFolder:
        """Makes a new folder ``runs/NAME-YYYYMMDD-HHMMSS``.

        Raises:
            TrainError: The folder cannot be written.
        """
        index = index.model_copy(update={"root": index.root.absolute()})  # the folder may be opened from anywhere
        try:
            path = _claimed(runs, f"{recipe.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}")
            for name in ("checkpoints", "artifacts"):
                (path / name).mkdir()
            (path / "recipe.yaml").write_text(config.dump(recipe), encoding="utf-8")
        except OSError as error:
            raise TrainError(f"{runs} cannot be written: {error.strerror}") from error
        index.save(path / "index.jsonl")
        return cls(path, recipe, index)

    @staticmethod
    def check_room(runs: Path) -> None:
        """Makes the folder of run folders, and refuses one that cannot be written.

        Raises:
            TrainError: It cannot.
        """
        try:
            runs.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=runs):
                pass
        except OSError as error:
            raise TrainError(f"{runs} cannot be written: {error.strerror}", hint="Name another with --runs.") from error

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Opens a run folder that is there.

        Raises:
            TrainError: It is no run folder.
        """
        if not (path / "recipe.yaml").is_file() or not (path / "index.jsonl").is_file():
            raise TrainError(
                f"expected a run folder with recipe.yaml and index.jsonl, but {path} is none",
                hint="Run folders lie in runs/ unless --runs said otherwise.",
            )
        run = cls(path, config.load(path / "recipe.yaml"), Index.load(path / "index.jsonl"))
        run._mend_log()
        return run

    @property
    def artifacts(self) -> Path:
        """Folder of pictures and tables."""
        return self.path / "artifacts"

    @property
    def bundle(self) -> Path:
        """Folder of the bundle, once it was exported."""
        return self.path / "bundle" / f"{self.recipe.name}-{self.recipe.version}"

    @property
    def checkpoints(self) -> Path:
        """Folder of what training goes on from."""
        return self.path / "checkpoints"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training or exporting the run at the same time.

        Raises:
            TrainError: Another one is at it.
        """
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise TrainError(
                f"{self.path} is being trained or exported by another process", hint="Wait for it, or stop it."
            ) from error
        except OSError as error:
            raise TrainError(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            yield
        finally:
            lock.release()

    def params(self, values: Mapping[str, object]) -> None:
        """Records flat settings."""
        self._append(Params(values={key: str(value) for key, value in values.items()}))

    def metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Records figures of one epoch."""
        self._append(Metrics(values=dict(values), step=step))

    def tags(self, values: Mapping[str, str]) -> None:
        """Records words to find the run by."""
        self._append(Tags(values=dict(values)))

    def dataset(self, part: DatasetPart) -> None:
        """Records one split of the data."""
        self._append(part)

    def artifact(self, path: str) -> None:
        """Records that a file or folder below ``artifacts/`` is whole."""
        self._append(Artifact(path=path))

    def events(self) -> list[Event]:
        """Everything recorded, in order."""
        if not self._log.exists():
            return []
        found: list[Event] = []
        for number, line in enumerate(self._log.read_bytes().splitlines(), start=1):
            try:
                found.append(_EVENT.validate_json(line))
            except ValidationError as error:
                raise TrainError(
                    f"{self._log}, line {number}: expected an event of the run, got {line[:60]!r}",
                    hint="The file is damaged. Without that line the rest can be sent and resumed.",
                ) from error
        return found

    def history(self) -> dict[str, list[tuple[int, float]]]:
        """Name of a figure -> (epoch, value), for figures recorded each epoch (``train/``, ``validate/``)."""
        points: dict[str, dict[int, float]] = {}
        for event in self.events():
            if isinstance(event, Metrics):
                for name, value in event.values.items():
                    if name.startswith(("train/", "validate/")):
                        points.setdefault(name, {})[event.step] = value
        return {name: sorted(values.items()) for name, values in points.items()}

    def events_before_training(self) -> int:
        """How many events there were when training began: those before the first figure."""
        events = self.events()
        return next((number for number, event in enumerate(events) if isinstance(event, Metrics)), len(events))

    def forget_after(self, count: int) -> None:
        """Drops events beyond the first ``count``: those of an epoch that a killed run did not finish."""
        lines = self._log.read_bytes().splitlines(keepends=True) if self._log.exists() else []
        if len(lines) > count:
            self._replace_log(b"".join(lines[:count]))

    def _append(self, event: Event) -> None:
        try:
            with self._log.open("ab") as log:
                log.write(event.model_dump_json().encode() + b"\n")
                log.flush()
                os.fsync(log.fileno())
        except OSError as error:
            raise TrainError(
                f"{self._log} cannot be written: {error.strerror}",
                hint=f"Nothing recorded is lost. Make room, then: sightline train --resume {self.path}",
            ) from error

    def _mend_log(self) -> None:
        """Drops a last line that a killed process wrote half."""
        data = self._log.read_bytes() if self._log.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            self._replace_log(whole)

    def _replace_log(self, data: bytes) -> None:
        try:
            write_whole(self._log, data)
        except OSError as error:
            raise TrainError(f"{self._log} cannot be written: {error.strerror}") from error


def _claimed(runs: Path, name: str) -> Path:
    """A new folder of that name, or of the next one that is free."""
    runs.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = runs / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise AssertionError  # there is always a next number
