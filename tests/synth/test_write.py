"""A written data set must read back as what it says it is, and never touch what is not its own."""

import json
import os
from collections import Counter
from itertools import count as counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from sightline.errors import DataError
from sightline.synth import CLASSES, write

SIZE = (64, 80)


def _read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def _rows(root: Path) -> list[dict]:
    return [json.loads(line) for line in (root / "truth.jsonl").read_text(encoding="utf-8").splitlines()]


def test_folders_masks_and_truth_agree(tmp_path: Path) -> None:
    root = tmp_path / "Prüfteile 1"
    steps: list[tuple[int, int]] = []
    images = write(root, count=12, seed=3, size=SIZE, progress=lambda done, total: steps.append((done, total)))
    rows = _rows(root)
    assert images == root / "images"
    assert steps == [(i, 12) for i in range(1, 13)]
    assert sorted(row["path"] for row in rows) == sorted(p.relative_to(root).as_posix() for p in images.rglob("*.png"))
    for row in rows:
        path = root / row["path"]
        assert _read(path).shape == (*SIZE, 3)
        assert row["labels"] == ([] if path.parent.name == "good" else [path.parent.name])
        assert (row["mask"] is None) == (not row["labels"]) == (not row["boxes"])
        if row["mask"]:
            assert row["mask"] == f"masks/{path.parent.name}/{path.stem}_mask.png"
            ys, xs = np.nonzero(_read(root / row["mask"]))
            assert min(box["x1"] for box in row["boxes"]) == xs.min()
            assert max(box["y2"] for box in row["boxes"]) == ys.max() + 1
    masks = {row["mask"] for row in rows if row["mask"]}
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert files == masks | {row["path"] for row in rows} | {"truth.jsonl"}


def test_colours_survive(tmp_path: Path) -> None:
    write(tmp_path, count=1, seed=3, defect_rate=0.0, size=SIZE)
    red, _, blue = cv2.cvtColor(_read(tmp_path / "images/good/000001.png"), cv2.COLOR_BGR2RGB)[2, 2].astype(int)
    assert blue > red  # the fixture is anodised bluish


def test_every_class_takes_its_turn(tmp_path: Path) -> None:
    write(tmp_path, count=20, defect_rate=0.5, size=SIZE)
    counts = Counter(Path(row["path"]).parent.name for row in _rows(tmp_path))
    assert counts == {"good": 10, **dict.fromkeys(CLASSES, 2)}


def test_defects_and_severities_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, count=12, defects=("dent", "stain"), severity=(0.3, 0.5), size=SIZE)
    defective = [row for row in _rows(tmp_path) if row["labels"]]
    assert Counter(row["labels"][0] for row in defective) == {"dent": 3, "stain": 3}
    assert all(0.3 <= row["severity"] <= 0.5 for row in defective)
    assert len({row["severity"] for row in defective}) == 6


def test_an_image_does_not_depend_on_how_many_follow(tmp_path: Path) -> None:
    for name, count in (("few", 3), ("many", 6)):
        write(tmp_path / name, count=count, seed=9, size=SIZE)
    assert _rows(tmp_path / "few") == _rows(tmp_path / "many")[:3]
    for row in _rows(tmp_path / "few"):
        assert (tmp_path / "few" / row["path"]).read_bytes() == (tmp_path / "many" / row["path"]).read_bytes()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(DataError, match=r"new or empty folder, got one that holds mine\.txt"):
        write(tmp_path, count=1, size=SIZE)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "parts"
    file.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="expected a folder, got a file"):
        write(file, count=1, size=SIZE)
    with pytest.raises(DataError, match="expected a folder to write 1 images into"):
        write(file / "below", count=1, size=SIZE)


def test_a_full_disk_leaves_no_half_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = counter(1)

    def fsync(_: int) -> None:
        if next(files) == 4:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(DataError, match="No space left on device"):
        write(tmp_path, count=5, size=SIZE)
    left = sorted(p.stem for p in tmp_path.rglob("*.*") if p.is_file())
    assert left == ["000001", "000002", "000002_mask"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count"),
        ({"count": 1, "defect_rate": -0.1}, "defect_rate"),
        ({"count": 1, "size": (1, 1)}, "size"),
        ({"count": 1, "defects": ("rust",)}, "defects"),
        ({"count": 1, "defects": ()}, "defects"),
        ({"count": 1, "severity": (0.5, 1.1)}, "severity"),
        ({"count": 1, "severity": (0.5, 0.4)}, "lower value first"),
    ],
)
def test_bad_arguments_write_nothing(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()
