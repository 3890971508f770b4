"""Features as small networks see them: decorrelated as good parts vary, of both scales."""

import torch

from sightline.index import Sample
from sightline.train.anomaly.judge import Shown
from sightline.train.anomaly.store import Store
from sightline.train.anomaly.white import White


def shown(count=40, fine=True, grid=4):
    """Features whose channels are mixed, of very different size."""
    random = torch.Generator().manual_seed(0)
    mixing = torch.randn((6, 6), generator=random) * torch.tensor([0.5, 1, 3, 1, 0.7, 2])[:, None]
    coarse = torch.einsum("nchw,cd->ndhw", torch.randn((count, 6, grid, grid), generator=random), mixing) + 3
    finer = torch.randn((count, 5, 2 * grid, 2 * grid), generator=random)
    samples = [Sample(path=f"{number}.png") for number in range(count)]
    return Shown(samples, tuple(Store(part.half().numpy()) for part in ((coarse, finer) if fine else (coarse,))))


def test_good_places_have_mean_0_and_no_correlation():
    good = shown()
    seen = White.of(good).every(good).float()
    places = seen.permute(0, 2, 3, 1).flatten(0, 2)
    assert seen.shape == (40, 11, 4, 4)
    assert places.mean(0).abs().max() < 0.02
    assert torch.allclose(places.T @ places / len(places), torch.eye(11), atol=0.05)


def test_scales_of_many_places_stay_in_step():
    good = shown(count=20, grid=32)
    assert good.scales[0].batch > good.scales[1].batch
    assert White.of(good).every(good).shape == (20, 11, 32, 32)


def test_one_scale_does_too():
    good = shown(fine=False)
    assert White.of(good).every(good).shape == (40, 6, 4, 4)


def test_a_direction_in_which_good_parts_never_vary_does_not_blow_up():
    constant = torch.ones(20, 3, 4, 4)
    constant[:, 0] = torch.randn((20, 4, 4), generator=torch.Generator().manual_seed(0))
    good = Shown([Sample(path=f"{n}.png") for n in range(20)], (Store(constant.half().numpy()),))
    white = White.of(good)
    odd = white(constant[:1] + 1e-3)
    assert torch.isfinite(odd).all()
    assert odd.abs().max() <= 8
