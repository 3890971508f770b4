"""Kappa: the digits that papers and programs print, and laws for any answers."""

import json
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sightline.errors import DataError
from sightline.msa import cohen, fleiss, fleiss_by_category, kappas

# Fleiss (1971), table 1: 30 patients, and how many of 6 psychiatrists gave each of five diagnoses.
FLEISS_1971 = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031
00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
# Of https://en.wikipedia.org/wiki/Fleiss%27_kappa: 10 subjects, 14 raters, five categories.
WIKIPEDIA = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def diagnoses():
    return np.array([[int(digit) for digit in row] for row in FLEISS_1971.split()])


def answers(table):
    """The two answers to each subject of a cross-tabulation."""
    counts = np.array(table)
    first, second = np.indices(counts.shape)
    return np.repeat(first.ravel(), counts.ravel()), np.repeat(second.ravel(), counts.ravel())


@pytest.mark.parametrize(
    ("table", "printed"),
    [
        # SAS/STAT user's guide, PROC FREQ, "Agreement Study": two dermatologists, 88 patients.
        (
            [[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]],
            {"value": 0.3449, "low": 0.2030, "high": 0.4868},
        ),
        # SAS output that statsmodels tests against (stats/tests/test_inter_rater.py).
        (
            [[0, 4, 1], [0, 8, 0], [0, 1, 5]],
            {"value": 0.4842, "se": 0.1380, "low": 0.2137, "high": 0.7547, "null_se": 0.1484, "z": 3.2626},
        ),
        # Gwet's R package irrCAC, cont3x3abstractors.
        ([[13, 0, 0], [0, 20, 7], [0, 4, 56]], {"value": 0.7964094, "se": 0.05891072}),
        # Fleiss (1981), Statistical Methods for Rates and Proportions, p. 213: psychotic, neurotic, organic.
        ([[75, 1, 4], [5, 4, 1], [0, 0, 10]], {"value": 0.676, "null_se": 0.076, "z": 8.88}),
    ],
)
def test_cohen_prints_what_is_published(table, printed):
    kappa = cohen(*answers(table))
    for name, digits in printed.items():
        places = len(str(digits).partition(".")[2])
        assert round(getattr(kappa, name), max(places, 2)) == pytest.approx(digits, abs=0.51 * 10**-places), name
    assert kappa.decisions == kappa.parts == np.sum(table)


def test_fleiss_of_wikipedia():
    kappa = fleiss(WIKIPEDIA)
    assert round(kappa.value, 3) == 0.210
    assert (round(kappa.agreed, 3), round(kappa.expected, 3)) == (0.378, 0.213)


def test_fleiss_of_1971():
    """R: irr::kappam.fleiss(diagnoses, detail = TRUE)."""
    kappa = fleiss(diagnoses())
    assert (kappa.value, kappa.z) == pytest.approx((0.4302445, 17.65183), rel=1e-6)
    kinds = fleiss_by_category(diagnoses())
    assert [round(kind.value, 3) for kind in kinds] == [0.245, 0.245, 0.520, 0.471, 0.566]
    assert [round(kind.z, 3) for kind in kinds] == [5.192, 5.192, 11.031, 9.994, 12.009]


def test_the_interval_of_fleiss():
    """R: irrCAC::fleiss.kappa.dist(distrib.6raters), the first 15 of Fleiss' patients; the variance of Gwet (2021)."""
    kappa = fleiss(diagnoses()[:15])
    assert (kappa.value, kappa.se) == pytest.approx((0.4139265, 0.08119291), rel=1e-6)
    assert (round(kappa.low, 3), round(kappa.high, 3)) == (0.240, 0.588)


def test_kappas_of_aiag(aiag):
    """AIAG, Measurement Systems Analysis, 4th edition, tables III-C 3 and 4."""
    told = kappas(aiag)
    assert {names: round(kappa.value, 2) for names, kappa in told.pairs.items()} == {
        ("A", "B"): 0.86,
        ("A", "C"): 0.78,
        ("B", "C"): 0.79,
    }
    assert told.pairs["A", "B"].agreed == 141 / 150
    assert {name: round(kappa.value, 2) for name, kappa in told.reference.items()} == {"A": 0.88, "B": 0.92, "C": 0.77}
    assert {kappa.strength for kappa in told.pairs.values()} == {"good"}
    assert all((kappa.decisions, kappa.parts) == (150, 50) for kappa in told.pairs.values())
    assert (told.between.decisions, told.everybody.decisions) == (150, 50)
    json.dumps(told.to_dict(), allow_nan=False)


def test_kappas_of_jasp(jasp):
    """jasp-stats/jaspQualityControl, tests/testthat/test-msaAttribute.R."""
    told = kappas(jasp)
    assert [kappa.value for kappa in told.reference.values()] == pytest.approx(
        [0.612903225806452, 0.492307692307692, 0.264150943396226]
    )
    assert [kappa.value for kappa in told.within.values()] == pytest.approx(
        [0.905462184873949, 0.91, 0.543918918918919]
    )
    assert told.everybody.value == pytest.approx(0.641666666666666)


pairs = st.integers(2, 40).flatmap(
    lambda count: st.tuples(*[arrays.arrays(int, count, elements=st.integers(0, 3)) for _ in range(2)])
)


