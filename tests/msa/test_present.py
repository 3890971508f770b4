"""A part presented again: as much as is said, and not more."""

import math

import numpy as np
import pytest

from sightline.errors import ConfigError
from sightline.msa.present import Changes, present

NONE = Changes(0, 0, 0, 0)


@pytest.fixture
def frame():
    """A frame with a square in its middle."""
    made = np.full((60, 80, 3), 100, np.uint8)
    made[20:40, 30:50] = 200
    return made


def random(seed=0):
    return np.random.default_rng(seed)


def middle(frame):
    """Row and column about which the bright square lies."""
    weight = frame[..., 0].astype(float) - 100
    return [float((weight.sum(axis=1 - axis) * np.arange(frame.shape[axis])).sum() / weight.sum()) for axis in (0, 1)]


def test_nothing_changes_at_magnitude_0(frame):
    assert np.array_equal(present(frame, NONE, random()), frame)


def test_the_same_draw_gives_the_same_frame_and_another_one_another(frame):
    once, again, other = (present(frame, Changes(), random(seed)) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_a_shift_stays_within_its_limit_and_uses_it(frame):
    row, column = middle(frame)
    moved = np.array([middle(present(frame, Changes(3, 0, 0, 0), random(seed))) for seed in range(40)])
    off = np.abs(moved - (row, column))
    assert off.max() <= 3.05
    assert off.max(axis=0).min() > 2


def test_a_turn_leaves_the_middle_where_it_is(frame):
    turned = present(frame, Changes(0, 20, 0, 0), random(3))
    assert middle(turned) == pytest.approx(middle(frame), abs=0.15)
    assert not np.array_equal(turned, frame)


def test_light_is_a_factor_and_ends_at_white(frame):
    levels = [present(frame, Changes(0, 0, 0.2, 0), random(seed))[0, 0, 0] for seed in range(40)]
    assert 80 <= min(levels) < 90 < 110 < max(levels) <= 120
    assert present(np.full_like(frame, 250), Changes(0, 0, 0.2, 0), random(0)).max() <= 255
    brightest = max(int(present(np.full_like(frame, 250), Changes(0, 0, 0.5, 0), random(s)).max()) for s in range(9))
    assert brightest == 255


def test_noise_has_the_spread_that_was_asked_for():
    frame = np.full((200, 200, 3), 128, np.uint8)
    noisy = present(frame, Changes(0, 0, 0, 4), random()).astype(float)
    assert noisy.std() == pytest.approx(4, rel=0.03)
    assert noisy.mean() == pytest.approx(128, abs=0.1)
    assert not np.array_equal(noisy[..., 0], noisy[..., 1])


def test_each_kind_alone():
    kinds = Changes(1, 2, 0.3, 4).kinds
    assert list(kinds) == ["shift", "rotation", "light", "noise"]
    assert kinds["rotation"] == Changes(0, 2, 0, 0)
    assert list(Changes(1, 0, 0, 4).kinds) == ["shift", "noise"]
    assert NONE.kinds == {"nothing": NONE}


@pytest.mark.parametrize(("name", "value"), [("shift", -1.0), ("light", 1.0), ("noise", math.nan), ("turn", math.inf)])
def test_magnitudes_that_are_none_are_refused(name, value):
    with pytest.raises(ConfigError, match=f"{name}: expected a number from 0"):
        Changes(**{name: value})
