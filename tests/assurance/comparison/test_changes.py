"""Changed verdicts come in the order in which somebody should look at them."""

from itertools import pairwise

from sightline.assurance.comparison.changes import Change
from sightline.index import Sample
from sightline.verdict import Outcome

BAD, GOOD = True, False


def change(defective, before, after, path="a.png"):
    return Change(0, Sample(path=path), defective, Outcome(before), Outcome(after))


def test_escapes_come_first_and_what_became_better_last():
    in_order = [
        change(BAD, "NG", "OK"),
        change(BAD, "REVIEW", "OK"),
        change(GOOD, "OK", "NG"),
        change(GOOD, "REVIEW", "NG"),
        change(BAD, "NG", "REVIEW"),
        change(BAD, "OK", "NG"),
        change(BAD, "OK", "REVIEW"),
        change(GOOD, "NG", "OK"),
        change(GOOD, "NG", "REVIEW"),
        change(GOOD, "REVIEW", "OK"),
    ]
    assert all(one.order < other.order for one, other in pairwise(in_order))
    assert [one.harm > 0 for one in in_order] == [True] * 5 + [False] * 5


def test_equally_grave_ones_come_by_name():
    assert change(BAD, "NG", "OK", "a.png").order < change(BAD, "NG", "OK", "b.png").order


def test_who_has_not_looked_harms_as_little_as_one_who_asks():
    one, other = change(BAD, "REVIEW", "NOT_INSPECTED"), change(GOOD, "NOT_INSPECTED", "NG")
    assert (one.harm, other.harm) == (0, 3)
