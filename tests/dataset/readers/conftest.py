"""Miniature folders for the readers, made on the spot."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline.config.recipe import Data
from sightline.dataset import readers


@pytest.fixture(scope="session")
def picture():
    """Writes a small grey picture, 40 wide and 30 high unless told; the folders on the way are made."""

    def write(path: Path, width=40, height=30, value=128) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode(path.suffix, np.full((height, width), value, np.uint8))[1]
        path.write_bytes(encoded.tobytes())
        return path

    return write


@pytest.fixture
def read(tmp_path):
    """Reads tmp_path with a reader's settings, given as in a recipe."""

    def call(kind="folders", root=tmp_path, good=("good", "ok"), rename=None, ignore=(), marked_above=0, **settings):
        meaning = {"good": good, "rename": rename or {}, "ignore": ignore, "marked_above": marked_above}
        return readers.read(Data.model_validate({"root": root, "reader": {"kind": kind, **settings}, **meaning}))

    return call
