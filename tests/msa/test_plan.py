"""Plans: random, blind, never the same order twice, and honest about what they can show."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.errors import DataError
from sightline.msa import make_plan, numbered, read_key, read_study, write_plan, write_sheet
from sightline.verdict import Outcome


def parts(good, defective):
    return {f"g{n}": Outcome.OK for n in range(good)} | {f"d{n}": Outcome.NG for n in range(defective)}


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 2), st.integers(0, 10**9))
def test_everybody_sees_every_part_once_a_trial_and_no_order_twice(good, defective, trials, seed):
    reference = parts(good, defective)
    plan = make_plan(reference, ["Anna", "model"], trials, seed=seed)
    for looks in plan.sheets.values():
        orders = [[look.part for look in looks if look.trial == trial] for trial in range(1, trials + 1)]
        assert all(sorted(order) == sorted(reference) for order in orders)
        assert len(set(map(tuple, orders))) == trials
        places = list(range(1, len(reference) + 1)) * trials
        assert [look.order for look in looks] == places
    assert make_plan(reference, ["Anna", "model"], trials, seed=seed) == plan


def test_appraisers_and_seeds_have_orders_of_their_own():
    plan = make_plan(parts(20, 10), ["Anna", "Bo"], 3, seed=1)
    assert plan.sheets["Anna"] != plan.sheets["Bo"]
    assert plan != make_plan(parts(20, 10), ["Anna", "Bo"], 3, seed=2)


def test_written_sheets_are_blind_and_can_be_filled_and_read(tmp_path):
    plan = make_plan(parts(3, 2), ["Änne / Schicht 2", "model"], 2, seed=0)
    key, sheets = write_plan(plan, tmp_path / "study")
    assert [sheet.name for sheet in sheets] == [
        "1-Änne-Schicht-2-trial-1.csv",
        "1-Änne-Schicht-2-trial-2.csv",
        "2-model-trial-1.csv",
        "2-model-trial-2.csv",
    ]
    assert read_key(key) == plan.reference
    for sheet in sheets:
        header, *rows = list(csv.reader(sheet.read_text(encoding="utf-8-sig").splitlines()))
        assert header == ["appraiser", "trial", "order", "part", "verdict"]
        assert [row[4] for row in rows] == [""] * 5
        assert not {"OK", "NG"} & {cell for row in rows for cell in row}
    for number, (name, looks) in enumerate(plan.sheets.items()):
        for trial in (1, 2):
            own = [look for look in looks if look.trial == trial]
            write_sheet(sheets[2 * number + trial - 1], name, own, [plan.reference[look.part] for look in own])
    study = read_study(key, sheets)
    assert study.appraisers == ("Änne / Schicht 2", "model")
    assert (study.rejected == study.defective).all()


def test_sheets_that_may_be_filled_are_not_written_over(tmp_path):
    plan = make_plan(parts(3, 2), ["Anna"], 1, seed=0)
    _, (sheet,) = write_plan(plan, tmp_path)
    (tmp_path / "key.csv").unlink()
    before = sheet.read_bytes()
    with pytest.raises(DataError, match=r"trial-1\.csv is there already"):
        write_plan(plan, tmp_path)
    assert sheet.read_bytes() == before
    assert not (tmp_path / "key.csv").exists()


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_plan(make_plan(parts(2, 1), ["Anna"], 1, seed=0), tmp_path / "file")


def test_what_a_plan_can_show():
    usual = make_plan(parts(34, 16), ["A", "B", "C"], 3, seed=0).reach()
    assert [(one.figure, one.parts, one.needed, one.enough) for one in usual] == [
        ("effectiveness", 50, 29, True),
        ("miss_rate", 16, 149, False),
        ("false_alarm_rate", 34, 59, False),
    ]
    assert str(usual[1]) == (
        "16 defective parts, all answered NG, show miss rate of at most 17.1% with 95% confidence; "
        "to show at most 2% takes 149"
    )
    assert str(usual[0]).startswith("50 parts, all answered right, show effectiveness of at least 94.2%")
    assert all(one.enough for one in make_plan(parts(59, 149), ["A"], 1, seed=0).reach())
    assert not make_plan(parts(59, 149), ["A"], 1, seed=0).reach(0.99)[1].enough


@pytest.mark.parametrize(
    ("reference", "appraisers", "trials", "message"),
    [
        (parts(5, 0), ["A"], 1, "expected good and defective parts, got 5 parts, of them OK"),
        ({}, ["A"], 1, "got 0 parts, of them none at all"),
        (parts(2, 2) | {"r": Outcome.REVIEW}, ["A"], 1, "expected OK or NG as the reference of part 'r', got REVIEW"),
        (parts(1, 1), ["A"], 3, "expected 1 to 2 trials of 2 parts, each in another order, got 3"),
        (parts(5, 5), ["A"], 0, "got 0"),
        (parts(5, 5), [], 3, "at least one appraiser"),
        (parts(5, 5), ["Anna", "anna "], 3, "the appraiser 'anna ' is there twice: 'Anna' reads the same"),
        (parts(5, 5), [" "], 3, "expected a name for each appraiser"),
        (parts(5, 5) | {"7": Outcome.OK, "007": Outcome.OK}, ["A"], 3, "the part '007' is there twice"),
    ],
)
def test_plans_that_make_no_study_are_refused(reference, appraisers, trials, message):
    with pytest.raises(DataError) as refused:
        make_plan(reference, appraisers, trials, seed=0)
    assert message in str(refused.value)


def test_numbers_in_place_of_names_that_tell():
    names = [f"scratch/{n}.png" for n in range(60)] + [f"good/{n}.png" for n in range(60)]
    numbers = numbered(names, seed=4)
    assert sorted(numbers.values()) == [f"P{n:03}" for n in range(1, 121)]
    assert list(numbers.values()) != sorted(numbers.values())
    assert numbered(names, seed=4) == numbers


def test_no_order_undoes_the_numbers():
    """Good parts came first: seen in the order in which they came, the sheet would tell which they are."""
    numbers = numbered(names := [f"{n:02}" for n in range(40)], seed=0)
    plan = make_plan(
        {numbers[name]: Outcome.OK if name < "20" else Outcome.NG for name in sorted(names, key=numbers.__getitem__)},
        ["Anna", "Bo"],
        3,
        seed=0,
    )
    came = [numbers[name] for name in names]
    for looks in plan.sheets.values():
        for trial in (1, 2, 3):
            order = [look.part for look in looks if look.trial == trial]
            assert sum(one == other for one, other in zip(order, came, strict=True)) < 10
