"""Heat is the distance to the nearest vector, and a frame's score the mean of its worst places."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.train.anomaly.bank import Bank
from sightline.train.anomaly.judge import frame_scores
from sightline.train.anomaly.memory import MemoryBank


def bank(count, context, random):
    """A bank of random vectors in a random subspace of 4 of 6 dimensions."""
    axes = torch.linalg.qr(torch.randn((6, 4), generator=random)).Q
    vectors, spacing = torch.randn((count, 4), generator=random), torch.rand(count, generator=random) + 0.5
    mean = torch.randn(6, generator=random)
    return Bank(mean, axes, vectors, spacing, context=context)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_distance_is_that_to_the_nearest_vector_by_its_spacing(seed):
    random = torch.Generator().manual_seed(seed)
    places = torch.randn((2, 20, 6), generator=random)
    made = bank(7, 1, random)
    reduced = (places - made.mean) @ made.axes
    slow = [(reduced - v).norm(dim=2) / s.sqrt() for v, s in zip(made.vectors, made.spacing, strict=True)]
    assert torch.allclose(made.distances(places), torch.stack(slow).amin(0), atol=2e-3)


def test_one_odd_place_is_hot_and_a_frame_that_is_odd_everywhere_scores_higher_still():
    random = torch.Generator().manual_seed(0)
    usual = 0.1 * torch.randn((1, 6, 8, 8), generator=random)
    vectors = usual.permute(0, 2, 3, 1).flatten(0, 2)
    bank = Bank(torch.zeros(6), torch.eye(6), vectors, torch.ones(64), context=1)
    made = MemoryBank(bank, None, torch.zeros(2, 2), worst=0.04)
    odd = usual.clone()
    odd[:, :, 2, 5] += 3
    (low, _), (high, heat), (highest, _) = (made(frame) for frame in (usual, odd, usual + 3))
    assert heat.flatten().argmax() == 2 * 8 + 5
    assert float(heat[0, 0, 7, 0]) < 0.1
    assert float(low) < float(high) < float(highest)


def test_the_score_is_the_mean_of_the_worst_places():
    heat = torch.arange(100.0).reshape(1, 1, 10, 10)
    assert float(frame_scores(heat, 0.04)) == 97.5
    assert float(frame_scores(heat, 0.001)) == 99
    assert float(frame_scores(heat, 1.0)) == 49.5


def test_the_fine_bank_sharpens_the_map_and_leaves_the_score_alone():
    """A spot that covers a quarter of a coarse place is hottest where it is."""
    random = torch.Generator().manual_seed(0)
    coarse, fine = (0.1 * torch.randn((1, 6, side, side), generator=random) for side in (8, 16))
    places = [part.permute(0, 2, 3, 1).flatten(0, 2) for part in (coarse, fine)]
    banks = [Bank(torch.zeros(6), torch.eye(6), rows, torch.ones(len(rows)), context=1) for rows in places]
    level = torch.tensor([[0.1, 0.1], [0.1, 0.1]])
    alone, both = (MemoryBank(banks[0], other, level, worst=0.04) for other in (None, banks[1]))
    coarse[:, :, 4, 4] += 1
    fine[:, :, 9, 8] += 2
    (score, heat), (same, sharp) = alone(coarse, fine), both(coarse, fine)
    assert torch.equal(score, same)
    assert heat.shape == (1, 1, 8, 8)
    assert sharp.flatten().argmax() == 9 * 16 + 8
