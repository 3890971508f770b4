"""Three public data sets, as their authors lay them out."""

import pytest

from sightline.config.recipe import Data
from sightline.dataset import readers

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
