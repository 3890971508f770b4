"""``sightline track`` sends a run that MLflow has not got, or says why it cannot."""

import socket

import pytest

import run_factory
from sightline.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run that no server has heard of, in a working directory of its own."""
    pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = run_factory.start(tmp_path)
    run_factory.train(run)
    run_factory.export(run)
    return run


def test_a_run_is_sent_with_its_bundle(run, capsys, tmp_path):
    assert main(["track", str(run.path)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert 'mlflow ui --backend-store-uri "sqlite:///mlflow.db"' in said.out
    assert "models:/colours@candidate" in said.out
    assert (tmp_path / "mlflow.db").is_file()
    assert main(["track", str(run.path)]) == 0  # once more changes nothing
    assert capsys.readouterr() == said


def test_a_server_that_is_down_is_said(run, capsys, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert main(["track", str(run.path), "--uri", address]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: MLflow at {address} does not take the run")
    assert "Traceback" not in said.err


def test_a_folder_that_is_no_run_is_said(tmp_path, capsys):
    assert main(["track", str(tmp_path)]) == 2
    assert "expected a run folder" in capsys.readouterr().err
