"""Masks go the way of their images, and nothing small is lost on it."""

import numpy as np
import torch

from sightline import image
from sightline.config import Preprocess
from sightline.dataset.views import Views
from sightline.index import Index, Sample
from sightline.train.anomaly.masks import covered

SQUARE = Preprocess(height=64, width=64, fit="stretch")


def write(root, *masks):
    """An index of images whose masks these are; None has none."""
    samples = []
    for number, mask in enumerate(masks):
        if mask is not None:
            (root / f"{number}.png").write_bytes(image.png(mask))
        samples.append(Sample(path=f"{number}.jpg", labels=("dent",), mask=None if mask is None else f"{number}.png"))
    return Index.build(root, samples)


def test_the_share_of_each_place_is_told(tmp_path):
    mask = np.zeros((128, 256), np.uint8)
    mask[:64, :128] = 255
    mask[64:80, 128:192] = 1  # a quarter of a place's rows
    index = write(tmp_path, mask)
    shares, masked = covered(index.samples, index, Views(index, SQUARE, None), (2, 4))
    assert shares.shape == (1, 1, 2, 4)
    assert torch.allclose(shares[0, 0], torch.tensor([[1, 1, 0, 0], [0, 0, 0.25, 0]]))
    assert masked.tolist() == [True]


def test_one_pixel_of_a_large_image_is_not_lost(tmp_path):
    mask = np.zeros((2000, 2000), np.uint8)
    mask[1500, 700] = 255
    index = write(tmp_path, mask)
    shares, masked = covered(index.samples, index, Views(index, SQUARE, None), (4, 4))
    assert shares.flatten().argmax() == 3 * 4 + 1
    assert masked[0]


def test_padding_stays_free_of_defects(tmp_path):
    index = write(tmp_path, np.full((32, 64), 255, np.uint8))
    shares, _ = covered(index.samples, index, Views(index, Preprocess(height=64, width=64, fit="pad"), None), (4, 4))
    assert torch.equal(shares[0, 0], torch.tensor([[0.0] * 4, [1.0] * 4, [1.0] * 4, [0.0] * 4]))


def test_without_a_mask_or_with_an_empty_one_it_is_not_known_where(tmp_path):
    index = write(tmp_path, None, np.zeros((8, 8), np.uint8))
    shares, masked = covered(index.samples, index, Views(index, SQUARE, None), (2, 2))
    assert not shares.any()
    assert not masked.any()


def test_of_no_images_there_is_nothing(tmp_path):
    index = write(tmp_path)
    shares, masked = covered((), index, Views(index, SQUARE, None), (2, 2))
    assert shares.shape == (0, 1, 2, 2)
    assert masked.shape == (0,)
