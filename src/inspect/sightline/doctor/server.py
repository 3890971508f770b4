"""Whether experiments can be recorded, without importing MLflow."""

from __future__ import annotations

import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from sightline.doctor.check import Check

SECTION = "Tracking"
TIMEOUT = 3.0  # seconds


def check_server(uri: str) -> Check:
    """Whether an MLflow tracking server answers, or its database can be read.

    Args:
        uri: A tracking URI as MLflow takes it.
    """
    try:
        scheme = urlsplit(uri).scheme
    except ValueError as error:
        return Check(SECTION, "MLflow", "warn", f"MLFLOW_TRACKING_URI is no address: {error}", "correct it")
    if scheme in {"http", "https"}:
        return _ask(uri)
    if uri.startswith("sqlite:///"):
        return _open(uri, Path(uri.removeprefix("sqlite:///")))
    if scheme in {"", "file"} or len(scheme) == 1:  # one letter is a Windows drive
        advice = "set MLFLOW_TRACKING_URI to sqlite:///mlflow.db, or to the address of a server"
        return Check(SECTION, "MLflow", "warn", f"{uri} is a folder, which MLflow 3 refuses to write", advice)
    return Check(SECTION, "MLflow", "warn", f"{_without_password(uri)}: not looked at, only http and sqlite are")


def _ask(uri: str) -> Check:
    """A server's own word on its health."""
    shown = _without_password(uri)
    advice = "start the server or correct MLFLOW_TRACKING_URI; runs made meanwhile can be uploaded later"
    request = urllib.request.Request(f"{uri.rstrip('/')}/health")  # noqa: S310 - http or https, checked by the caller
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            healthy = answer.read(64).strip() == b"OK"
    except urllib.error.HTTPError as error:
        with error:
            return Check(SECTION, "MLflow", "warn", f"{shown} answers {error.code} {error.reason}", advice)
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Check(SECTION, "MLflow", "warn", f"{shown} cannot be reached: {reason}", advice)
    if not healthy:
        return Check(SECTION, "MLflow", "warn", f"{shown} answers, but not as an MLflow server does", advice)
    return Check(SECTION, "MLflow", "ok", f"{shown} is healthy")


def _open(uri: str, file: Path) -> Check:
    """A database as a file: there and MLflow's, or still to be made."""
    if not file.exists():
        if file.absolute().parent.is_dir():
            return Check(SECTION, "MLflow", "ok", f"{uri}, made by the first run")
        advice = f"make the folder {file.absolute().parent}, or correct MLFLOW_TRACKING_URI"
        return Check(SECTION, "MLflow", "warn", f"{uri}: its folder is not there", advice)
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=TIMEOUT)) as database:
            (runs,) = database.execute("SELECT count(*) FROM runs").fetchone()
    except sqlite3.Error as error:
        advice = "move the file away, or correct MLFLOW_TRACKING_URI"
        return Check(SECTION, "MLflow", "warn", f"{uri} is no readable MLflow database: {error}", advice)
    return Check(SECTION, "MLflow", "ok", f"{uri} with {runs} runs")


def _without_password(uri: str) -> str:
    """The address as it may be shown."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
