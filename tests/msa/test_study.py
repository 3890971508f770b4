"""Filled sheets: whatever a spreadsheet does to them is understood, whatever is wrong with them is said."""

import numpy as np
import pytest

from sightline.errors import DataError
from sightline.msa import read_key, read_study
from sightline.verdict import Outcome

KEY = "part,reference\nP1,OK\nP2,NG\n"
ANNA = "appraiser,trial,order,part,verdict\nAnna,1,1,P1,OK\nAnna,1,2,P2,NG\nAnna,2,1,P2,OK\nAnna,2,2,P1,OK\n"
MODEL = ANNA.replace("Anna", "model").replace("NG", "REVIEW").replace("2,1,P2,OK", "2,1,P2,NOT_INSPECTED")


@pytest.fixture
def study(tmp_path):
    """Writes a key and sheets, and reads them."""

    def read(*sheets, key=KEY, encoding="utf-8", **settings):
        (tmp_path / "key.csv").write_bytes(key.encode(encoding))
        paths = [tmp_path / f"{number}.csv" for number in range(1, len(sheets) + 1)]
        for path, text in zip(paths, sheets, strict=True):
            path.write_bytes(text.encode(encoding))
        return read_study(tmp_path / "key.csv", paths, **settings)

    return read


def refused(study, *sheets, **settings):
    with pytest.raises(DataError) as error:
        study(*sheets, **settings)
    return str(error.value)


def test_answers_are_read_by_appraiser_trial_and_part(study):
    told = study(ANNA, MODEL)
    assert (told.parts, told.appraisers) == (("P1", "P2"), ("Anna", "model"))
    assert told.defective.tolist() == [False, True]
    assert told.rejected.tolist() == [[[False, True], [False, False]], [[False, True], [False, True]]]


def test_a_part_that_the_model_did_not_pass_counts_as_rejected_and_is_told(study):
    assert study(MODEL).undecided == {"model": {Outcome.REVIEW: 1, Outcome.NOT_INSPECTED: 1}}
    lenient = study(MODEL, review=Outcome.OK)
    assert lenient.rejected.tolist() == [[[False, False], [False, True]]]
    with pytest.raises(DataError, match="REVIEW counts as NG or OK, got NOT_INSPECTED"):
        study(MODEL, review=Outcome.NOT_INSPECTED)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_dialects_of_spreadsheets(study, delimiter, encoding, ending):
    def saved(text):
        return text.replace(",", delimiter).replace("\n", ending)

    told = study(saved(ANNA), key=saved(KEY), encoding=encoding)
    assert np.array_equal(told.rejected, study(ANNA).rejected)


def test_quirks_of_spreadsheets(study):
    key = "sep=;\n Part ;Reference;;\n007; Pass ;;\nÄ 2;n.i.O.;;\n;;;\n"
    sheet = (
        '"sep=;"\r\nVERDICT;Note;Part ;Trial;Appraiser;\r\n'
        '"no-go";"seen; twice";ä  2;1; Jörg ;\r\n;;;;;\r\nOKAY;;7;1;JÖRG\r\n  ;\r\n'
    )
    told = study(sheet, key=key)
    assert (told.parts, told.appraisers) == (("007", "Ä 2"), ("Jörg",))
    assert told.rejected.tolist() == [[[False, True]]]


def test_a_trial_may_have_a_file_of_its_own(study):
    header, *rows = ANNA.splitlines()
    files = ["\n".join([header, *rows[:2]]), "\n".join([header, *rows[2:]])]
    assert np.array_equal(study(*files).rejected, study(ANNA).rejected)


