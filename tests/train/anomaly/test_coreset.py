"""The coreset covers what it was given, whatever the blocks it came in, and holds no more than was asked for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.train.anomaly import coreset
from sightline.train.anomaly.coreset import Coreset, farthest


def one_by_one(points, count):
    """Farthest-point selection as it stands in books."""
    chosen, distance = [0], (points - points[0]).norm(dim=1)
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).norm(dim=1))
    return chosen


def cover(points, chosen):
    """How far the farthest point is from the nearest chosen one."""
    return float(torch.cdist(points, chosen).amin(1).max())


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 60), size=st.integers(1, 300), seed=st.integers(0, 99))
def test_many_picks_a_pass_cover_as_well_as_one(count, size, seed):
    points = torch.randn((size, 5), generator=torch.Generator().manual_seed(seed))
    quick, slow = points[farthest(points, count)], points[one_by_one(points, count)]
    assert len(quick) == min(count, size)
    assert cover(points, quick) == pytest.approx(cover(points, slow), abs=1e-3)


def test_many_more_points_than_candidates_give_the_choice_of_one_pick_a_pass(monkeypatch):
    monkeypatch.setattr(coreset, "_AMONG", 16)
    points = torch.rand((800, 3), generator=torch.Generator().manual_seed(1)) ** 3
    assert farthest(points, 120).tolist() == one_by_one(points, 120)


@given(copies=st.integers(1, 20))
def test_equal_points_are_chosen_once(copies):
    points = torch.tensor([[0.0, 1.0], [3.0, 4.0]]).repeat(copies, 1)
    assert len(farthest(points, 10)) == 2


def test_a_stream_is_covered_and_memory_bounded():
    random = torch.Generator().manual_seed(2)
    blocks = [torch.rand((500, 64), generator=random) for _ in range(20)]
    every = torch.cat(blocks)
    coreset = Coreset(50)
    for block in blocks:
        coreset.add(block)
        assert sum(map(len, coreset._blocks)) <= 16 * 50 + 500
    chosen = coreset.vectors()
    assert chosen.shape == (50, 64)
    alone = every[farthest(every, 50)]
    assert cover(every, chosen) < 1.2 * cover(every, alone)


def test_the_rare_is_kept_however_much_of_the_usual_there_is():
    usual = 0.01 * torch.randn((5000, 16), generator=torch.Generator().manual_seed(3))
    rare = torch.full((1, 16), 2.0)
    coreset = Coreset(20)
    for block in (usual[:2500], rare, usual[2500:]):
        coreset.add(block)
    assert float((coreset.vectors() - rare).norm(dim=1).min()) < 1e-2
