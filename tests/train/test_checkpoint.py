"""Checkpoints are whole or are not there."""

import errno
import os

import pytest
import torch

from sightline.errors import TrainError
from sightline.train import checkpoint


def test_comes_back(tmp_path):
    checkpoint.save({"weights": torch.arange(3), "run": {}}, tmp_path / "a.pt")
    content = checkpoint.load(tmp_path / "a.pt")
    assert content["run"] == {}
    assert torch.equal(content["weights"], torch.arange(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    checkpoint.save({"run": 1}, path)

    def fail(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(TrainError, match="No space left"):
            checkpoint.save({"run": 2}, path)
    assert checkpoint.load(path) == {"run": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04", b"hello\n", b"junk", {}, [1, 2], {"a": 1}])
def test_says_that_a_file_is_damaged(tmp_path, content):
    if isinstance(content, bytes):
        (tmp_path / "a.pt").write_bytes(content)
    else:
        torch.save(content, tmp_path / "a.pt")
    with pytest.raises(TrainError, match=r"a\.pt is damaged"):
        checkpoint.load(tmp_path / "a.pt")


def test_says_that_there_is_none(tmp_path):
    with pytest.raises(TrainError, match="there is none"):
        checkpoint.load(tmp_path / "b.pt")
