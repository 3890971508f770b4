"""Bundles of good parts alone, of every method: frames of another shape, padded, in both precisions."""

import numpy as np
import pytest

from plate_factory import SIDE, photograph, save_weights, write
from sightline import train
from sightline.bundle import Bundle
from sightline.config.recipe import Data, Model, Preprocess, Recipe
from sightline.export import export
from sightline.index import Split
from sightline.runs import RunFolder
from sightline.runtime import Inspector
from sightline.verdict import Outcome

pytestmark = pytest.mark.slow

METHODS = {
    "memory_bank": {"vectors": 256, "fine": 256},
    "corrected_bank": {"vectors": 256, "fine": 256, "steps": 60},
    "discriminator": {"steps": 100},
}


@pytest.fixture(scope="module", params=METHODS)
def bundle(request, tmp_path_factory):
    """A bundle whose input is wider than high."""
    folder = tmp_path_factory.mktemp(request.param)
    shots = [(n, (), Split.TRAIN, "ring") for n in range(24)]
    shots += [(n, ("blot",), Split.TRAIN, "ring") for n in range(24, 32)]
    shots += [(n, (), Split.CALIBRATE, "ring") for n in range(40, 70)]
    shots += [(n, ("blot",) if n % 2 else (), Split.TEST, "ring") for n in range(70, 90)]
    (folder / "plates").mkdir()
    values = {
        "name": "plates",
        "task": "anomaly",
        "data": Data(root=folder / "plates"),
        "input": Preprocess(height=SIDE, width=SIDE + 32, fit="pad", light="frame"),
        "model": Model(backbone="resnet18", layer="layer2", weights=str(save_weights(folder / "w.pth")), int8=True),
        "anomaly": {"method": request.param, **METHODS[request.param]},
    }
    run = RunFolder.create(folder / "runs", Recipe.model_validate(values), write(folder / "plates", shots))
    train.fit(run)
    return export(run)


def test_every_precision_it_holds_passes_its_self_test_and_says_the_same(bundle):
    frames = [photograph(number, blot=number >= 210) for number in range(200, 220)]
    said = []
    for precision in Bundle.open(bundle).precisions:
        inspector = Inspector.open(bundle, self_test=True, precision=precision)
        said.append([inspector.inspect(frame).outcome for frame in frames])
    assert said[0][:10].count(Outcome.OK) >= 8
    assert said[0][10:].count(Outcome.NG) >= 8
    if len(said) == 1:
        pytest.skip("with random weights the gate refuses this method's int8 model")
    assert sum(a is not b for a, b in zip(*said, strict=True)) <= 2


def test_the_map_points_at_the_blot_of_a_padded_frame(bundle):
    inspector = Inspector.open(bundle)
    hits = 0
    for number in range(300, 310):
        shot = photograph(number, blot=True)
        reading = inspector.examine(shot).reading
        heat = reading.place.heat_to_frame(reading.maps[0])
        blot = np.abs(shot.astype(int) - photograph(number)).max(axis=2) > 0
        hits += bool(heat[blot].mean() > np.quantile(heat, 0.8))
    assert hits >= 8
