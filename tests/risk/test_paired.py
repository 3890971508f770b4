"""McNemar's exact test: printed digits; and laws of figures of two inspectors of the same photographs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import roc_auc_score

from sightline.errors import DataError
from sightline.risk import Kind, Photographs, bounds, mcnemar

# Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13:91: airway hyper-responsiveness before and
# after stem cell transplantation (Bentur 2009), and complete response before and after consolidation (Cavo 2012).
# Fay (2010), "Exact McNemar's test and matching confidence intervals": the vignette of R's exact2x2.
PRINTED = [(1, 7, 0.0703), (6, 16, 0.0525), (2, 9, 0.06543)]


@pytest.mark.parametrize(("a", "b", "p"), PRINTED)
def test_p_is_as_printed(a, b, p):
    digits = len(str(p)) - 2
    assert round(mcnemar(a, b), digits) == p
    assert mcnemar(b, a) == mcnemar(a, b)


@given(st.integers(0, 60), st.integers(0, 60))
def test_p_is_that_of_statsmodels(a, b):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables", reason="no dependency of Sightline")
    assert mcnemar(a, b) == pytest.approx(tables.mcnemar([[5, a], [b, 5]], exact=True).pvalue)


def test_twins_of_one_p_and_of_none():
    assert mcnemar(0, 0) == 1
    assert mcnemar(4, 4) == 1
    assert mcnemar(0, 6) == pytest.approx(2 / 64)


def photographs(units, defective, **settings):
    return Photographs([f"part {unit}" for unit in units], np.array(defective, bool), **settings)


def test_one_photograph_a_part_is_mcnemar():
    seen = photographs(range(30), [True] * 20 + [False] * 10)
    a, b = np.zeros(30, bool), np.zeros(30, bool)
    a[[0, 1, 2, 25]], b[[2, 3, 4, 5, 6, 7, 8, 9, 25]] = True, True
    found = seen.rates(a, b, Kind.DEFECTIVE)
    assert (found.a, found.b, found.difference.value) == (0.15, 0.4, 0.25)
    assert found.balance == (2, 7, mcnemar(2, 7))
    assert (found.parts, found.photographs) == (20, 20)


def test_twenty_photographs_of_a_part_are_one_trial():
    """All of ten parts with ten photographs each are worse with B, though not every photograph of them is."""
    units = np.repeat(np.arange(10), 10)
    b = np.tile(np.arange(10) < 4, 10)
    found = photographs(units, np.ones(100)).rates(np.zeros(100, bool), b)
    assert found.balance == (0, 10, mcnemar(0, 10))
    assert found.parts == 10
    assert found.difference.value == pytest.approx(0.4)


def test_parts_on_which_both_err_as_often_drop_out():
    found = photographs([0, 0, 1, 1], np.ones(4)).rates(np.array([1, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool))
    assert found.balance == (1, 0, 1.0)


def test_each_part_weighs_the_same():
    """A part with nine photographs and one with a single one; and in the AUROC as well."""
    units, defective = [0] * 9 + [1, 2], [True] * 10 + [False]
    seen = photographs(units, defective)
    hit = np.array([True] * 9 + [False, False])
    assert seen.rate(hit, Kind.DEFECTIVE).value == 0.5
    scores = np.array([0.1] * 9 + [0.9, 0.5])
    assert seen.aurocs(scores, scores).a == 0.5


def test_no_change_on_few_parts_leaves_much_open():
    nothing = np.zeros(12, bool)
    found = photographs(range(12), np.ones(12)).rates(nothing, nothing)
    reach = bounds.upper(0, 12, 0.975)
    assert found.difference == (0, pytest.approx(-reach), pytest.approx(reach))
    assert found.balance == (0, 0, 1)


def test_the_auroc_of_single_photographs_is_that_of_scikit_learn():
    random = np.random.default_rng(3)
    defective, scores = random.random(80) < 0.4, random.random(80).round(1)
    found = photographs(range(80), defective).aurocs(scores, scores**2)
    assert found.a == pytest.approx(roc_auc_score(defective, scores))
    assert found.difference == (0, 0, 0)  # the same order, the same area


def test_the_interval_of_an_auroc_covers_what_it_should():
    """Of 100 studies in which B adds noise, about 95 hold the true difference of the areas."""
    from scipy.stats import norm

    truth = norm.cdf(1.5 / np.sqrt(2 + 1)) - norm.cdf(1.5 / np.sqrt(2))
    random, inside = np.random.default_rng(0), 0
    for seed in range(100):
        defective = np.arange(120) < 50
        a = random.standard_normal(120) + 1.5 * defective
        b = a + random.standard_normal(120) * np.sqrt(0.5)
        found = photographs(range(120), defective, seed=seed).aurocs(a, b).difference
        inside += found.low <= truth <= found.high
    assert 89 <= inside <= 100


@st.composite
def two(draw):
    """Parts with several photographs, some of both kinds, and what two bundles answered."""
    count = draw(st.integers(4, 40))
    units = draw(arrays.arrays(int, count, elements=st.integers(0, 9)))
    defective = draw(arrays.arrays(bool, count))
    defective[0], defective[1] = True, False
    scores = [draw(arrays.arrays(float, count, elements=st.sampled_from([0.1, 0.2, 0.5, 0.7]))) for _ in range(2)]
    return photographs(units, defective), *scores


@settings(deadline=None, max_examples=15)
@given(two())
def test_to_swap_them_mirrors_everything(case):
    seen, a, b = case
    pairs = [
        (seen.aurocs(a, b), seen.aurocs(b, a)),
        *((seen.rates(a > 0.4, b > 0.4, kind), seen.rates(b > 0.4, a > 0.4, kind)) for kind in (*Kind, None)),
    ]
    for one, other in pairs:
        assert (one.a, one.b) == (other.b, other.a)
        value, low, high = other.difference
        assert one.difference == pytest.approx((-value, -high, -low), abs=1e-12)
        assert one.difference.low <= one.difference.value <= one.difference.high
        if one.balance:
            assert one.balance == (other.balance.b, other.balance.a, other.balance.p)


@settings(deadline=None, max_examples=10)
@given(two())
def test_beside_itself_nothing_differs(case):
    seen, scores, _ = case
    assert seen.aurocs(scores, scores).difference == (0, 0, 0)
    for kind in (*Kind, None):
        found = seen.rates(scores > 0.4, scores > 0.4, kind)
        assert found.difference.value == 0
        assert found.balance == (0, 0, 1)


def test_the_seed_draws():
    random = np.random.default_rng(0)
    defective, a, b = random.random(60) < 0.5, random.random(60), random.random(60)
    of = [photographs(range(60), defective, seed=seed).aurocs(a, b).difference for seed in (0, 0, 1)]
    assert of[0] == of[1]
    assert of[0] != of[2]
    assert of[0].value == of[2].value


@pytest.mark.parametrize(
    ("defective", "scores", "said"),
    [
        ([True, True], [0.1, 0.2], "photographs of good parts, and there is none"),
        ([False, False], [0.1, 0.2], "photographs of defective parts, and there is none"),
        ([True, False], [0.1, np.nan], "the scores of 1 of 2 photographs are no finite numbers"),
        ([], [], "photographs that both have answered, and there is none"),
    ],
)
def test_what_cannot_be_compared_is_said(defective, scores, said):
    with pytest.raises(DataError, match=said):
        photographs(range(len(defective)), defective).aurocs(scores, scores)
