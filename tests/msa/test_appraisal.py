"""Agreement: the figures that AIAG prints, and laws for any answers."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sightline.errors import DataError
from sightline.msa import TEAM, Grade, Study, agreement
from sightline.verdict import Outcome


@st.composite
def studies(draw):
    appraisers, trials, parts = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(2, 12))
    defective = draw(arrays.arrays(bool, parts).filter(lambda kinds: kinds.any() and not kinds.all()))
    rejected = draw(arrays.arrays(bool, (appraisers, trials, parts)))
    return Study(tuple(map(str, range(parts))), defective, tuple("ABCD"[:appraisers]), rejected)


def test_the_tables_of_aiag(aiag):
    """AIAG, Measurement Systems Analysis, 4th edition, tables III-C 5 (in whole per cent) and III-C 7."""
    told = agreement(aiag)
    printed = {
        "A": ((42, 0.84, 0.71, 0.93), 8, 0.063, 0.049),
        "B": ((45, 0.90, 0.78, 0.97), 5, 0.063, 0.020),
        "C": ((40, 0.80, 0.66, 0.90), 10, 0.125, 0.088),
    }
    assert [appraisal.name for appraisal in told.appraisers] == list(printed)
    for appraisal in told.appraisers:
        (matched, score, low, high), mixed, miss, alarm = printed[appraisal.name]
        for rate in (appraisal.effectiveness, appraisal.repeatability):  # in the manual's example they are the same
            assert (rate.count, rate.of, rate.value) == (matched, 50, score)
            assert rate.interval == pytest.approx((low, high), abs=0.005)
        assert (appraisal.mixed, appraisal.biased_to_accept, appraisal.biased_to_reject) == (mixed, 0, 0)
        assert appraisal.miss_rate.value == pytest.approx(miss, abs=0.00051)  # 6.25 % is printed as 6.3
        assert appraisal.false_alarm_rate.value == pytest.approx(alarm, abs=0.0005)
        assert (appraisal.miss_rate.of, appraisal.false_alarm_rate.of) == (48, 102)


def test_the_team_of_aiag(aiag):
    """Table III-C 5: the system is effective on 39 of 50 parts, 78 %, 64 to 89 %; the upper end is 88.47 %."""
    team = agreement(aiag).team
    assert (team.name, team.effectiveness.count, team.effectiveness.value) == (TEAM, 39, 0.78)
    assert team.effectiveness.interval == pytest.approx((0.6404, 0.8847), abs=5e-5)
    assert (team.repeatability.count, team.mixed) == (39, 11)
    assert (team.miss_rate.count, team.miss_rate.of) == (12, 144)
    assert (team.false_alarm_rate.count, team.false_alarm_rate.of) == (16, 306)


def test_answers_of_aiag_as_others_counted_them(aiag):
    """Almabrainy, "MSA, what is so tough?": A rejects 50 times, B 47; elsmar.com, thread 46508: the unanimous parts."""
    assert aiag.rejected.sum(axis=(1, 2))[:2].tolist() == [50, 47]
    assert (~aiag.rejected).all(axis=1).sum(axis=1).tolist() == [29, 32, 28]
    assert aiag.rejected.all(axis=1).sum(axis=1).tolist() == [13, 13, 12]


def test_the_tables_of_jasp(jasp):
    """jasp-stats/jaspQualityControl, tests/testthat/test-msaAttribute.R, in per cent.

    Its positive answer is yes, that a part is good: so what it calls a miss is a false alarm here, and the other way.
    """
    told = agreement(jasp)
    printed = {
        "EG": (80, (51.911, 95.669), (68.052, 99.831), 20, 16.67),
        "BL": (73.33, (44.9, 92.213), (68.052, 99.831), 20, 26.67),
        "MH": (60, (32.287, 83.664), (51.911, 95.669), 66.67, 10),
    }
    for one in told.appraisers:
        effective, interval, repeated, miss, alarm = printed[one.name]
        assert round(100 * one.effectiveness.value, 2) == effective
        assert [round(100 * end, 3) for end in one.effectiveness.interval] == list(interval)
        assert [round(100 * end, 3) for end in one.repeatability.interval] == list(repeated)
        assert (round(100 * one.miss_rate.value, 2), round(100 * one.false_alarm_rate.value, 2)) == (miss, alarm)
    assert (told.team.effectiveness.count, told.team.repeatability.count) == (7, 9)
    assert [round(100 * end, 3) for end in told.team.effectiveness.interval] == [21.267, 73.414]
    assert [round(100 * end, 3) for end in told.team.repeatability.interval] == [32.287, 83.664]


def test_grades_of_aiag(aiag):
    """The manual's own conclusion: no appraiser is acceptable, B is nearest; and 50 parts show nothing."""
    grades = {a.name: [grade.value for grade in a.grades.values()] for a in agreement(aiag).appraisers}
    assert grades == {
        "A": ["marginal", "unacceptable", "acceptable"],
        "B": ["acceptable", "unacceptable", "acceptable"],
        "C": ["marginal", "unacceptable", "marginal"],
    }
    assert all(a.grade is Grade.UNACCEPTABLE for a in agreement(aiag).appraisers)
    assert not any(shown for a in agreement(aiag).appraisers for shown in a.shown.values())


