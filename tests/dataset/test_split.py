"""Groups stay whole, parts are stable, and small classes reach every part."""

import string
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.config.recipe import SplitPlan
from sightline.dataset.split import split
from sightline.index import Sample, Split

LABELS = ((), ("dent",), ("scratch",), ("dent", "scratch"))
SHARES = {Split.TEST: 0.25, Split.CALIBRATE: 0.15, Split.VALIDATE: 0.1, Split.TRAIN: 0.5}


def sample(number, labels=(), group="", part=None):
    return Sample(path=f"{number}.png", digest=f"{number:06x}", labels=labels, group=group, split=part)


@st.composite
def sets(draw, most=120):
    numbers = draw(st.lists(st.integers(0, 16**6 - 1), unique=True, min_size=1, max_size=most))
    names = st.sampled_from(["", *string.ascii_letters])
    return [sample(number, draw(st.sampled_from(LABELS)), draw(names)) for number in numbers]


def parts(samples, **plan):
    return {s.path: s.split for s in split(samples, SplitPlan(**plan))}


@settings(deadline=None)
@given(sets())
def test_every_image_gets_a_part_and_groups_stay_whole(samples):
    done = split(samples, SplitPlan())
    assert [s.path for s in done] == [s.path for s in samples]
    assert all(s.split is not None for s in done)
    of_group = defaultdict(set)
    for s in done:
        of_group[s.group or s.digest].add(s.split)
    assert all(len(found) == 1 for found in of_group.values())


@settings(deadline=None)
@given(sets(), st.randoms(use_true_random=False))
def test_order_does_not_matter(samples, random):
    mixed = list(samples)
    random.shuffle(mixed)
    assert parts(mixed) == parts(samples)


@settings(deadline=None)
@given(sets())
def test_a_class_reaches_as_many_parts_as_it_has_groups(samples):
    alone = [s.model_copy(update={"labels": s.labels[:1], "group": ""}) for s in samples]
    done = split(alone, SplitPlan())
    for labels in LABELS[:3]:
        rows = [s for s in done if s.labels == labels]
        order = [Split.TRAIN, Split.TEST, Split.CALIBRATE, Split.VALIDATE]
        assert {s.split for s in rows} >= set(order[: len(rows)])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 400))
def test_adding_images_moves_none_that_are_there(seed, more):
    before = [sample(n, LABELS[n % 3]) for n in range(600)]
    after = before + [sample(n, LABELS[n % 3]) for n in range(600, 600 + more)]
    old, new = parts(before, seed=seed), parts(after, seed=seed)
    assert {path: new[path] for path in old} == old


def test_a_small_class_moves_little_while_it_grows():
    few = [sample(n, ("dent",)) for n in range(12)]
    moved = sum(parts(few[: n + 1])[s.path] != parts(few[:n])[s.path] for n in range(4, 12) for s in few[:n])
    assert moved <= 3


def test_shares_are_near_their_target():
    counts = Counter(parts([sample(n) for n in range(8000)]).values())
    assert all(abs(counts[part] / 8000 - share) < 0.015 for part, share in SHARES.items())


def test_another_seed_gives_another_split():
    samples = [sample(n) for n in range(200)]
    assert parts(samples, seed=1) != parts(samples, seed=2)
    assert parts(samples, seed=1) == parts(samples, seed=1)


def test_a_share_of_zero_leaves_a_part_empty():
    found = set(parts([sample(n, LABELS[n % 3]) for n in range(60)], validate=0, test=0).values())
    assert found == {Split.TRAIN, Split.CALIBRATE}


def test_a_test_folder_is_kept_and_nothing_is_added_to_it():
    samples = [sample(n, part=Split.TEST if n < 50 else None) for n in range(1000)]
    done = parts(samples)
    assert {path for path, part in done.items() if part is Split.TEST} == {f"{n}.png" for n in range(50)}
    counts = Counter(done.values())
    assert 0.15 < counts[Split.CALIBRATE] / 950 < 0.25  # 0.15 of the 0.75 that are not test
    assert 0.09 < counts[Split.VALIDATE] / 950 < 0.18


def test_validate_and_calibrate_come_out_of_train():
    samples = [sample(n, part=Split.TEST if n < 50 else Split.TRAIN) for n in range(400)]
    done = parts(samples)
    assert all(done[f"{n}.png"] is Split.TEST for n in range(50))
    rest = {done[f"{n}.png"] for n in range(50, 400)}
    assert rest == {Split.TRAIN, Split.VALIDATE, Split.CALIBRATE}


def test_a_whole_split_is_kept_and_new_images_follow_the_plan():
    given = [sample(n, part=list(Split)[n % 4]) for n in range(40)]
    new = [sample(n) for n in range(40, 340)]
    done = parts(given + new)
    assert all(done[s.path] is s.split for s in given)
    assert {done[s.path] for s in new} == set(Split)


def test_twins_without_a_part_join_the_one_that_has_it():
    samples = [sample(1, group="a", part=Split.TEST), sample(2, group="a"), *(sample(n) for n in range(3, 40))]
    assert parts(samples)["2.png"] is Split.TEST


@pytest.mark.parametrize("part", [Split.TEST, Split.CALIBRATE])
def test_a_row_of_train_is_never_moved_to_its_twin(part):
    samples = [sample(1, group="a", part=part), sample(2, group="a", part=Split.TRAIN)]
    assert parts(samples) == {"1.png": part, "2.png": Split.TRAIN}


def test_defects_are_kept_for_measuring_where_good_parts_alone_are_learned():
    rows = [Sample(path=f"{n}.png", digest=f"{n:064x}", labels=("dent",) if n % 3 == 0 else ()) for n in range(300)]
    parts = split(rows, SplitPlan(), one_class=True, defects_teach=False)
    assert {s.split for s in parts if s.labels} == {Split.CALIBRATE, Split.TEST}
    assert {s.split for s in parts if not s.labels} == set(Split)
    without = {s.path: s.split for s in split([row for row in rows if row.good], SplitPlan(), one_class=True)}
    assert all(without[s.path] == s.split for s in parts if s.good)  # a good part's place hangs on no defect


def test_a_part_with_a_defective_surface_may_be_learned_from_by_its_good_ones():
    rows = [
        Sample(
            path=f"{item}/{side}.png",
            digest=f"{item * 9 + side:064x}",
            group=str(item),
            labels=("crack",) * (side == 0),
        )
        for item in range(60)
        for side in range(4)
    ]
    parts = split(rows, SplitPlan(), one_class=True, defects_teach=False)
    assert sum(s.split is Split.TRAIN and s.good for s in parts) > 60
    assert len({(s.group, s.split) for s in parts}) == 60


@given(seed=st.integers(0, 500), count=st.integers(12, 30))
def test_luck_leaves_enough_good_parts_to_learn_from_and_to_calibrate_on(seed, count):
    rows = [Sample(path=f"{n}.png", digest=f"{n:064x}") for n in range(count)]
    parts = Counter(s.split for s in split(rows, SplitPlan(seed=seed, validate=0, calibrate=0.2), one_class=True))
    assert parts[Split.TRAIN] >= 5
    assert parts[Split.CALIBRATE] >= 5
