"""Heat is the distance to the nearest vector, and a frame's score the mean of its worst places."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.train.anomaly.bank import MemoryBank, averaged, frame_scores


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), context=st.sampled_from([1, 3, 5]))
def test_heat_is_the_distance_to_the_nearest_vector(seed, context):
    random = torch.Generator().manual_seed(seed)
    features = torch.randn((2, 6, 5, 4), generator=random)
    bank = MemoryBank(torch.randn((7, 6), generator=random), context)
    around = averaged(features, context)
    slow = torch.stack(
        [(around - vector[None, :, None, None]).norm(dim=1) for vector in bank.vectors], dim=1
    ).amin(1, keepdim=True)
    assert torch.allclose(bank(features), slow, atol=1e-3)


def test_what_the_bank_holds_is_not_hot():
    features = torch.randn((1, 8, 3, 3), generator=torch.Generator().manual_seed(0))
    bank = MemoryBank(features.permute(0, 2, 3, 1).flatten(0, 2), 1)
    assert float(bank(features).max()) < 1e-2


def test_the_score_is_the_mean_of_the_worst_places():
    heat = torch.arange(100.0).reshape(1, 1, 10, 10)
    assert float(frame_scores(heat, 0.04)) == 97.5
    assert float(frame_scores(heat, 0.001)) == 99
    assert float(frame_scores(heat, 1.0)) == 49.5