def test_disputed_parts_come_with_the_most_disputed_first(aiag):
    disputed = agreement(aiag).disputed
    assert len(disputed) == 11
    assert [(part.part, part.wrong) for part in disputed[:2]] == [
        ("6", {"A": 1, "B": 1, "C": 2}),
        ("21", {"A": 1, "B": 1, "C": 2}),
    ]
    assert (disputed[2].part, disputed[2].reference, disputed[2].answers) == ("22", Outcome.NG, 3)


def test_bias_is_told_from_mixed_answers():
    defective = np.array([True, True, True, False, False])
    rejected = np.array([[[False, True, True, True, False], [False, False, True, True, False]]])
    (one,) = agreement(Study(tuple("abcde"), defective, ("A",), rejected)).appraisers
    assert (one.biased_to_accept, one.biased_to_reject, one.mixed) == (1, 1, 1)
    assert (one.effectiveness.count, one.repeatability.count) == (2, 4)
    assert (one.miss_rate.count, one.miss_rate.of) == (3, 6)


def test_one_look_tells_nothing_of_repeatability(aiag):
    once = Study(aiag.parts, aiag.defective, ("A",), aiag.rejected[:1, :1])
    told = agreement(once)
    assert told.appraisers[0].repeatability is None
    assert told.to_dict()["appraisers"][0]["repeatability"] is None


@given(studies())
def test_counts_add_up(study):
    told = agreement(study)
    trials, bad = study.rejected.shape[1], int(study.defective.sum())
    for one in (*told.appraisers, told.team):
        assert one.effectiveness.count + one.mixed + one.biased_to_accept + one.biased_to_reject == len(study.parts)
        if one.repeatability:
            assert one.repeatability.count == len(study.parts) - one.mixed
    for one in told.appraisers:
        wrong = sum(part.wrong[one.name] for part in told.disputed)
        assert one.miss_rate.count + one.false_alarm_rate.count == wrong
        assert one.miss_rate.of == trials * bad
    assert told.team.effectiveness.count <= min(one.effectiveness.count for one in told.appraisers)
    assert told.team.miss_rate.count == sum(one.miss_rate.count for one in told.appraisers)
    json.dumps(told.to_dict(), allow_nan=False)


def test_some_of_the_appraisers(aiag):
    two = aiag.only(("C", "A"))
    assert [one.name for one in agreement(two).appraisers] == ["C", "A"]
    assert agreement(two).appraisers[0] == agreement(aiag).appraisers[2]
    with pytest.raises(DataError, match=r"expected an appraiser of the study \(A, B, C\), got 'D'"):
        aiag.only(("D",))
