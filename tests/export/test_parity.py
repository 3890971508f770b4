"""The gate must refuse a bundle that scores or decides differently from the trained model."""

import numpy as np
import pytest

from sightline.boxes import Boxes, joined
from sightline.bundle.manifest import Parity
from sightline.errors import ExportError
from sightline.export.parity import check
from sightline.export.sweep import Outputs
from sightline.image import Place
from sightline.index import Sample
from sightline.runtime.reader import Reading
from sightline.verdict import ANY_DEFECT, Policy, Threshold

POLICY = Policy(exclusive=True, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)})


PLACE = Place((8, 8), (8, 8), (0, 0, 8, 8), (8, 8), (0, 0, 8, 8))


def _outputs(scores: list[float], *, heat: float = 0.0, boxes: list[Boxes] | None = None) -> Outputs:
    column = np.array(scores, np.float32)[:, None]
    maps = np.full((1, 2, 2), heat, np.float32)
    found = boxes or [None] * len(scores)
    readings = tuple(Reading(row, maps, own, PLACE) for row, own in zip(column, found, strict=True))
    return Outputs(tuple(Sample(path=f"{n}.png", labels=("dent",)) for n in range(len(scores))), column, readings)


def _checked(trained: Outputs, exported: Outputs) -> Parity:
    verdicts = ([POLICY.decide(row, ("dent",)) for row in outputs.scores] for outputs in (trained, exported))
    return check(trained, exported, *verdicts)


def _check(trained: list[float], exported: list[float]) -> float:
    return _checked(_outputs(trained), _outputs(exported)).largest_score_difference


def _box(left: float, score: float = 0.9, number: int = 0) -> Boxes:
    corners = np.array([[left, 1, left + 3, 4]], np.float32)
    return Boxes(corners, np.array([score], np.float32), np.array([number]))


def test_rounding_passes_and_is_recorded() -> None:
    assert _check([0.1, 0.9], [0.1, 0.90001]) == pytest.approx(1e-5, rel=0.1)


def test_a_different_score_is_refused_and_its_image_named() -> None:
    with pytest.raises(ExportError, match=r"1 of 2 images[\s\S]*1\.png"):
        _check([0.1, 0.9], [0.1, 0.901])


def test_a_changed_verdict_is_refused_however_small_the_difference() -> None:
    with pytest.raises(ExportError, match="verdict changed"):
        _check([0.49999], [0.50001])


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ExportError):
        _check([0.1], [float("nan")])
    with pytest.raises(ExportError):
        _check([float("nan")], [float("nan")])


def test_maps_that_differ_are_refused() -> None:
    with pytest.raises(ExportError, match=r"0\.png: score 0, map 0\.01"):
        _checked(_outputs([0.1]), _outputs([0.1], heat=0.01))


def test_boxes_may_lie_half_a_pixel_apart_and_no_more() -> None:
    one, near = _outputs([0.1], boxes=[_box(1)]), _outputs([0.1], boxes=[_box(1.25)])
    assert _checked(one, near).largest_box_shift == pytest.approx(0.25)
    with pytest.raises(ExportError, match=r"boxes 1 px"):
        _checked(one, _outputs([0.1], boxes=[_box(2)]))


@pytest.mark.parametrize("other", [Boxes.empty(), _box(1, number=1), _box(1, score=0.8)])
def test_a_box_that_is_not_there_in_both_is_refused(other: Boxes) -> None:
    with pytest.raises(ExportError, match="boxes inf px"):
        _checked(_outputs([0.1], boxes=[_box(1)]), _outputs([0.1], boxes=[other]))


def test_boxes_in_another_order_are_the_same() -> None:
    some, swapped = joined([_box(1), _box(4)]), joined([_box(4), _box(1)])
    assert _checked(_outputs([0.1], boxes=[some]), _outputs([0.1], boxes=[swapped])).verdict_flips == 0