@given(pairs)
def test_cohen_is_that_of_scikit_learn(pair):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn comes with the extra `train`")
    assume(len(np.unique(np.concatenate(pair))) > 1)
    assert cohen(*pair).value == pytest.approx(metrics.cohen_kappa_score(*pair), abs=1e-12)


@given(pairs)
def test_both_are_those_of_statsmodels(pair):
    rater = pytest.importorskip("statsmodels.stats.inter_rater", reason="statsmodels is no dependency of Sightline")
    assume(len(np.unique(np.concatenate(pair))) > 1)
    table = np.zeros((4, 4))
    np.add.at(table, pair, 1)
    ours, theirs = cohen(*pair), rater.cohens_kappa(table)
    assert (ours.value, ours.se, ours.null_se) == pytest.approx((theirs.kappa, theirs.std_kappa, theirs.std_kappa0))
    counts = rater.aggregate_raters(np.stack(pair, axis=1))[0]
    assert fleiss(counts).value == pytest.approx(rater.fleiss_kappa(counts))


@given(pairs, st.permutations(range(4)))
def test_neither_the_order_of_appraisers_nor_the_names_of_categories_matter(pair, names):
    first, second = pair
    kappa = cohen(first, second)
    assume(kappa.value is not None)
    renamed = np.array(names)
    for other in (cohen(second, first), cohen(renamed[first], renamed[second])):
        assert (other.value, other.se, other.low, other.high) == pytest.approx(
            (kappa.value, kappa.se, kappa.low, kappa.high), abs=1e-9
        )


@given(arrays.arrays(int, st.integers(2, 60), elements=st.integers(0, 3)), st.integers(2, 5))
def test_full_agreement_is_1_but_never_surely(own, appraisers):
    assume(len(np.unique(own)) > 1)
    counts = appraisers * np.eye(4, dtype=int)[own]
    for kappa in (cohen(own, own), fleiss(counts)):
        assert (kappa.value, kappa.high) == (pytest.approx(1), pytest.approx(1))
        assert kappa.low < 1 - 1 / len(own)


@given(pairs)
def test_the_value_lies_in_its_interval(pair):
    kappa = cohen(*pair)
    assume(kappa.value is not None)
    assert -1 <= kappa.low <= kappa.value + 1e-12
    assert kappa.value - 1e-12 <= kappa.high <= 1
    json.dumps(kappa.to_dict(), allow_nan=False)


@given(pairs, st.integers(2, 5))
def test_looking_again_with_the_same_answers_makes_nothing_surer(pair, times):
    once = cohen(*pair)
    assume(once.value is not None)
    parts = np.tile(np.arange(len(pair[0])), times)
    again = cohen(*(np.tile(own, times) for own in pair), parts=parts)
    count = len(pair[0])
    assert (again.value, again.se) == pytest.approx((once.value, once.se * math.sqrt(count / (count - 1))), abs=1e-9)
    assert again.low <= once.low + 1e-9
    assert (again.null_se, again.z) == (None, None)


def test_a_single_category_has_no_kappa():
    for kappa in (cohen([0, 0, 0], [0, 0, 0]), fleiss([[3, 0], [3, 0]]), *fleiss_by_category([[3, 0], [3, 0]])):
        assert (kappa.value, kappa.low, kappa.high, kappa.se, kappa.null_se, kappa.z) == (None,) * 6
        assert "chance alone" in kappa.why
        assert kappa.strength == ""


def test_a_single_part_has_no_kappa():
    assert "single part" in fleiss([[2, 1]]).why
    assert cohen([0, 1, 1], [0, 1, 0], parts=[7, 7, 7]).value is None


@pytest.mark.parametrize("counts", [[], [[1, 0], [0, 1]], [[2, 0], [2, 1]]])
def test_answers_that_are_missing_are_told(counts):
    with pytest.raises(DataError, match="as many answers to each part, at least 2"):
        fleiss(counts)
    with pytest.raises(DataError, match="as many answers of both appraisers, at least one, got 2 and 1"):
        cohen([0, 1], [0])


def test_an_appraiser_who_never_rejects_has_kappa_0():
    kappa = cohen([0, 0, 0, 0], [0, 1, 0, 1])
    assert kappa.value == 0
    assert kappa.strength == "poor"


def test_intervals_hold_what_they_promise_where_looks_at_one_part_resemble_each_other():
    """Every part has its own difficulty; intervals that took each look for a part of its own would fail here."""
    random = np.random.default_rng(3)

    def study(parts):
        hard = np.where(random.random(parts) < 0.3, 0.4, 0.01)
        truth = random.random(parts) < 0.4
        return [truth ^ (random.random((3, parts)) < hard) for _ in range(2)]

    first, second = (own.ravel() for own in study(400_000))
    true = cohen(first, second).value
    parts = np.tile(np.arange(50), 3)
    held = naive = 0
    for _ in range(400):
        first, second = (own.ravel() for own in study(50))
        kappa, loose = cohen(first, second, parts=parts), cohen(first, second)
        held += kappa.low <= true <= kappa.high
        naive += loose.low <= true <= loose.high
    assert math.isclose(held / 400, 0.95, abs_tol=0.03)
    assert naive < held
