"""Four public data sets, as their authors lay them out."""

from collections import Counter

import pytest

from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.index import Split

pytestmark = pytest.mark.realdata


def _read(root, **settings):
    return readers.read(Data(root=root, reader=readers.detect(root), **settings))


def test_steel_strip(real_data):
    index = _read(real_data / "x-sdd")
    assert (len(index.samples), len(index.classes), index.has_good) == (1360, 7, False)
    assert index.counts()["red iron"] == 397


def test_solar_cells(real_data):
    index = _read(real_data / "elpv")
    assert (len(index.samples), index.classes) == (2624, ("defective",))
    assert index.counts() == {"good": 1803, "defective": 821}
    assert {sample.attributes["cell"] for sample in index.samples} == {"mono", "poly"}
    assert {round(sample.certainty, 2) for sample in index.samples} == {0.67, 1.0}


def test_magnetic_tiles(real_data):
    index = _read(real_data / "magnetic-tile", good=["MT_Free"])
    assert index.counts() == {
        "good": 952,
        "MT_Blowhole": 115,
        "MT_Uneven": 103,
        "MT_Break": 85,
        "MT_Crack": 57,
        "MT_Fray": 32,
    }
    assert all(sample.mask is not None for sample in index.samples)


def test_boards_with_templates(real_data):
    index = _read(real_data / "deeppcb")
    assert Counter(sample.split for sample in index.samples) == {Split.TRAIN: 1000, Split.TEST: 500}
    assert index.classes == ("copper", "mousebite", "open", "pin-hole", "short", "spur")
    assert Counter(box.label for sample in index.samples for box in sample.boxes) == {
        "mousebite": 1965,
        "open": 1942,
        "spur": 1625,
        "short": 1506,
        "pin-hole": 1501,
        "copper": 1474,
    }
    assert all((index.root / sample.template).is_file() for sample in index.samples)
    assert len({sample.attributes["board"] for sample in index.samples}) == 11
