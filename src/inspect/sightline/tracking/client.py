"""The way to MLflow's client: within seconds or not at all, and with nothing of MLflow's own talk on the terminal."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# MLflow reads these, the last one while it is imported; what the user has set is kept.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")  # seconds; its own patience with a dead server is minutes
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a plant's computer calls nobody unasked

import sqlalchemy.exc
from alembic.util.exc import CommandError
from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.db.db_types import DATABASE_ENGINES
from requests import RequestException

from sightline.errors import TrackingError

# All that came out of MLflow when its server was down, hung, full, foreign or no MLflow at all.
_FAILURES = (
    MlflowException,
    RequestException,
    sqlalchemy.exc.SQLAlchemyError,
    CommandError,
    ParseError,
    ImportError,  # no driver for the database
    ValueError,  # no JSON, no address
    OSError,
)
_TALKATIVE = ("mlflow", "alembic", "urllib3.connectionpool")


def connect(uri: str) -> MlflowClient:
    """A client for a tracking server or database, which also is its model registry.

    Raises:
        TrackingError: The database cannot be opened. A server is not asked yet.
    """
    with reaching(uri):
        if uri.partition(":")[0].partition("+")[0] in DATABASE_ENGINES:
            _open_database(uri)
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Keeps MLflow quiet, and turns what it raises into a `TrackingError` of one line."""
    outer = sys.exception()  # a run that fails is uploaded while its own exception is on the way
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _FAILURES as error:
        reason = _reason(error, outer).replace(uri, shown(uri))
        raise TrackingError(f"MLflow at {shown(uri)} does not take the run: {reason}") from error
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def shown(uri: str) -> str:
    """An address without the user and password that may be in it."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else uri


def look(uri: str) -> str:
    """The address of a server, or the command that shows a database in the browser."""
    return shown(uri) if is_server(uri) else f'mlflow ui --backend-store-uri "{shown(uri)}"'


def is_server(uri: str) -> bool:
    """Whether an address is that of a tracking server."""
    return uri.startswith(("http://", "https://"))


def _open_database(uri: str) -> None:
    """Looks into a database once, where MLflow would try for two minutes."""
    engine = sqlalchemy.create_engine(uri)
    try:
        if engine.url.get_backend_name() == "sqlite":
            file = engine.url.database
            if not file or file == ":memory:":
                raise ValueError(
                    "expected a file, as in sqlite:///mlflow.db, got a database that ends with the process"
                )
            if not file.startswith("file:"):
                Path(file).parent.mkdir(parents=True, exist_ok=True)
        sqlalchemy.inspect(engine).get_table_names()
    finally:
        engine.dispose()


def _reason(error: BaseException, outer: BaseException | None) -> str:
    """The first cause in one line: MLflow wraps a refused connection in four others."""
    while (cause := error.__cause__ or error.__context__) and not isinstance(cause, LookupError):
        if cause is outer:
            break
        error = cause
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
