"""Checkpoints are whole or are not there."""

import pytest
import torch

from sightline.errors import TrainError
from sightline.train import checkpoint


def test_comes_back(tmp_path):
    checkpoint.save({"weights": torch.arange(3), "epoch": 2}, tmp_path / "a.pt")
    content = checkpoint.load(tmp_path / "a.pt")
    assert content["epoch"] == 2
    assert torch.equal(content["weights"], torch.arange(3))
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


def test_a_failed_write_keeps_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    checkpoint.save({"epoch": 1}, path)

    def fail(content, file):
        file.write(b"half")
        raise RuntimeError("unexpected pos 64 vs 0")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fail)
        with pytest.raises(TrainError, match="unexpected pos"):
            checkpoint.save({"epoch": 2}, path)
    assert checkpoint.load(path) == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04"])
def test_says_that_a_file_is_damaged(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(TrainError, match=r"a\.pt is damaged"):
        checkpoint.load(tmp_path / "a.pt")
    with pytest.raises(TrainError, match="there is none"):
        checkpoint.load(tmp_path / "b.pt")
