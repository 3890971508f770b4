"""Masks with a palette hold numbers, whatever colours those are shown in."""

import io

import numpy as np
import pytest

from sightline import image
from sightline.errors import ImageError


def stored(numbers, colours, **options):
    pil_image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `train`")
    picture = pil_image.fromarray(numbers)
    picture.putpalette(np.asarray(colours, np.uint8).ravel().tolist())
    data = io.BytesIO()
    picture.save(data, "PNG", **options)
    return data.getvalue()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("extra", [{}, {"transparency": 0}])
def test_numbers_of_a_palette_are_read_at_every_depth(tmp_path, bits, extra):
    count = 2**bits
    numbers = (np.arange(13 * 40, dtype=np.int64).reshape(13, 40) % count).astype(np.uint8)
    colours = np.random.default_rng(0).integers(0, 256, (count, 3))
    (tmp_path / "mask.png").write_bytes(stored(numbers, colours, bits=bits, **extra))
    assert np.array_equal(image.read_values(tmp_path / "mask.png", name="mask.png"), numbers)


def test_a_palette_of_greys_means_its_greys(tmp_path):
    numbers = np.array([[0, 1], [1, 0]], np.uint8)
    (tmp_path / "mask.png").write_bytes(stored(numbers, [[255] * 3, [0] * 3]))
    assert image.read_values(tmp_path / "mask.png", name="mask.png").tolist() == [[255, 0], [0, 255]]


def test_colours_without_a_palette_are_no_numbers(tmp_path):
    (tmp_path / "mask.png").write_bytes(image.png(np.full((4, 4, 3), (1, 0, 2), np.uint8)))
    with pytest.raises(ImageError, match=r"mask\.png: expected a mask of one number a pixel, got colours"):
        image.read_values(tmp_path / "mask.png", name="mask.png")