@pytest.mark.parametrize(
    ("word", "rejected"),
    [(word, False) for word in ("OK", "ok ", "Good", "PASS", "passed", "accept", "go", "i.O.", "1")]
    + [(word, True) for word in ("NG", "nok", "bad", "Fail", "FAILED", "reject", "no go", "Not OK", "n.i.O.", "0")],
)
def test_words_for_verdicts(study, word, rejected):
    told = study(ANNA.replace("P1,OK", f"P1,{word}"))
    assert told.rejected[0, :, 0].tolist() == [rejected, rejected]


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("P1,OK\nAnna,1,2", "P1,maybe\nAnna,1,2", ["1.csv, line 2", "expected a verdict (OK or NG), got 'maybe'"]),
        ("P1,OK\nAnna,1,2", "P1,\nAnna,1,2", ["1.csv, line 2", "the cell is empty"]),
        ("P1,OK\nAnna,1,2", "P1\nAnna,1,2", ["1.csv, line 2", "the cell is empty"]),
        ("1,2,P2", "1,2,P22", ["1.csv, line 3", "key.csv, got 'P22'", "Did you mean `P2`?"]),
        ("1,2,P2", "1,2,P1", ["1.csv, line 3", "Anna answered on part 'P1' in trial 1 already", "1.csv, line 2"]),
        ("Anna,1,2", ",1,2", ["1.csv, line 3", "expected the name of the appraiser"]),
        ("Anna,1,2", "Anna,first,2", ["1.csv, line 3", "expected the number of the trial, from 1, got 'first'"]),
        ("Anna,1,2", "Anna,0,2", ["1.csv, line 3", "got '0'"]),
        ("Anna,1,2,P2,NG\n", "", ["Anna, trial 1", "1.csv, line 2", "each of the 2 parts", "1 are missing: P2"]),
        ("2,NG", "2,NG,why,not", ["1.csv, line 3", "expected 5 fields, got 7"]),
        ("verdict", "answer", ["1.csv: expected a column 'verdict'", "'answer'"]),
        ("order", "trial", ["1.csv: the column 'trial' stands there twice"]),
        ("P1,OK\nAnna,1,2", '"P1,OK\nAnna,1,2', ["1.csv, line 5", "Check the quotes."]),
    ],
)
def test_what_is_wrong_with_a_sheet_is_said(study, old, new, messages):
    assert old in ANNA
    told = refused(study, ANNA.replace(old, new, 1))
    for message in messages:
        assert message in told


def test_an_appraiser_with_fewer_trials_is_refused(study):
    bo = "\n".join(line for line in ANNA.replace("Anna", "Bo").splitlines() if not line.startswith("Bo,2"))
    told = refused(study, ANNA, bo)
    assert "Bo: expected 2 trials, for Anna has 2; trial 2 is missing" in told
    assert "Anna: expected 3 trials, for there is a trial 3; trial 2 is missing" in refused(
        study, ANNA.replace("Anna,2", "Anna,3")
    )


def test_a_file_that_is_handed_in_twice_is_refused(study):
    assert "2.csv, line 2: Anna answered on part 'P1' in trial 1 already" in refused(study, ANNA, ANNA)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("part,reference\nP1,OK\n", "expected good and defective parts, got 1 parts, of them OK"),
        (KEY + "P3,REVIEW\n", "expected OK or NG as the reference of part 'P3', got REVIEW"),
        (KEY + "P3,\n", "line 4: expected a verdict (OK or NG), the cell is empty"),
        (KEY + "p1,NG\n", "line 4: the part 'p1' stands there already"),
        (KEY + ",NG\n", "line 4: expected the name of a part"),
        ("part\nP1\n", "expected a column 'reference', found 'part'"),
        ("part,reference\n", "expected rows below the header, found none"),
        ("", "expected the columns part, reference, the file is empty"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(study, key, message):
    assert message in refused(study, ANNA, key=key)


def test_files_that_cannot_be_read(study, tmp_path):
    assert "at least one filled sheet" in refused(study)
    with pytest.raises(DataError, match="it cannot be read"):
        read_key(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes("part,reference\nTür,OK\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.csv, line 2: not UTF-8"):
        read_key(tmp_path / "latin.csv")
