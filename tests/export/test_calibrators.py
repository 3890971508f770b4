"""What is dishonest is mended, what is honest is left alone; nothing is reordered, and nothing saturates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from sightline.export import calibrators
from sightline.export.calibrators import Choice, choose


def _one(count: int, seed: int, *, spread: float = 1.0, lift: float = 0.0, outputs: int = 3) -> tuple[np.ndarray, ...]:
    """Logits of types that exclude each other, good (output 0) being lifted; targets; and a group for each image."""
    random = np.random.default_rng(seed)
    honest = random.normal(0, 2, (count, outputs)) + 2 * np.eye(outputs)[0]
    targets = np.eye(outputs)[[random.choice(outputs, p=p) for p in softmax(honest, axis=1)]]
    return honest * spread + lift * np.eye(outputs)[0], targets, np.arange(count)


def _several(count: int, seed: int, *, spread: float = 1.0, lift: float = 0.0) -> tuple[np.ndarray, ...]:
    """The same of two types that do not exclude each other."""
    random = np.random.default_rng(seed)
    honest = random.normal(-1.5, 2, (count, 2))
    return honest * spread + lift, (random.random((count, 2)) < expit(honest)).astype(float), np.arange(count)


@pytest.mark.parametrize(
    ("made", "exclusive", "method"),
    [
        (_one(250, 0, spread=3), True, "temperature"),
        (_one(250, 1, spread=0.4), True, "temperature"),
        (_one(250, 2, lift=-2.5), True, "platt"),
        (_several(250, 3, spread=3), False, "temperature"),
        (_several(250, 4, lift=2.5), False, "platt"),
    ],
)
def test_what_is_dishonest_is_mended(made: tuple[np.ndarray, ...], exclusive: bool, method: str) -> None:
    choice = choose(*made, exclusive=exclusive, good=True)
    assert choice.calibrator.method == method
    assert choice.losses[method] < choice.losses["none"]
    assert choice.calibrator.log_loss_after < choice.calibrator.log_loss_before
    assert choice.before is not None
    assert choice.after is not None
    assert choice.after.value < choice.before.value
    assert 0 <= choice.after.low <= choice.after.value <= choice.after.high <= 1


@pytest.mark.parametrize("make", [_one, _several])
def test_what_is_honest_is_mostly_left_alone(make: object) -> None:
    methods = [choose(*make(150, seed), exclusive=make is _one, good=True).calibrator.method for seed in range(8)]
    assert methods.count("none") >= 6


def _bent(count: int, shape: float = 0.25) -> tuple[np.ndarray, ...]:
    """One type whose logits no line makes honest."""
    logits, targets, units = _several(count, 0)
    return np.where(logits > 0, logits * shape, logits * 2)[:, :1], targets[:, :1], units


def test_bends_are_chosen_where_a_line_does_not_do_and_the_part_is_large() -> None:
    choice = choose(*_bent(1500), exclusive=False)
    assert list(choice.losses) == ["none", "temperature", "platt", "isotonic"]
    assert choice.calibrator.method == "isotonic"
    assert choice.calibrator.knots.shape == choice.calibrator.slopes.shape == (4, 1)
    few = choose(*_bent(calibrators.FEWEST_BENT - 1), exclusive=False)
    assert "isotonic" not in few.losses


def test_a_type_too_rare_for_bends_has_a_line_beside_one_with_them() -> None:
    (logits, targets, units), random = _bent(1200), np.random.default_rng(0)
    rare = np.zeros((1200, 1))
    rare[:15] = 1
    both = np.column_stack([logits, random.normal(rare * 2 - 2)])
    choice = choose(both, np.column_stack([targets, rare]), units, exclusive=False)
    made = choice.calibrator
    assert made.method == "isotonic"
    np.testing.assert_allclose(made.slopes[:, 1], made.scale[1])
    grid = np.linspace(-8, 8, 50)[:, None].repeat(2, axis=1)
    np.testing.assert_allclose(made.calibrated(grid)[:, 1], grid[:, 1] * made.scale[1] + made.bias[1])


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, []), (1, [0]), (9, [0, 1, 2]), (40, [1])],
    ids=["none", "one", "too few", "one kind alone"],
)
@pytest.mark.parametrize("exclusive", [True, False])
def test_too_few_images_leave_scores_as_they_are(count: int, shown: list[int], exclusive: bool) -> None:
    targets = np.eye(3)[np.resize(shown, count).astype(int)].reshape(count, 3)
    logits = np.random.default_rng(0).normal(0, 1, (count, 3))
    choice = choose(logits, targets, np.arange(count), exclusive=exclusive, good=True)
    assert (choice.calibrator.method, choice.losses, choice.after) == ("none", {}, None)
    assert (choice.before is None) == (count < 2)
    np.testing.assert_array_equal(choice.calibrator.calibrated(logits), logits)


def test_many_pictures_of_few_parts_are_few() -> None:
    logits, targets, units = _one(200, 0, spread=3)
    assert choose(logits, targets, units // 25, exclusive=True).losses == {}


def test_twins_lie_in_one_fold_and_each_fold_has_its_share_of_each_kind() -> None:
    targets = np.eye(2)[np.repeat([0, 1], [160, 40])]
    units = np.arange(200) // 2
    folds = calibrators.folds_of(targets, units)
    assert all(len(set(folds[units == unit])) == 1 for unit in range(100))
    assert all((folds[targets[:, 1] > 0] == fold).sum() == 4 for fold in range(calibrators.FOLDS))
    np.testing.assert_array_equal(folds, calibrators.folds_of(targets, units))


def test_a_better_one_within_a_standard_error_does_not_displace_a_simpler_one() -> None:
    folds, noise = np.arange(100) % 10, np.random.default_rng(0).normal(0, 1, 100)
    losses = {"none": np.full(100, 1.0), "platt": 0.95 + noise, "isotonic": np.full(100, 2.0)}
    assert calibrators._simplest(losses, folds) == "none"
    assert calibrators._simplest(losses | {"platt": np.full(100, 0.9)}, folds) == "platt"


def test_scores_that_float32_rounds_to_certainty_are_not_kept() -> None:
    """Though their loss is the least: images above one another would be level."""
    targets = np.eye(2)[np.repeat([0, 1], 50)]
    logits = np.where(targets > 0, np.linspace(20, 60, 100)[:, None], -20.0)
    choice = choose(logits, targets, np.arange(100), exclusive=True)
    assert choice.calibrator.method == "temperature"
    assert choice.losses["none"] < choice.losses["temperature"]
    scores = choice.calibrator.probabilities(logits).astype(np.float32)
    assert scores.max() < 1
    assert len(np.unique(scores[50:, 1])) == 50


def _saturated(choice: Choice, logits: np.ndarray) -> bool:
    scores = choice.calibrator.probabilities(logits).astype(np.float32)
    return bool((scores <= 0).any() or (scores >= 1).any())


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(-3, 3), st.booleans(), st.booleans())
def test_no_score_saturates_and_none_is_reordered(
    seed: int, log_spread: float, lift: float, exclusive: bool, separated: bool
) -> None:
    make = _one if exclusive else _several
    logits, targets, units = make(60, seed, spread=float(np.exp(log_spread)), lift=lift)
    if separated and exclusive:
        targets = np.eye(3)[logits.argmax(axis=1)]
    choice = choose(logits, targets, units, exclusive=exclusive)
    if not choice.losses:  # too few of a kind by chance
        return
    assert not _saturated(choice, logits)
    after = choice.calibrator.calibrated(logits)
    if exclusive:
        assert (after.argmax(axis=1) == logits.argmax(axis=1)).all()
    else:
        assert (after.argsort(axis=0) == logits.argsort(axis=0)).all()


def test_bends_neither_saturate_nor_reorder() -> None:
    logits, targets, units = _bent(1200)
    choice = choose(logits, targets, units, exclusive=False)
    assert choice.calibrator.method == "isotonic"
    assert not _saturated(choice, logits)
    assert (choice.calibrator.calibrated(logits).argsort(axis=0) == logits.argsort(axis=0)).all()
