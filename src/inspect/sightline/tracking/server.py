"""One run on a tracking server. Everything here may be done twice without harm."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, LifecycleStage, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from sightline.errors import TrackingError
from sightline.runs import Artifact, DatasetPart, Event, Metrics, Params, Tags
from sightline.tracking.client import connect, reaching, shown

_Row = TypeVar("_Row")

# Limits of MLflow's API.
_PARAMS_A_CALL, _METRICS_A_CALL = 100, 1000
_LONGEST_NAME, _LONGEST_PARAM, _LONGEST_TAG = 250, 6000, 8000

KEY = "sightline.run"
"""The tag that a run is found again by."""

NOTE, USER = "mlflow.note.content", "mlflow.user"
"""The tags that MLflow shows as a run's description and author."""

VIEW = "sightline"
"""The key of the view that `Server.arrange` offers."""

_SETTINGS = ("model.backbone", "input.height", "train.epochs", "train.learning_rate", "seed")  # columns of that view
_KIND = {"mlflow.experimentKind": "custom_model_development"}  # else MLflow's pages are those for chat bots


class Server:
    """One run on a tracking server.

    The run is found again by its id or, where that got lost, by its key. Where the server has none, a new one is made.

    Args:
        uri: Of the server, or ``sqlite:///file``.
        experiment: Experiment of a new run; made if it is not there, restored if it was deleted.
        run_id: MLflow's id of the run, or None.
        key: Tells the run from all others; letters, digits and hyphens.
        name: Name of a new run.
        start: When a new run began, in ms since 1970.
        tags: Of a new run.

    Attributes:
        uri: As given.
        client: MLflow's client.
        run_id: MLflow's id of the run.
        experiment_id: MLflow's id of its experiment.

    Raises:
        TrackingError: The server cannot be reached or refuses, or the run was deleted there.
    """

    def __init__(
        self,
        uri: str,
        experiment: str,
        *,
        run_id: str | None,
        key: str,
        name: str,
        start: int,
        tags: Mapping[str, str],
    ) -> None:
        self.uri = uri
        self.client = connect(uri)
        with reaching(uri):
            run = self._by_id(run_id) if run_id else None
            if run is None:
                home = self._experiment(experiment)
                run = self._by_key(home, key) or self.client.create_run(home, start, {**tags, KEY: key}, name)
        self.run_id: str = run.info.run_id
        self.experiment_id: str = run.info.experiment_id
        if run.info.lifecycle_stage == LifecycleStage.DELETED:
            raise TrackingError(
                f"the run {self.run_id} was deleted in MLflow at {shown(uri)}",
                hint=f"Restore it with `mlflow runs restore --run-id {self.run_id}`, "
                "or delete tracking.json in the run folder to send it as a new run.",
            )

    def send(self, events: Sequence[Event], artifacts: Path) -> None:
        """Sends events in few calls, whatever their number.

        Args:
            events: What was recorded.
            artifacts: The folder that their artifacts lie in.

        Raises:
            TrackingError: The server cannot be reached or refuses; some of the events may have arrived.
        """
        with reaching(self.uri):
            self._params([event for event in events if isinstance(event, Params)])
            self._tags([event for event in events if isinstance(event, Tags)])
            self._metrics([event for event in events if isinstance(event, Metrics)])
            self._datasets([event for event in events if isinstance(event, DatasetPart)])
            self._artifacts([event.path for event in events if isinstance(event, Artifact)], artifacts)

    def arrange(self, figures: Sequence[str], *, by: str, ascending: bool) -> None:
        """Offers a view of the experiment's runs that tells them apart, those first that did best on the validate part.

        The test part's figures are shown and do not decide: a run that is chosen by them has no honest figure left.

        MLflow's own table shows no figure and no setting until someone picks columns. It keeps a view that one person
        shares with others in this tag; a version that knows it not shows its own table.

        Args:
            figures: Of the test part.
            by: The figure of the validate part that runs are ordered by.
            ascending: Whether less of it is better.
        """
        names = [f"metrics.`{allowed(figure)}`" for figure in (by, *figures)]
        columns = ["attributes.`Models`", *names, *(f"params.`{name}`" for name in _SETTINGS)]
        state = {"selectedColumns": columns, "orderByKey": names[0], "orderByAsc": ascending}
        with reaching(self.uri):
            self.client.set_experiment_tag(self.experiment_id, f"mlflow.sharedViewState.{VIEW}", json.dumps(state))

    def begin(self) -> None:
        """Shows the run as being in progress."""
        with reaching(self.uri):
            self.client.update_run(self.run_id, status="RUNNING")

    def end(self, status: str, time: int) -> None:
        """Closes the run as FINISHED, FAILED or KILLED at a time in ms since 1970."""
        with reaching(self.uri):
            self.client.set_terminated(self.run_id, status, time)

    def _params(self, events: Sequence[Params]) -> None:
        """Logs settings; one that is there already stays as it is, for MLflow lets none change."""
        there = self.client.get_run(self.run_id).data.params if events else {}
        values = {allowed(key): value[:_LONGEST_PARAM] for event in events for key, value in event.values.items()}
        rows = [Param(key, value) for key, value in values.items() if key not in there]
        for part in _parts(rows, _PARAMS_A_CALL):
            self.client.log_batch(self.run_id, params=part)

    def _tags(self, events: Sequence[Tags]) -> None:
        values = {allowed(key): value[:_LONGEST_TAG] for event in events for key, value in event.values.items()}
        for part in _parts([RunTag(key, value) for key, value in values.items()], _PARAMS_A_CALL):
            self.client.log_batch(self.run_id, tags=part)

    def _metrics(self, events: Sequence[Metrics]) -> None:
        rows = [Metric(allowed(key), value, e.time, e.step) for e in events for key, value in e.values.items()]
        for part in _parts(rows, _METRICS_A_CALL):
            self.client.log_batch(self.run_id, metrics=part)

    def _datasets(self, events: Sequence[DatasetPart]) -> None:
        """Records the parts of the data as inputs; an empty part is none."""
        rows = [_input(event) for event in events if event.counts]
        if rows:
            self.client.log_inputs(self.run_id, rows)

    def _artifacts(self, names: Sequence[str], root: Path) -> None:
        """Uploads each file or folder once; what is no longer there is left out."""
        for name in dict.fromkeys(names):
            path = root / name
            if path.is_dir():
                self.client.log_artifacts(self.run_id, str(path), name)
            elif path.is_file():
                self.client.log_artifact(self.run_id, str(path), posixpath.dirname(name) or None)

    def _by_id(self, run_id: str) -> Run | None:
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None  # the database is another one, or the run was deleted for good

    def _by_key(self, experiment_id: str, key: str) -> Run | None:
        found = self.client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'", max_results=1)
        return found[0] if found else None

    def _experiment(self, name: str) -> str:
        found: Experiment | None = self.client.get_experiment_by_name(name)
        if found is None:
            return str(self.client.create_experiment(name, artifact_location=_beside(self.uri), tags=_KIND))
        if found.lifecycle_stage == LifecycleStage.DELETED:
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


def _beside(uri: str) -> str | None:
    """Where artifacts of a database file go: beside it, whatever the working directory; a server decides for itself."""
    database = uri.removeprefix("sqlite:///")
    return (Path(database).absolute().parent / "mlartifacts").as_uri() if database != uri else None


def _input(event: DatasetPart) -> DatasetInput:
    dataset = Dataset(
        name=event.name,
        digest=event.digest[:12],  # it is part of the name that MLflow shows
        source_type="local",
        source=json.dumps({"uri": event.source}),
        profile=json.dumps(event.counts),
    )
    return DatasetInput(dataset, [InputTag("mlflow.data.context", event.context)])


def allowed(key: str) -> str:
    """The key as MLflow takes it: what it refuses in a name, such as brackets, becomes an underscore."""
    return posixpath.normpath(re.sub(r"[^\w.\-/ ]", "_", key)).strip("/")[:_LONGEST_NAME]


def _parts(rows: Sequence[_Row], size: int) -> Iterator[list[_Row]]:
    for start in range(0, len(rows), size):
        yield list(rows[start : start + size])
