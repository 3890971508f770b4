"""Places counted in bins calibrate as single answers do, and tell where regions end."""

import numpy as np
import pytest
from scipy.special import expit

from sightline import image
from sightline.export import calibrate
from sightline.export.histogram import PlaceCounts, of_places
from sightline.export.sweep import Outputs
from sightline.image import Place
from sightline.index import Index, Sample
from sightline.runtime.reader import Reading

SIDE = 32


def _counts(logits: np.ndarray, shown: np.ndarray) -> np.ndarray:
    edges = np.linspace(-20, 20, 801)
    return np.stack([np.histogram(logits[shown == kind], edges)[0] for kind in (False, True)]).astype(np.float64)


def test_probabilities_come_true_and_edges_are_best() -> None:
    draw = np.random.default_rng(0)
    logits = draw.normal(-2, 3, 40_000)
    shown = draw.random(40_000) < expit(0.5 * logits - 1)
    counts = PlaceCounts(_counts(logits, shown)[None])
    calibrator = counts.calibrator()
    assert calibrator.method == "platt"
    assert (calibrator.scale[0], calibrator.bias[0]) == pytest.approx((0.5, -1), abs=0.05)
    (edge,) = counts.best_edges(calibrator)
    said = expit(0.5 * logits - 1)
    best = max(np.linspace(0.02, 0.98, 97), key=lambda limit: _f(shown, said >= limit))
    assert _f(shown, said >= edge) == pytest.approx(_f(shown, said >= best), abs=0.01)


def _f(true: np.ndarray, said: np.ndarray) -> float:
    return float(2 * (true & said).sum() / (true.sum() + said.sum()))


@pytest.mark.parametrize(("sound", "shown"), [(1000, 0), (0, 1000), (1000, 5), (0, 0)])
def test_a_type_that_too_few_places_show_stays_as_it_is(sound: int, shown: int) -> None:
    counts = np.zeros((1, 2, 800))
    counts[0, 0, 300], counts[0, 1, 500] = sound, shown
    calibrator = PlaceCounts(counts).calibrator()
    assert (calibrator.method, calibrator.scale[0], calibrator.bias[0]) == ("none", 1, 0)
    assert 0.01 <= PlaceCounts(counts).best_edges(calibrator)[0] <= 0.99


@pytest.mark.parametrize("order", [1, -1])
def test_places_that_are_parted_wholly_or_the_wrong_way_round_give_finite_numbers(order: int) -> None:
    counts = np.zeros((1, 2, 800))
    counts[0, 0, 400 - 200 * order], counts[0, 1, 400 + 200 * order] = 1000, 1000
    calibrator = PlaceCounts(counts).calibrator()
    assert np.isfinite([calibrator.scale[0], calibrator.bias[0]]).all()
    assert calibrator.scale[0] > 0  # a threshold on scores stays one on logits
    assert 0.01 <= PlaceCounts(counts).best_edges(calibrator)[0] <= 0.99


def test_answers_in_bins_are_calibrated_as_single_ones() -> None:
    draw = np.random.default_rng(1)
    logits = np.rint(draw.normal(0, 4, 500) * 10) / 10 + 0.025  # the middle of a bin
    right = draw.random(500) < expit(0.8 * logits + 0.5)
    single = calibrate.fit_each(logits, right, np.zeros(500, np.int64), 1)
    binned = PlaceCounts(_counts(logits, right)[None]).calibrator()
    assert binned.scale[0] == pytest.approx(single.scale[0], abs=0.02)
    assert binned.bias[0] == pytest.approx(single.bias[0], abs=0.05)


def _outputs(tmp_path, covered: tuple[int, int] | None = None) -> tuple[Outputs, Index]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:8, :16] = 255
    (tmp_path / "mask.png").write_bytes(image.png(mask))
    samples = [
        Sample(path="a.png", labels=("dent",), mask="mask.png", width=SIDE, height=SIDE),
        Sample(path="b.png", labels=(), width=SIDE, height=SIDE),
        Sample(path="c.png", labels=("scratch",), width=SIDE, height=SIDE),  # nobody marked where
    ]
    cells = 4 if covered is None else covered[0] // 8
    place = Place((SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE), (SIDE, SIDE), (0, 0, SIDE, SIDE), None, covered)
    maps = np.full((2, cells, cells), -3, np.float32)
    maps[0, 0, :2] = 2
    reading = Reading(maps.max((1, 2)), maps, None, place)
    return Outputs(tuple(samples), np.zeros((3, 2), np.float32), (reading,) * 3), Index.build(tmp_path, samples)


@pytest.mark.parametrize("covered", [None, (64, 64)])
def test_places_under_a_mask_show_its_type_and_what_is_not_marked_is_left_out(tmp_path, covered) -> None:
    outputs, index = _outputs(tmp_path, covered)
    counts = of_places(outputs, index).counts
    assert counts[0, 1].sum() == 2
    assert counts[0, 1][np.flatnonzero(counts[0, 1])].tolist() == [2]
    assert np.flatnonzero(counts[0, 1])[0] == 440  # a logit of 2
    assert counts[0].sum() == counts[1].sum() == 2 * 16  # and none of the margin that the tiles cover beyond it
    assert counts[1, 1].sum() == 0
