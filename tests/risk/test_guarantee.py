"""The thresholds must keep what they guarantee, refuse what few parts cannot prove, and treat ties on the safe side."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from risk_factory import normal, parts
from sightline.errors import DataError
from sightline.risk import Guarantee, Kind, Parts, bounds, guarantee_escape, guarantee_overkill

GRAVITIES = st.lists(st.integers(0, 12).map(float), min_size=4, max_size=60)
SHARES = st.floats(0.05, 0.95)
EACH = st.sampled_from([1, 2, 3])


def _threshold(gravity: list[float], each: int, target: float, confidence: float) -> float:
    """Minus infinity where the parts are too few."""
    try:
        return guarantee_escape(parts(gravity, each=each), target, confidence).threshold
    except DataError:
        return -np.inf


def test_by_hand() -> None:
    # 93 parts allow one miss for 5 % at 95 % (Wilks), so the second least grave part is the threshold.
    told = guarantee_escape(parts([float(n) for n in range(93)]), 0.05, 0.95)
    assert told == Guarantee(Kind.DEFECTIVE, 1.0, 0.05, 0.95, 93, 93, 1 / 93)
    assert guarantee_escape(parts([float(n) for n in range(92)]), 0.05, 0.95).threshold == 0.0
    assert told.words() == (
        "at most 5% of photographs of defective parts pass, with 95% confidence, for parts like these 93 "
        "(93 photographs, of which 1.075% do)"
    )


def test_overkill_by_hand() -> None:
    good = parts([float(n) for n in range(93)], kind=Kind.GOOD)
    told = guarantee_overkill(good, 0.05, 0.95)
    assert told.threshold == np.nextafter(91.0, np.inf)  # the gravest part is rejected, the next is not
    assert told.seen == pytest.approx(1 / 93)
    assert "of good parts are rejected" in told.words()


@given(GRAVITIES, SHARES, SHARES)
def test_ties_are_passed_or_caught_together_and_never_too_many_pass(
    gravity: list[float], target: float, confidence: float
) -> None:
    allowed = bounds.allowed(len(gravity), target, confidence)
    threshold = _threshold(gravity, 1, target, confidence)
    if allowed is None:
        assert threshold == -np.inf
        return
    values = np.array(gravity)
    assert (values < threshold).sum() <= allowed
    assert threshold == sorted(gravity)[allowed]
    assert (values <= threshold).sum() > allowed  # any higher, and one too many passes


@settings(deadline=None)
@given(GRAVITIES, SHARES, SHARES)
def test_overkill_is_escape_seen_from_the_other_side(gravity: list[float], target: float, confidence: float) -> None:
    good = parts(gravity, kind=Kind.GOOD)
    mirrored = _threshold([-value for value in gravity], 1, target, confidence)
    if mirrored == -np.inf:
        with pytest.raises(DataError, match="too few good parts for overkill"):
            guarantee_overkill(good, target, confidence)
    else:
        assert guarantee_overkill(good, target, confidence).threshold == np.nextafter(-mirrored, np.inf)


@settings(deadline=None)
@given(GRAVITIES, EACH, SHARES, SHARES, SHARES)
def test_a_looser_target_or_less_confidence_never_lowers_the_threshold(
    gravity: list[float], each: int, target: float, other: float, confidence: float
) -> None:
    tight, loose = sorted((target, other))
    assert _threshold(gravity, each, tight, confidence) <= _threshold(gravity, each, loose, confidence)
    assert _threshold(gravity, each, confidence, loose) <= _threshold(gravity, each, confidence, tight)


@settings(deadline=None)
@given(GRAVITIES, EACH, SHARES, SHARES)
def test_one_more_part_that_is_caught_never_lowers_the_threshold(
    gravity: list[float], each: int, target: float, confidence: float
) -> None:
    whole = gravity[: len(gravity) // each * each]
    before = _threshold(whole, each, target, confidence)
    caught = max(before, min(whole))
    assert _threshold([*whole, *[caught] * each], each, target, confidence) >= before


@settings(deadline=None)
@given(GRAVITIES, SHARES, SHARES, st.integers(2, 20))
def test_twenty_photographs_of_a_part_are_not_twenty_parts(
    gravity: list[float], target: float, confidence: float, times: int
) -> None:
    twins = [value for value in gravity for _ in range(times)]
    assert _threshold(twins, times, target, confidence) <= _threshold(gravity, 1, target, confidence)


def test_names_and_order_play_no_role() -> None:
    chosen = normal(300, 3, 0, each=3)
    shuffled = np.random.default_rng(1).permutation(900)
    names = [f"{997 * number % 1000}" for number in chosen.part[shuffled]]
    again = Parts.of(Kind.DEFECTIVE, chosen.gravity[shuffled], names)
    assert guarantee_escape(again, 0.05, 0.95) == guarantee_escape(chosen, 0.05, 0.95)


@pytest.mark.parametrize("each", [1, 4])
def test_the_true_escape_rate_is_above_the_target_in_few_factories(each: int) -> None:
    """Where the proof is right, more of 400 than this have a chance of at most 1e-9, and the seeds are fixed."""
    factories, target = 400, 0.1
    thresholds = [
        guarantee_escape(normal(100, 3, seed, each=each), target, 0.95).threshold for seed in range(factories)
    ]
    broken = int((norm.cdf(thresholds, 3) > target).sum())
    assert broken <= binom.isf(1e-9, factories, 0.05)
    assert np.mean(norm.cdf(thresholds, 3)) > 0.4 * target  # and the proof is not idle


def test_too_few_parts_are_told_how_many_it_takes() -> None:
    with pytest.raises(DataError) as refused:
        guarantee_escape(parts([0.9] * 20), 0.005, 0.95)
    assert str(refused.value) == (
        "too few defective parts for an escape rate of at most 0.5% with 95% confidence\n"
        "20 defective parts: they prove 13.92% at best; 598 are needed, 578 more\n"
        "Add defective parts: 598 without an error prove it. These prove 13.92% at best."
    )
    assert guarantee_escape(parts([0.9] * 20), 0.1392, 0.95).threshold == 0.9
    assert guarantee_escape(parts([0.9] * 598), 0.005, 0.95).threshold == 0.9


def test_many_photographs_of_few_parts_are_told_apart() -> None:
    with pytest.raises(DataError, match=r"400 photographs of 20 defective parts: they prove 13\.92% at best"):
        guarantee_escape(parts([0.9] * 400, each=20), 0.005, 0.95)


def test_of_all_types_the_one_that_needs_the_lowest_threshold_decides() -> None:
    scratches, dents = normal(400, 4, 0), normal(100, 2, 1)
    every = parts([*scratches.gravity, *dents.gravity])
    told = guarantee_escape(every, 0.05, 0.95, {"scratch": scratches, "dent": dents})
    assert told.threshold == guarantee_escape(dents, 0.05, 0.95).threshold
    assert told.threshold < guarantee_escape(every, 0.05, 0.95).threshold
    assert told.types == ("scratch", "dent")
    assert "of each type (scratch, dent)" in told.words()


def test_guarantees_for_all_types_at_once_need_no_correction() -> None:
    """That any of three equal types escapes too often has a chance of 5 %; more of 400 than this, of at most 1e-9."""
    broken = 0
    for seed in range(400):
        groups = {name: normal(60, 3, 10 * seed + number) for number, name in enumerate("abc")}
        every = parts([value for group in groups.values() for value in group.gravity])
        broken += norm.cdf(guarantee_escape(every, 0.1, 0.95, groups).threshold, 3) > 0.1
    assert broken <= binom.isf(1e-9, 400, 0.05)


def test_a_type_with_too_few_parts_is_named() -> None:
    every = parts([float(n) for n in range(100)])
    with pytest.raises(DataError, match=r"10 defective parts of type dent: they prove 25\.89% at best; 59 are needed"):
        guarantee_escape(every, 0.05, 0.95, {"dent": parts([1.0] * 10)})


def test_without_a_part_there_is_nothing_to_prove() -> None:
    with pytest.raises(DataError, match="expected photographs of defective parts, and there is none"):
        parts([])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_gravity_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(DataError, match="the gravity of 2 of 3 photographs of defective parts is no finite number"):
        parts([0.5, value, value])


@pytest.mark.parametrize(("target", "confidence", "what"), [(0.0, 0.95, "target"), (0.1, 1.0, "confidence")])
def test_shares_out_of_range_are_refused(target: float, confidence: float, what: str) -> None:
    with pytest.raises(DataError, match=f"the {what} must lie between 0 and 1"):
        guarantee_escape(parts([1.0] * 50), target, confidence)
