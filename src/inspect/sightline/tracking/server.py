"""A thin face over MLflow's client: one run on one server. Everything it does may be done twice without harm."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

# Read by mlflow when it calls a server: one that is down must cost seconds, not the minutes of mlflow's own patience.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

import mlflow
import requests
import sqlalchemy.exc
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from sightline.errors import TrackingError

_Row = TypeVar("_Row")

_PARAMS_A_CALL, _METRICS_A_CALL, _LONGEST_VALUE = 100, 1000, 6000  # limits of MLflow's API
_UNREACHABLE = (MlflowException, requests.RequestException, sqlalchemy.exc.SQLAlchemyError, OSError)


class Server:
    """One run on a tracking server.

    Args:
        uri: Of the server, or ``sqlite:///file``.
        experiment: Its name; made if it is not there.
        run_id: The run to go on with, or None for a new one.
        name: Name of a new run.

    Attributes:
        uri: As given.
        run_id: MLflow's id of the run.

    Raises:
        TrackingError: The server can't be reached or refuses.
    """

    def __init__(self, uri: str, experiment: str, *, run_id: str | None, name: str) -> None:
        self.uri = uri
        with _failing_as(uri):
            self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
            self.experiment_id = self._experiment(experiment)
            if run_id is None:
                run_id = self._client.create_run(self.experiment_id, run_name=name).info.run_id
            else:
                self._client.update_run(run_id, status="RUNNING")
        self.run_id = run_id

    def params(self, values: Mapping[str, object]) -> None:
        """Logs flat parameters; MLflow lets none of them change later."""
        rows = [Param(key, str(value)[:_LONGEST_VALUE]) for key, value in values.items()]
        with _failing_as(self.uri):
            for part in _parts(rows, _PARAMS_A_CALL):
                self._client.log_batch(self.run_id, params=part)

    def metrics(self, rows: Sequence[tuple[str, float, int, int]]) -> None:
        """Logs metrics, each a name, value, time in ms since 1970 and step."""
        with _failing_as(self.uri):
            for part in _parts([Metric(*row) for row in rows], _METRICS_A_CALL):
                self._client.log_batch(self.run_id, metrics=part)

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets tags."""
        with _failing_as(self.uri):
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in values.items()])

    def dataset(self, name: str, digest: str, context: str, source: str, profile: str) -> None:
        """Records one part of the data as an input of the run."""
        dataset = Dataset(name=name, digest=digest[:36], source_type="local", source=source, profile=profile)
        with _failing_as(self.uri):
            self._client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])

    def artifact(self, path: Path, folder: str) -> None:
        """Uploads a file, or a folder with all it holds, under the given folder of the run's artifacts."""
        with _failing_as(self.uri):
            if path.is_dir():
                self._client.log_artifacts(self.run_id, str(path), f"{folder}/{path.name}" if folder else path.name)
            else:
                self._client.log_artifact(self.run_id, str(path), folder or None)

    def publish(self, bundle: Path, name: str, alias: str) -> str:
        """Logs the bundle as a model, registers it, and moves the alias to the new version.

        Returns:
            The version that the registry gave it.
        """
        with _failing_as(self.uri):
            mlflow.set_tracking_uri(self.uri)
            mlflow.set_registry_uri(self.uri)
            with mlflow.start_run(run_id=self.run_id):
                info = mlflow.pyfunc.log_model(
                    name="bundle",
                    python_model=str(Path(__file__).with_name("served.py")),
                    artifacts={"bundle": str(bundle)},
                    pip_requirements=["sightline", "mlflow", "pandas"],
                    registered_model_name=name,
                )
            version = str(info.registered_model_version)
            self._client.set_registered_model_alias(name, alias, version)
            return version

    def end(self, status: str) -> None:
        """Closes the run as FINISHED, FAILED or KILLED."""
        with _failing_as(self.uri):
            self._client.set_terminated(self.run_id, status)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name))
        if found.lifecycle_stage == "deleted":
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


@contextmanager
def _failing_as(uri: str) -> Iterator[None]:
    try:
        yield
    except _UNREACHABLE as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TrackingError(f"the tracking server {_without_password(uri)} does not take the run: {reason[:300]}") from error


def _without_password(uri: str) -> str:
    head, at, host = uri.rpartition("@")
    return f"{head.partition('://')[0]}://***@{host}" if at else uri


def _parts(rows: Sequence[_Row], size: int) -> list[list[_Row]]:
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]
