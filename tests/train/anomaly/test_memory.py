"""What hides among the good parts: the oddest places are not learned."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.config import anomaly
from sightline.index import Sample
from sightline.train.anomaly.judge import Lesson, Shown
from sightline.train.anomaly.memory import MemoryBank, doubtful
from sightline.train.anomaly.store import Store

SETTINGS = anomaly.MemoryBank(vectors=256, fine=256, components=6, context=1)


@given(seed=st.integers(0, 1000), share=st.floats(0, 0.99))
def test_the_doubtful_are_the_most_unlike_and_of_the_share_asked_for(seed, share):
    odd = torch.rand((5, 1, 4, 4), generator=torch.Generator().manual_seed(seed))
    found = doubtful(odd, share)
    assert int(found.sum()) == int(share * odd.numel())
    if found.any():
        assert odd[found].min() > odd[~found].max()


def test_none_is_doubtful_where_all_places_are_alike():
    assert not doubtful(torch.ones(5, 1, 4, 4), 0.03).any()


def lesson(spots):
    """Good frames of noise, of which some show a spot, at both scales."""
    random = torch.Generator().manual_seed(0)
    coarse, fine = (0.1 * torch.randn((20, 6, side, side), generator=random) for side in (8, 16))
    odd = torch.rand((20, 1, 8, 8), generator=random)
    for row in spots:
        coarse[row, :, 4, 4] += 3
        fine[row, :, 8:10, 8:10] += 3
        odd[row, :, 4, 4] += 5
    shown = Shown(
        [Sample(path=f"{row}.png") for row in range(20)], tuple(Store(f.half().numpy()) for f in (coarse, fine))
    )
    nothing = shown.only([])
    spot = (coarse[:1].clone(), fine[:1].clone())
    spot[0][:, :, 2, 2], spot[1][:, :, 4:6, 4:6] = 3, 3
    return Lesson(shown, odd, nothing, torch.zeros(0, 1, 8, 8), torch.zeros(0).bool().numpy(), 0), spot


def test_a_defect_that_hides_among_the_good_parts_is_found_on_the_next_part():
    hiding, spot = lesson(spots=[7])
    trusting, doubting = (
        MemoryBank.learned(hiding, SETTINGS.model_copy(update={"doubt": share})) for share in (0.0, 0.03)
    )
    (blind, unmarked), (seen, marked) = (judge(*spot) for judge in (trusting, doubting))
    assert float(seen) > 3 * float(blind)
    assert marked[0, 0, 4:6, 4:6].mean() > 2 * unmarked[0, 0, 4:6, 4:6].mean()
