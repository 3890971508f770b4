"""What tests of several rooms share."""

import os
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _folder(variable, default):
    """The folder that an environment variable names, else the default; skips the test if it is not there."""
    folder = Path(os.environ.get(variable) or ROOT / default)
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; set {variable} to the folder that takes its place")
    return folder


@pytest.fixture(scope="session")
def real_data():
    """The folder of real product images: x-sdd, deeppcb, elpv and magnetic-tile in their upstream layouts."""
    return _folder("SIGHTLINE_DATA", "../shared/data")


@pytest.fixture(scope="session")
def real_weights():
    """The folder of pretrained weights."""
    return _folder("SIGHTLINE_WEIGHTS", "../shared/weights")


@pytest.fixture
def http_server():
    """Starts servers on loopback that answer as a handler class says, hands back their ports, and stops them."""
    running = []

    def start(handler):
        http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = Thread(target=http.serve_forever)
        thread.start()
        running.append((http, thread))
        return http.server_port

    yield start
    for http, thread in running:
        http.shutdown()
        thread.join()
        http.server_close()
