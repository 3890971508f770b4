"""Hidden defects and a second product among real good tiles and others."""

import numpy as np
import pytest

from sightline.config import Preprocess
from sightline.config.anomaly import MemoryBank
from sightline.config.recipe import Model
from sightline.dataset.scan import scan
from sightline.dataset.views import Views
from sightline.index import Index, Sample
from sightline.train.anomaly.detector import backbone, settle
from sightline.train.anomaly.judge import Shown
from sightline.train.anomaly.screen import most_unlike, odd, screen
from sightline.train.anomaly.store import stored
from sightline.train.networks import load_weights

INPUT = Preprocess(height=256, width=256, colour="grey", light="frame")


@pytest.fixture(scope="module")
def seeing(real_weights):
    model = Model(backbone="resnet18", layer="layer3", weights=str(real_weights / "resnet18-conv1-to-layer3.pth"))
    made = backbone(model, INPUT)
    load_weights(made, model)
    return settle(made)


def screened(seeing, root, paths, folder):
    """What is seen among these images, and their names as the screening has them."""
    index = Index.build(root, [Sample(path=path.relative_to(root).as_posix()) for path in paths])
    rows = [s.model_copy(update={"group": s.path}) for s in scan(index).samples]
    with stored(seeing.scales, rows, Views(index, INPUT, None), folder=folder, progress=lambda *_: None) as scales:
        found = screen(Shown(rows, scales), MemoryBank())
    return found, [row.path for row in rows]


def test_the_list_to_look_at_holds_one_in_twenty_and_all_that_are_quite_unlike():
    scores = np.exp(np.random.default_rng(0).normal(size=100))
    assert most_unlike(scores) == tuple(np.argsort(-scores)[:5])
    scores[::10] += 1e6
    assert len(odd(scores)) == 10
    assert set(most_unlike(scores)) == set(odd(scores))
    assert len(most_unlike(np.array([1.0, 2.0]))) == 1


@pytest.mark.slow
@pytest.mark.realdata
def test_hidden_defects_in_one_of_twenty_stand_among_the_first_to_look_at(real_data, seeing, tmp_path):
    root = real_data / "magnetic-tile"
    good = sorted((root / "MT_Free" / "Imgs").glob("*.jpg"))[::8][:76]
    bad = sorted((root / "MT_Fray" / "Imgs").glob("*.jpg"))[::8][:4]
    found, names = screened(seeing, root, [*good, *bad], tmp_path)
    listed = [names[row] for row in most_unlike(found.scores)]
    assert len(listed) == 4
    assert sum("MT_Fray" in name for name in listed) >= 2
    assert not any("MT_Free" in names[row] for row in found.suspicious)
    assert found.products == ()


@pytest.mark.slow
@pytest.mark.realdata
def test_two_real_products_in_one_folder_are_told_apart(real_data, seeing, tmp_path):
    tiles = sorted((real_data / "magnetic-tile" / "MT_Free" / "Imgs").glob("*.jpg"))[::20][:40]
    cells = sorted((real_data / "elpv").rglob("*.png"))[::60][:20]
    found, names = screened(seeing, real_data, [*tiles, *cells], tmp_path)
    assert len(found.products) == 2
    kinds = [{names[row].split("/")[0] for row in rows} for rows in found.products]
    assert sorted(map(sorted, kinds)) == [["elpv"], ["magnetic-tile"]]
