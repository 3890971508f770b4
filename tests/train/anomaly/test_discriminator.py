"""Made-up defects lie in patches, and nothing is changed elsewhere."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.train.anomaly.discriminator import spoiled
from sightline.train.anomaly.head import Frames


def frames(grid):
    """Three good frames that show nothing."""
    nowhere, every = torch.zeros(3, 1, *grid), torch.ones(3, dtype=torch.bool)
    return Frames(torch.zeros(3, 5, *grid), nowhere, nowhere, every, ~every)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), grid=st.tuples(st.integers(3, 20), st.integers(3, 20)))
def test_noise_is_where_it_is_said_to_be(seed, grid):
    made = spoiled(frames(grid), torch.Generator().manual_seed(seed))
    changed = (made.features != 0).any(1, keepdim=True)
    assert torch.equal(changed, made.covered == 1)
    assert made.covered.flatten(1).any(1).all()
    assert (made.covered.flatten(1).mean(1) <= 0.3 + 2 / (grid[0] * grid[1])).all()
    assert made.defective.all()
    assert made.masked.all()
