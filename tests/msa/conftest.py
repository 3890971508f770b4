"""Worked examples as studies."""

import numpy as np
import pytest

from sightline.msa import Study

# AIAG, Measurement Systems Analysis, 4th edition (2010), table III-C 1: 50 parts, appraisers A, B and C, 3 trials, 1 is
# acceptable. Where all nine answers are the same they agree with the reference; the others are written out.
REJECTED = (3, 4, 5, 9, 25, 37, 39, 42, 45, 48, 50)
MIXED = {
    6: ("110 110 100", 1),
    7: ("111 111 101", 1),
    12: ("000 000 010", 0),
    14: ("110 111 100", 1),
    21: ("110 101 010", 1),
    22: ("001 010 110", 0),
    26: ("010 000 001", 0),
    30: ("000 001 000", 0),
    34: ("001 001 011", 0),
    36: ("110 111 101", 1),
    43: ("101 111 110", 1),
}


@pytest.fixture
def aiag():
    """The study of the manual, with parts named 1 to 50."""
    accepted, good = [], []
    for part in range(1, 51):
        plain = 0 if part in REJECTED else 1
        words, reference = MIXED.get(part, (" ".join([str(plain) * 3] * 3), plain))
        accepted.append([[answer == "1" for answer in word] for word in words.split()])
        good.append(reference == 1)
    rejected = ~np.array(accepted).transpose(1, 2, 0)
    return Study(tuple(map(str, range(1, 51))), ~np.array(good), ("A", "B", "C"), rejected)


# jasp-stats/jaspQualityControl, tests/testthat: 15 parts, 3 operators, 3 trials, 1 for yes; the reference comes last.
JASP = {
    "EG": "111 000 111 100 111 111 111 000 000 111 000 111 111 000 111",
    "BL": "111 000 111 100 111 111 000 000 000 111 000 111 111 000 111",
    "MH": "111 111 111 111 111 111 111 001 100 111 101 111 111 000 111",
    "reference": "1 0 1 1 1 0 1 0 0 1 0 1 1 1 1",
}


@pytest.fixture
def jasp():
    """The example study of JASP."""
    *rejected, defective = (
        np.array([[answer == "0" for answer in part] for part in own.split()]).T for own in JASP.values()
    )
    return Study(tuple(map(str, range(15))), defective[0], ("EG", "BL", "MH"), np.array(rejected))
