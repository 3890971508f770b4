"""Folds: each image is tested once, twins stay together, and no fold lacks a class that can be divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline.config.recipe import SplitPlan
from sightline.dataset.split import split
from sightline.errors import DataError
from sightline.index import Sample, Split

KINDS = ((), ("dent",), ("scratch",), ("dent", "scratch"))


def rows(kinds, group_size=1):
    return [
        Sample(path=f"{n}.png", digest=f"{n:064}", labels=KINDS[kind], group=f"g{n // group_size}")
        for n, kind in enumerate(kinds)
    ]


def paths_tested(samples, folds, fold):
    plan = SplitPlan(folds=folds, fold=fold)
    return {row.path for row in split(samples, plan) if row.split is Split.TEST}


@given(st.lists(st.integers(0, 3), min_size=12, max_size=60), st.integers(2, 5), st.integers(1, 2))
def test_every_image_is_tested_once_and_twins_together(kinds, folds, group_size):
    samples = rows(kinds, group_size)
    parts = [paths_tested(samples, folds, fold) for fold in range(folds)]
    assert sorted(path for part in parts for path in part) == sorted(row.path for row in samples)
    for group in {row.group for row in samples}:
        members = {row.path for row in samples if row.group == group}
        assert sum(bool(members & part) for part in parts) == 1


def test_each_fold_has_its_share_of_a_rare_class():
    samples = rows([1] * 10 + [0] * 200)
    for fold in range(5):
        part = paths_tested(samples, 5, fold)
        assert sum(row.path in part for row in samples[:10]) == 2
        assert 36 <= len(part) <= 48


def test_the_rest_is_divided_by_the_plan():
    made = split(rows([0, 1] * 100), SplitPlan(folds=4, fold=1, validate=0.1, calibrate=0.1, test=0.5))
    counts = {part: sum(row.split is part for row in made) for part in Split}
    assert counts[Split.TEST] == 50
    assert counts[Split.TRAIN] > counts[Split.CALIBRATE] > 5


def test_images_with_a_split_and_too_many_folds_are_refused():
    kept = [row.model_copy(update={"split": Split.TEST}) for row in rows([0, 1])]
    with pytest.raises(DataError, match="came with one"):
        split(kept, SplitPlan(folds=2))
    with pytest.raises(DataError, match="at most 3"):
        split(rows([0, 1, 0]), SplitPlan(folds=5))


def test_a_fold_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="below that of folds"):
        SplitPlan(folds=3, fold=3)
