"""With MLflow's own servers, each a process of its own on loopback."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

import bundle_factory
import run_factory
from sightline import image
from sightline.runtime import Inspector
from sightline.tracking import Tracker
from sightline.tracking import tracker as tracker_room

pytestmark = pytest.mark.slow


@pytest.fixture
def port():
    """A port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    """Starts one of MLflow's servers and waits until it answers; all are ended with the test."""
    monkeypatch.setenv("no_proxy", "*")
    running = []

    def start(*arguments, health):
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        command = [sys.executable, "-m", "mlflow", *map(str, arguments)]
        with (tmp_path / "server.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
        running.append(process)
        until = time.monotonic() + 120
        while not answers(health):
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail((tmp_path / "server.log").read_text(encoding="utf-8", errors="replace")[-3000:])
            time.sleep(0.3)
        return process

    yield start
    for process in running:
        stop(process)


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


def stop(process):
    """Ends a server with the workers that it started."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        member.kill()
    process.wait()


def test_a_server_that_comes_late_and_goes_early(run, empty_database, tmp_path, port, mlflow, monkeypatch):
    monkeypatch.setattr(tracker_room, "_PAUSE", 0)
    monkeypatch.setattr(tracker_room, "_REST", 0)
    database = tmp_path / "server.db"
    database.write_bytes(empty_database.read_bytes())
    uri, said = f"http://127.0.0.1:{port}", []
    tracker = Tracker(run, uri=uri, say=said.append)
    tracker.drain()
    assert "refused" in said[0]

    server = mlflow(
        *("server", "--backend-store-uri", f"sqlite:///{database.as_posix()}", "--port", port, "--workers", 1),
        *("--artifacts-destination", tmp_path / "store"),
        health=f"{uri}/health",
    )
    client = MlflowClient(uri, uri)
    run_factory.train(run, epochs=1)
    tracker.drain()
    assert client.get_run(tracker.run_id).info.status == "RUNNING"
    run_factory.train(run, epochs=1, first=1)
    run_factory.export(run)
    tracker.finish("FINISHED")
    found = client.get_run(tracker.run_id)
    assert found.info.status == "FINISHED"
    assert found.info.start_time == run.events()[0].time
    assert [point.value for point in client.get_metric_history(tracker.run_id, "train/loss")] == [1.0, 0.5]
    assert {file.path for file in client.list_artifacts(tracker.run_id)} == {"data", "card.md"}
    assert client.get_model_version_by_alias("colours", "candidate").run_id == tracker.run_id
    assert f"{uri}/#/experiments/{found.info.experiment_id}/runs/{tracker.run_id}" in said[-1]
    assert len(said) == 2

    stop(server)
    run_factory.train(run, epochs=1, first=2)
    start = time.monotonic()
    tracker.drain()
    tracker.finish("FINISHED")
    assert time.monotonic() - start < 10
    assert "sightline track" in said[-1]


def test_models_serve_gives_the_verdicts_of_the_runtime(run, uri, port, mlflow, monkeypatch):
    bundle = run_factory.export(run)
    Tracker(run, uri=uri).upload()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    address = f"http://127.0.0.1:{port}"
    mlflow(
        *("models", "serve", "--model-uri", "models:/colours@candidate", "--env-manager", "local"),
        *("--host", "127.0.0.1", "--port", port, "--workers", 1),
        health=f"{address}/health",
    )
    colours = [(250, 10, 10), (0, 0, 0), (128, 0, 0)]
    cells = [[base64.b64encode(image.png(bundle_factory.frame_of(colour))).decode()] for colour in colours]
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps({"dataframe_split": {"columns": ["image"], "data": [*cells, ["broken"]]}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        *rows, broken = json.load(answer)["predictions"]
    assert broken["outcome"] == "NOT_INSPECTED"
    inspector = Inspector.open(bundle)
    for colour, row in zip(colours, rows, strict=True):
        expected = inspector.inspect(bundle_factory.frame_of(colour)).to_dict()
        assert row == {key: expected[key] for key in row}
