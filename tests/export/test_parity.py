"""The gate must refuse a bundle that scores or decides differently from the trained model."""

import numpy as np
import pytest

from sightline.errors import ExportError
from sightline.export.parity import check
from sightline.verdict import ANY_DEFECT, Policy, Threshold

POLICY = Policy(exclusive=True, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)})


def _check(trained: list[float], exported: list[float]) -> float:
    names = [f"{i}.png" for i in range(len(trained))]
    a, b = (np.array(s, np.float32)[:, None] for s in (trained, exported))
    return check(names, a, b, 0.0, POLICY, ("dent",)).largest_score_difference


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
