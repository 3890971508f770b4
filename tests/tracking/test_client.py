"""A tracking server that is down, hangs, is full or is none costs seconds and one clear line, never the run."""

import json
import socket
import sqlite3
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

import run_factory
from sightline.errors import TrackingError
from sightline.tracking import Tracker
from sightline.tracking.client import shown


@pytest.fixture(autouse=True)
def loopback(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")


@pytest.fixture
def closed_port():
    """An address on which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}"


@pytest.fixture
def serve(http_server):
    """Starts a server on loopback that answers everything in one way, and hands back its address."""

    def start(status, body, kind):
        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = answer  # noqa: N815

            def log_message(self, *_):
                pass

        port = http_server(Handler)
        return f"http://127.0.0.1:{port}"

    return start


def refused(run, uri):
    """What is said when a run cannot be sent, after checking that training would not have noticed."""
    said = []
    tracker = Tracker(run, uri=uri, say=said.append)
    start = time.monotonic()
    tracker.drain()
    tracker.drain()
    assert len(said) == 1
    tracker.finish("FINISHED")
    assert time.monotonic() - start < 15
    assert len(said) == 2
    assert f'sightline track "{run.path}"' in said[1]
    assert "The run goes on" in said[0]
    with pytest.raises(TrackingError) as caught:
        tracker.upload()
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 500
    return caught.value.message


def test_a_server_that_is_down(run, closed_port, capfd):
    assert "refused" in refused(run, closed_port)
    assert capfd.readouterr() == ("", "")


def test_a_server_that_never_answers(run):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in refused(run, f"http://127.0.0.1:{silent.getsockname()[1]}")


def test_a_host_that_is_not_there(run):
    refused(run, "http://no-such-host.invalid:5000")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"<html><h1>Bad day</h1></html>", "text/html"),
        (502, b"", "text/html"),
        (401, b"You are not authenticated.", "text/plain"),
        (404, b'{"detail": "Not Found"}', "application/json"),
        (200, b"<html>Please log in</html>", "text/html"),
        (200, b"[]", "application/json"),
        (200, b"null", "application/json"),
        (200, b'{"experiment": "yes"}', "application/json"),
        (200, b'{"experiment": []}', "application/json"),
        (200, b"\xff\xfe", "application/octet-stream"),
    ],
)
def test_a_server_that_is_no_mlflow(run, serve, status, body, kind, capfd):
    refused(run, serve(status, body, kind))
    assert capfd.readouterr() == ("", "")


def test_a_database_that_cannot_be_written(run, uri):
    refused(run, f"sqlite:///file:{uri.removeprefix('sqlite:///')}?mode=ro&uri=true")


def test_a_file_that_is_no_database(run, tmp_path):
    (tmp_path / "notes.db").write_bytes(b"no database at all, but long enough to look at" * 50)
    assert "not a database" in refused(run, f"sqlite:///{(tmp_path / 'notes.db').as_posix()}")


def test_a_database_whose_folder_cannot_be_made(run, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    refused(run, f"sqlite:///{(tmp_path / 'file' / 'mlflow.db').as_posix()}")


def test_a_database_of_another_mlflow(run, uri):
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
        database.commit()
    refused(run, uri)


@pytest.mark.parametrize(
    "uri", ["./mlruns", "file:///nowhere/mlruns", "http://[::1", "nonsense://host", "mysql://host/x"]
)
def test_an_address_that_is_none(run, uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(run, uri)


def test_a_store_that_takes_no_artifacts(run, uri, client, tmp_path):
    client.create_experiment("colours", artifact_location=(tmp_path / "full").as_uri())
    (tmp_path / "full").write_bytes(b"")  # a file where a folder is needed fails as a full disk does
    refused(run, uri)
    (found,) = client.search_runs([client.get_experiment_by_name("colours").experiment_id])
    assert found.data.params["train.epochs"] == "2"


def test_what_was_missed_arrives_once_the_server_is_back(run, uri, closed_port, client):
    gone = Tracker(run, uri=closed_port, say=lambda text: None)
    gone.drain()
    run_factory.train(run)
    gone.finish("FAILED")
    assert gone.run_id is None

    Tracker(run, uri=uri).upload()
    (found,) = client.search_runs([client.get_experiment_by_name("colours").experiment_id])
    assert found.info.status == "FAILED"
    assert found.data.metrics["train/loss"] == 0.5
    assert found.info.start_time == run.events()[0].time


def test_a_password_is_neither_said_nor_kept(run, uri, closed_port):
    address = closed_port.replace("http://", "http://me:secret@")
    assert "secret" not in refused(run, address)
    assert "secret" not in (run.path / "tracking.json").read_text(encoding="utf-8")
    assert shown("postgresql://me:se@cret@host/runs") == "postgresql://host/runs"
    assert shown("sqlite:///mlflow.db") == "sqlite:///mlflow.db"


def test_what_was_sent_is_noted_as_json(run, uri):
    Tracker(run, uri=uri).upload()
    state = json.loads((run.path / "tracking.json").read_text(encoding="utf-8"))
    assert list(state["servers"]) == [uri]
