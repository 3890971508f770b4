"""Damage that the decoder passes over is found, and no whole picture is taken for damaged."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import image
from sightline.errors import ImageError

LZW, DEFLATE = 5, 32946
NO_PREDICTOR, PREDICTOR = 1, 2


def texture(height=320, width=400, seed=0):
    """A picture like a ground surface: soft, with grain."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.uniform(60, 200, (16, 20, 3)), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + rng.normal(0, 5, soft.shape), 0, 255).astype(np.uint8)


def encode(suffix, picture, *parameters):
    return cv2.imencode(suffix, picture, parameters)[1].tobytes()


def zeros(data, start, end):
    return data[:start] + bytes(end - start) + data[end:]


def noise(data, start, end):
    return data[:start] + np.random.default_rng(1).bytes(end - start) + data[end:]


def cut(data, start, end):
    return data[:start] + data[end:]


BASELINE = (cv2.IMWRITE_JPEG_QUALITY, 90)
FORMATS = {
    "jpeg": (".jpg", BASELINE),
    "jpeg fine": (".jpg", (cv2.IMWRITE_JPEG_QUALITY, 98)),
    "jpeg optimised": (".jpg", (*BASELINE, cv2.IMWRITE_JPEG_OPTIMIZE, 1)),
    "jpeg restarts": (".jpg", (*BASELINE, cv2.IMWRITE_JPEG_RST_INTERVAL, 5)),
    "jpeg progressive": (".jpg", (*BASELINE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
    "tiff lzw": (".tif", (cv2.IMWRITE_TIFF_COMPRESSION, LZW, cv2.IMWRITE_TIFF_PREDICTOR, NO_PREDICTOR)),
    "tiff lzw predictor": (".tif", (cv2.IMWRITE_TIFF_COMPRESSION, LZW, cv2.IMWRITE_TIFF_PREDICTOR, PREDICTOR)),
    "tiff lzw one strip": (".tif", (cv2.IMWRITE_TIFF_COMPRESSION, LZW, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 320)),
    "tiff deflate": (".tif", (cv2.IMWRITE_TIFF_COMPRESSION, DEFLATE)),
    "png": (".png", ()),
}


class TestTheMiddleThird:
    @pytest.mark.parametrize("name", FORMATS)
    @pytest.mark.parametrize("harm", [zeros, noise, cut])
    def test_is_missed(self, name, harm):
        suffix, parameters = FORMATS[name]
        data = encode(suffix, texture(), *parameters)
        assert image.decode(data).shape == (320, 400, 3)
        with pytest.raises(ImageError, match=r"damaged|cannot be decoded"):
            image.decode(harm(data, len(data) // 3, 2 * len(data) // 3))

    def test_of_lossless_webp_is_missed_where_it_is_zeros(self):
        data = encode(".webp", texture(), cv2.IMWRITE_WEBP_QUALITY, 101)
        assert image.decode(data).shape == (320, 400, 3)
        with pytest.raises(ImageError, match="a part of its data is zeros"):
            image.decode(zeros(data, len(data) // 3, 2 * len(data) // 3))


class TestASmallPart:
    @pytest.mark.parametrize("name", ["jpeg", "tiff lzw", "tiff deflate"])
    @pytest.mark.parametrize("harm", [zeros, noise, cut])
    @pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
    def test_of_one_page_is_missed(self, name, harm, place):
        suffix, parameters = FORMATS[name]
        data = encode(suffix, texture(seed=2), *parameters)
        start = int(place * len(data))
        with pytest.raises(ImageError, match=r"damaged|cannot be decoded"):
            image.decode(harm(data, start, start + 2048))

    def test_a_restart_mark_out_of_turn_is_seen(self):
        data = encode(".jpg", texture(), *FORMATS["jpeg restarts"][1])
        first, third = data.index(b"\xff\xd1"), data.index(b"\xff\xd2")
        with pytest.raises(ImageError, match="a part of its data is lost"):
            image.decode(cut(data, first, third))

    def test_one_wrong_bit_in_a_deflated_tiff_is_seen(self):
        data = bytearray(encode(".tif", texture(), *FORMATS["tiff deflate"][1]))
        data[len(data) // 2] ^= 1
        with pytest.raises(ImageError, match="damaged"):
            image.decode(bytes(data))


def flat(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def lit(height, width, value):
    """An object of rough surface before an even ground."""
    picture = flat(height, width, value)
    inside = picture[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1]
    inside[:] = np.random.default_rng(height).integers(0, 256, inside.shape)
    return picture


PICTURES = st.builds(
    lambda make, *size: make(*size),
    st.sampled_from([flat, lit]),
    st.integers(1, 200),
    st.integers(1, 200),
    st.sampled_from([0, 114, 128, 255]),  # 128 is what a decoder fills gaps with, and 0 what it leaves of a lost strip
)


class TestWholePicturesAreRead:
    @given(PICTURES, st.sampled_from([0, 1]), st.sampled_from([0, 1]), st.integers(0, 20), st.booleans())
    @settings(max_examples=150, deadline=None)
    def test_jpeg(self, picture, optimise, progressive, interval, grey):
        options = (cv2.IMWRITE_JPEG_OPTIMIZE, optimise, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
        stored = picture[..., 0] if grey else picture
        data = encode(".jpg", stored, *options, cv2.IMWRITE_JPEG_RST_INTERVAL, interval)
        assert image.decode(data).shape == picture.shape

    @given(PICTURES, st.sampled_from([LZW, DEFLATE]), st.sampled_from([1, 2]), st.integers(1, 200), st.booleans())
    @settings(max_examples=100, deadline=None)
    def test_tiff(self, picture, compression, predictor, rows, grey):
        options = (cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor)
        if grey:
            picture[..., 1:] = picture[..., :1]
        stored = picture[..., 0] if grey else picture
        data = encode(".tif", stored, *options, cv2.IMWRITE_TIFF_ROWSPERSTRIP, rows)
        assert np.array_equal(image.decode(data), picture[..., ::-1])

    @given(PICTURES)
    @settings(max_examples=30, deadline=None)
    def test_lossless_webp(self, picture):
        data = encode(".webp", picture, cv2.IMWRITE_WEBP_QUALITY, 101)
        assert np.array_equal(image.decode(data), picture[..., ::-1])

    def test_a_jpeg_that_a_camera_filled_up_with_zeros(self):
        data = encode(".jpg", texture())
        assert image.decode(data[:-2] + bytes(500) + data[-2:]).shape == (320, 400, 3)

    @pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
    @pytest.mark.parametrize("progressive", [False, True])
    def test_jpeg_of_another_library(self, mode, progressive):
        pil_image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `train`")
        buffer = io.BytesIO()
        pil_image.fromarray(lit(90, 70, 128)).convert(mode).save(
            buffer, "JPEG", progressive=progressive, optimize=True, quality=70
        )
        assert image.decode(buffer.getvalue()).shape == (90, 70, 3)
