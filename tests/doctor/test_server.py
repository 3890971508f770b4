"""A tracking server or database is found, or the reason why not, within seconds."""

import socket
import sqlite3
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

from sightline.doctor import server


@pytest.fixture
def serve(monkeypatch, http_server):
    """Starts a server on loopback that answers each request in one way, and hands back its address."""
    monkeypatch.setenv("no_proxy", "*")

    def start(status, body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == "/base/health"
                self.send_response(status if found else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        port = http_server(Handler)
        return f"127.0.0.1:{port}/base/"

    return start


def test_a_healthy_server(serve):
    check = server.check_server(f"http://{serve(200, b'OK')}")
    assert check.state == "ok", check.found


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [(200, b"<html>Welcome</html>", "not as an MLflow server"), (503, b"", "answers 503"), (401, b"", "answers 401")],
)
def test_a_server_that_is_not_well(serve, status, body, said):
    check = server.check_server(f"http://{serve(status, body)}")
    assert check.state == "warn"
    assert said in check.found
    assert check.advice


def test_a_password_in_the_address_is_not_shown(serve):
    address = serve(503, b"")
    assert "secret" not in server.check_server(f"http://me:secret@{address}").found
    assert "secret" not in server.check_server("postgresql://me:secret@host/runs").found


def test_a_server_that_is_down(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        check = server.check_server(f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert check.state == "warn"
    assert "cannot be reached" in check.found


def test_a_server_that_never_answers(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(server, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check = server.check_server(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert check.state == "warn"
    assert "cannot be reached" in check.found


def test_a_database_with_runs(tmp_path):
    file = tmp_path / "Läufe 1.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE runs (name TEXT)")
        database.execute("INSERT INTO runs VALUES ('first')")
        database.commit()
    check = server.check_server(f"sqlite:///{file}")
    assert check.state == "ok", check.found
    assert check.found.endswith("with 1 runs")


def test_a_database_that_is_still_to_be_made_is_not_made_by_looking(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check = server.check_server("sqlite:///mlflow.db")
    assert check.state == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"no database at all, but long enough to look at" * 10, b""])
def test_a_file_that_is_no_database_of_mlflow(tmp_path, content):
    file = tmp_path / "mlflow.db"
    file.write_bytes(content)
    assert server.check_server(f"sqlite:///{file}").state == "warn"


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sqlite:////nowhere/at/all/mlflow.db", "folder is not there"),
        ("./mlruns", "is a folder"),
        ("file:///data/mlruns", "is a folder"),
        ("C:\\mlruns", "is a folder"),
        ("databricks://x", "not looked at"),
        ("http://[::1", "is no address"),
        ("http://host:port", "cannot be reached"),
    ],
)
def test_addresses_that_cannot_record(uri, said):
    check = server.check_server(uri)
    assert check.state == "warn"
    assert said in check.found
