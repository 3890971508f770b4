"""A database of MLflow to send runs to."""

import shutil

import pytest
from mlflow import MlflowClient

import run_factory
from sightline.tracking.client import connect, reaching


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A database with MLflow's tables: making them takes seconds, copying the file does not."""
    file = tmp_path_factory.mktemp("mlflow") / "empty.db"
    with reaching("sqlite"):
        connect(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def uri(empty_database, tmp_path, monkeypatch):
    """The address of an empty tracking database, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    file = tmp_path / "tracked" / "mlflow.db"
    file.parent.mkdir()
    shutil.copy(empty_database, file)
    return f"sqlite:///{file.as_posix()}"


@pytest.fixture
def client(uri):
    """MLflow's own client, to look at what arrived."""
    return MlflowClient(uri, uri)


@pytest.fixture
def run(tmp_path):
    """A run folder as it is when training starts."""
    return run_factory.start(tmp_path)
