"""A synthetic part must be the same every time, look different from the next one, and tell the truth about itself."""

from functools import lru_cache
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.errors import DataError
from sightline.synth import CLASSES, render, stream


@lru_cache
def _good(seed: int) -> np.ndarray:
    return render(seed, defects=[]).image.astype(int)


def _change(seed: int, label: str, severity: float) -> np.ndarray:
    """How many grey levels each pixel of a part moves when it gets the defect."""
    return np.abs(render(seed, defects=[label], severity=severity).image - _good(seed)).max(axis=2)


def test_same_arguments_give_the_same_part() -> None:
    first, second = (render(11, defects=["stain", "scratch"], severity=0.6, size=(96, 128)) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.mask, second.mask)
    assert (first.labels, first.boxes, first.severity) == (second.labels, second.boxes, second.severity)


def test_no_two_parts_are_near_duplicates() -> None:
    details = []
    for seed in range(12):
        grey = cv2.cvtColor(render(seed, defects=[]).image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        detail = grey - cv2.GaussianBlur(grey, (0, 0), 3)
        details.append(((detail - detail.mean()) / detail.std()).ravel())
    correlation = np.corrcoef(details)[np.triu_indices(12, 1)]
    assert correlation.max() < 0.9
    assert correlation.mean() < 0.3


def test_a_good_part_has_nothing_to_tell() -> None:
    part = render(5, defects=[], severity=0.9)
    assert not part.mask.any()
    assert (part.labels, part.boxes, part.severity) == ((), (), 0.0)


def test_the_seed_decides_what_is_left_open() -> None:
    parts = [render(seed, size=(64, 64)) for seed in range(60)]
    numbers = [len(part.labels) for part in parts]
    assert set(numbers) == {0, 1, 2}
    assert 15 < numbers.count(0) < 45
    assert {label for part in parts for label in part.labels} == set(CLASSES)
    assert all(list(part.labels) == sorted(part.labels) for part in parts)


@pytest.mark.parametrize("severity", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("label", CLASSES)
def test_the_mask_holds_all_that_the_defect_changed(label: str, severity: float) -> None:
    for seed in range(3):
        part = render(seed, defects=[label], severity=severity)
        change = _change(seed, label, severity)
        # Focus blur carries a change a few pixels beyond the altered ones.
        near = cv2.dilate(part.mask, np.ones((9, 9), np.uint8)) > 0
        assert set(np.unique(part.mask)) == {0, 255}
        assert change[~near].max() <= 2
        assert change[part.mask > 0].mean() > 1


@pytest.mark.parametrize("label", CLASSES)
def test_more_severe_is_more_visible(label: str) -> None:
    visible = [sum(int(_change(seed, label, severity).sum()) for seed in range(5)) for severity in (0.0, 0.5, 1.0)]
    assert all(less < more for less, more in pairwise(visible))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**63),
    defects=st.lists(st.sampled_from(CLASSES), min_size=1, max_size=2),
    severity=st.floats(0.0, 1.0),
    size=st.tuples(st.integers(64, 160), st.integers(64, 160)),
)
def test_boxes_and_mask_agree_at_any_size(
    seed: int, defects: list[str], severity: float, size: tuple[int, int]
) -> None:
    part = render(seed, defects=defects, severity=severity, size=size)
    assert part.image.shape == (*size, 3)
    assert part.mask.shape == size
    boxed = np.zeros(size, bool)
    for x1, y1, x2, y2, label in part.boxes:
        assert 0 <= x1 < x2 <= size[1]
        assert 0 <= y1 < y2 <= size[0]
        assert label in part.labels
        inside = part.mask[int(y1) : int(y2), int(x1) : int(x2)] > 0
        # Tight: each side of the box touches the mask.
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
        boxed[int(y1) : int(y2), int(x1) : int(x2)] = True
    assert {label for *_, label in part.boxes} == set(defects) == set(part.labels)
    assert boxed[part.mask > 0].all()


def test_a_larger_picture_shows_the_same_part() -> None:
    small, large = (render(3, defects=["dent"], severity=0.8, size=(side, side)) for side in (256, 512))
    shrunk = cv2.resize(large.image, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk.astype(int) - small.image).mean() < 6
    shrunk_mask = cv2.resize(large.mask, (256, 256), interpolation=cv2.INTER_AREA) > 127
    both, either = shrunk_mask & (small.mask > 0), shrunk_mask | (small.mask > 0)
    assert both.sum() / either.sum() > 0.85


def test_two_faults_of_the_drill_hit_two_holes() -> None:
    for seed in range(5):
        boxes = render(seed, defects=["missing_hole", "missing_hole"], severity=1.0).boxes
        assert len(boxes) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed: expected a whole number"),
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"seed": 0, "defects": ["crack"]}, r"no such defect: crack[\s\S]*scratch"),
        ({"seed": 0, "defects": "scratch"}, r"expected a list of names[\s\S]*\['scratch'\]"),
        ({"seed": 0, "defects": ["dent", "stain", "scratch"]}, "at most 2, got 3"),
        ({"seed": 0, "severity": 1.2}, "severity: expected a number from 0 to 1, got 1.2"),
        ({"seed": 0, "severity": float("nan")}, "severity: expected a number from 0 to 1, got nan"),
        ({"seed": 0, "size": (32, 256)}, "size: expected"),
        ({"seed": 0, "size": 256}, "size: expected"),
    ],
)
def test_bad_arguments_are_explained(arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        render(**arguments)


def test_a_stream_repeats_itself_part_by_part() -> None:
    once = list(islice(stream(4, size=(64, 64)), 6))
    again = list(islice(stream(4, size=(64, 64)), 3, 6))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(once[3:], again, strict=True))
    assert len({part.image.tobytes() for part in once}) == 6
    other = next(stream(5, size=(64, 64)))
    assert not np.array_equal(other.image, once[0].image)


@pytest.mark.parametrize(("rate", "expected"), [(0.0, {False}), (1.0, {True})])
def test_a_stream_keeps_its_rate(rate: float, expected: set[bool]) -> None:
    assert {bool(part.labels) for part in islice(stream(1, defect_rate=rate, size=(64, 64)), 12)} == expected


def test_a_stream_refuses_bad_arguments_before_the_first_part() -> None:
    with pytest.raises(DataError, match="defect_rate"):
        stream(1, defect_rate=30)
