"""Every image that a line can produce becomes the right pixels, or an error that says why not."""

import io
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline import image
from sightline.config import Preprocess
from sightline.errors import ImageError

# Red, green, blue and grey quarters: wrong order of channels, orientation or depth cannot hide.
RED, GREEN, BLUE, GREY = (200, 40, 30), (30, 180, 60), (40, 50, 220), (120, 120, 120)


@pytest.fixture
def picture():
    """An RGB picture of 48 rows and 64 columns: red and green above, blue and grey below."""
    made = np.empty((48, 64, 3), np.uint8)
    made[:24, :32], made[:24, 32:], made[24:, :32], made[24:, 32:] = RED, GREEN, BLUE, GREY
    return made


def encode(suffix, rgb, *parameters):
    stored = rgb if rgb.ndim == 2 else rgb[..., [2, 1, 0, *range(3, rgb.shape[2])]]
    return cv2.imencode(suffix, stored, parameters)[1].tobytes()


def corners(rgb):
    """The colours of the four quarters' centres."""
    rows, columns = rgb.shape[0] // 4, rgb.shape[1] // 4
    return [tuple(int(v) for v in rgb[r, c]) for r in (rows, -rows) for c in (columns, -columns)]


def pillow(rgb, mode, file_format, **options):
    """Encodes with another library, for what OpenCV cannot write."""
    pil_image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `train`")
    buffer = io.BytesIO()
    pil_image.fromarray(rgb).convert(mode).save(buffer, file_format, **options)
    return buffer.getvalue()


class TestFormats:
    @pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
    def test_lossless_formats_come_back_exactly(self, picture, suffix):
        assert np.array_equal(image.decode(encode(suffix, picture)), picture)

    @pytest.mark.parametrize("suffix", [".jpg", ".webp"])
    def test_lossy_formats_keep_the_channels_in_order(self, picture, suffix):
        assert np.abs(np.subtract(corners(image.decode(encode(suffix, picture))), corners(picture))).max() < 12

    def test_grey_is_repeated_over_the_channels(self, picture):
        grey = picture[..., 0]
        decoded = image.decode(encode(".png", grey))
        assert np.array_equal(decoded, np.repeat(grey[..., None], 3, axis=2))

    def test_cmyk_becomes_rgb(self, picture):
        decoded = image.decode(pillow(picture, "CMYK", "JPEG", quality=95))
        assert np.abs(np.subtract(corners(decoded), corners(picture))).max() < 12

    def test_palette_is_looked_up(self, picture):
        pil_image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `train`")
        expected = np.asarray(pil_image.fromarray(picture).convert("P").convert("RGB"))
        for file_format in ("PNG", "BMP", "TIFF"):
            assert np.array_equal(image.decode(pillow(picture, "P", file_format)), expected)

    def test_alpha_is_dropped_and_never_darkens(self, picture):
        clear = np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)])
        assert np.array_equal(image.decode(encode(".png", clear)), picture)

    def test_grey_with_alpha(self, picture):
        decoded = image.decode(pillow(picture[..., 0], "LA", "PNG"))
        assert np.array_equal(decoded[..., 1], picture[..., 0])

    def test_tiff_with_transparent_places_is_refused_because_its_colours_are_lost(self, picture):
        clear = np.dstack([picture, np.full(picture.shape[:2], 7, np.uint8)])
        with pytest.raises(ImageError, match="transparent"):
            image.decode(encode(".tif", clear))

    def test_tiff_with_opaque_alpha_is_read(self, picture):
        opaque = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        assert np.array_equal(image.decode(encode(".tif", opaque)), picture)

    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
    def test_exif_orientation_is_obeyed(self, picture, file_format):
        pil_image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `train`")
        exif = pil_image.Exif()
        exif[0x0112] = 6  # to be shown turned by a quarter clockwise
        decoded = image.decode(pillow(picture, "RGB", file_format, exif=exif))
        turned = np.rot90(picture, k=-1)
        assert decoded.shape == turned.shape
        assert np.abs(np.subtract(corners(decoded), corners(turned))).max() < 12

    def test_non_ascii_path(self, picture, tmp_path):
        path = tmp_path / "Prüfling 検査 №5.png"
        path.write_bytes(encode(".png", picture))
        assert np.array_equal(image.read(path), picture)


class TestDepth:
    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_twelve_bits_of_sixteen(self, suffix):
        stored = np.linspace(0, 4095, 64 * 64).astype(np.uint16).reshape(64, 64)
        decoded = image.decode(encode(suffix, stored), bits=12)
        assert np.array_equal(decoded[..., 0], stored >> 4)

    def test_sixteen_bit_colour_keeps_its_channels(self, picture):
        assert np.array_equal(image.decode(encode(".png", picture.astype(np.uint16) << 8)), picture)

    def test_a_dark_sixteen_bit_frame_stays_dark(self):
        assert image.to_rgb(np.full((4, 4), 255, np.uint16)).max() == 0

    def test_values_beyond_the_stated_bits_are_refused(self):
        with pytest.raises(ImageError, match="at most 12 significant bits, got a value of 4096"):
            image.to_rgb(np.full((4, 4), 4096, np.uint16), bits=12)

    @pytest.mark.parametrize("kind", [np.float32, np.float64])
    def test_float_tiff_is_refused(self, picture, kind):
        with pytest.raises(ImageError, match="expected 8 or 16 bits a channel, got float"):
            image.decode(encode(".tif", picture.astype(kind)))

    @pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (4, 4, 5), (1, 4, 4, 3), (0, 4), (4, 0, 3)])
    def test_other_shapes_are_refused(self, shape):
        with pytest.raises(ImageError, match="expected an image of shape"):
            image.to_rgb(np.zeros(shape, np.uint8))

    def test_what_fits_already_is_not_copied(self, picture):
        assert np.shares_memory(image.to_rgb(picture), picture)


class TestDamage:
    @pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp", ".ppm"])
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
    def test_a_file_cut_off_is_refused(self, suffix, share):
        data = encode(suffix, np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8))
        with pytest.raises(ImageError, match=r"part.* no image, or damaged or cut off"):
            image.decode(data[: int(len(data) * share)], name="part" + suffix)

    @pytest.mark.parametrize("progressive", [0, 1])
    def test_a_jpeg_whose_rest_is_zeros_is_refused(self, progressive):
        """So a file looks whose writing a power cut stopped; the decoder takes the zeros for grey."""
        noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
        data = encode(".jpg", noise, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
        half = len(data) // 2
        with pytest.raises(ImageError, match="cut off"):
            image.decode(data[:half] + bytes(len(data) - half))

    def test_the_end_of_an_embedded_thumbnail_is_not_taken_for_the_picture_s(self):
        noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
        data, thumbnail = encode(".jpg", noise), encode(".jpg", noise[:16, :16])
        segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2) + thumbnail
        whole = data[:2] + segment + data[2:]
        assert image.decode(whole).shape == noise.shape
        half = len(whole) // 2
        with pytest.raises(ImageError, match="cut off"):
            image.decode(whole[:half] + bytes(len(whole) - half))

    def test_a_jpeg_with_something_behind_it_is_read(self, picture):
        assert image.decode(encode(".jpg", picture) + b"\xff\xda made by camera 5").shape == picture.shape

    def test_an_empty_file(self, tmp_path):
        (tmp_path / "empty.png").touch()
        with pytest.raises(ImageError, match=r"empty\.png: the file is empty"):
            image.read(tmp_path / "empty.png")

    def test_text_with_the_name_of_an_image(self, tmp_path):
        (tmp_path / "notes.png").write_text("no image at all\n" * 100)
        with pytest.raises(ImageError, match=r"notes\.png: no image"):
            image.read(tmp_path / "notes.png")

    def test_a_missing_file_a_folder_and_an_impossible_name(self, tmp_path):
        for path, reason in (
            (tmp_path / "missing.png", "cannot be read"),
            (tmp_path, "got a folder"),
            (tmp_path / "zero\0byte.png", "cannot be read"),
        ):
            with pytest.raises(ImageError, match=reason):
                image.read(path)

    def test_a_file_too_large_to_be_an_image_is_not_read(self, tmp_path):
        with (tmp_path / "film.png").open("wb") as handle:
            handle.truncate(2**31 + 1)  # sparse
        with pytest.raises(ImageError, match="at most 2 GiB, got one of 2,147,483,649 bytes"):
            image.read(tmp_path / "film.png")

    @given(st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xda", b"II*\0", b"BM"]))
    @settings(max_examples=200, deadline=None)
    def test_any_bytes_give_an_image_or_an_image_error(self, data, start):
        try:
            decoded = image.decode(start + data)
        except ImageError:
            return
        assert decoded.dtype == np.uint8
        assert decoded.shape[2] == 3


def test_more_pixels_than_the_limit_are_not_decoded(tmp_path):
    """In a process of its own: OpenCV reads the limit once, when it is first imported."""
    code = (
        "import sys, cv2, numpy as np\n"
        "from sightline import image\n"
        "from sightline.errors import ImageError\n"
        "data = cv2.imencode('.png', np.zeros((100, 101), np.uint8))[1].tobytes()\n"
        "try:\n    image.decode(data, name='bomb.png')\n"
        "except ImageError as error:\n    print(error)\n"
    )
    environment = {**os.environ, "OPENCV_IO_MAX_IMAGE_PIXELS": "10000"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "bomb.png: more than 10,000 pixels, not decoded"


def test_the_limit_is_set_before_opencv_is_imported():
    code = "import sightline, os, sys; print(os.environ['OPENCV_IO_MAX_IMAGE_PIXELS'], 'cv2' in sys.modules)"
    environment = {name: value for name, value in os.environ.items() if name != "OPENCV_IO_MAX_IMAGE_PIXELS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == [str(2**28), "False"]


class TestPrepare:
    def test_a_defect_of_6_by_6_pixels_survives_from_5_megapixels(self):
        """Plain bilinear sampling erases it at about half of all positions; here none may lose its contrast."""
        rng = np.random.default_rng(0)
        rows, columns, contrast = 2048, 2448, 100
        kept, sampled = [], []
        for top, left in zip(rng.integers(0, rows - 6, 60), rng.integers(0, columns - 6, 60), strict=True):
            frame = np.full((rows, columns, 3), 150, np.uint8)
            frame[top : top + 6, left : left + 6] -= contrast
            kept.append(150 - int(image.view(frame, Preprocess()).image.min()))
            sampled.append(150 - int(cv2.resize(frame, (224, 224), interpolation=cv2.INTER_LINEAR).min()))
        assert min(kept) >= 0.08 * contrast, sorted(kept)[:5]
        assert sum(value == 0 for value in sampled) > 10, "the trap is gone: the rule for resizing could be looser"

    def test_pad_keeps_the_aspect_and_stretch_fills(self):
        frame = np.full((50, 100, 3), 200, np.uint8)
        padded = image.view(frame, Preprocess(height=64, width=64, fit="pad")).image
        assert (padded[16:48] == 200).all()
        assert (padded[:16] == 114).all()
        assert (padded[48:] == 114).all()
        assert (image.view(frame, Preprocess(height=64, width=64)).image == 200).all()

    def test_grey_takes_the_tint_away(self, picture):
        prepared = image.view(picture, Preprocess(height=48, width=64, colour="grey")).image
        assert (prepared[..., 0] == prepared[..., 1]).all()
        assert (prepared[..., 0] == prepared[..., 2]).all()
        assert prepared[0, 0, 0] == round(0.299 * RED[0] + 0.587 * RED[1] + 0.114 * RED[2])

    def test_one_axis_shrinks_while_the_other_grows(self):
        frame = np.full((2000, 20, 3), 90, np.uint8)
        frame[1003:1007] = 0  # would be skipped by sampling
        prepared = image.view(frame, Preprocess(height=64, width=64)).image
        assert prepared.shape == (64, 64, 3)
        assert prepared.min() < 80

    @pytest.mark.parametrize("shape", [(1, 1), (1, 40_000), (40_000, 1)])
    @pytest.mark.parametrize("fit", ["pad", "stretch"])
    def test_extreme_shapes(self, shape, fit):
        spec = Preprocess(fit=fit)
        assert image.view(np.full((*shape, 3), 7, np.uint8), spec).image.shape == (224, 224, 3)
        assert image.place(shape, spec).heat_to_frame(np.ones((7, 7), np.float32)).shape == shape

    @given(
        shape=st.tuples(st.integers(40, 600), st.integers(40, 600)),
        spec=st.builds(
            Preprocess,
            height=st.sampled_from([64, 96, 224]),
            width=st.sampled_from([64, 128, 224]),
            fit=st.sampled_from(["pad", "stretch"]),
        ),
        place=st.tuples(st.floats(0.15, 0.85), st.floats(0.15, 0.85)),
    )
    @settings(max_examples=80, deadline=None)
    def test_a_place_in_the_frame_goes_to_the_input_and_back(self, shape, spec, place):
        """A bright blob is still at the same relative place of the frame once the input is taken for the map."""
        rows, columns = np.indices(shape)
        centre = np.array([place[0] * (shape[0] - 1), place[1] * (shape[1] - 1)])
        width = 0.06 * np.array(shape)
        blob = np.exp(-0.5 * (((rows - centre[0]) / width[0]) ** 2 + ((columns - centre[1]) / width[1]) ** 2))
        frame = np.repeat((255 * blob).astype(np.uint8)[..., None], 3, axis=2)
        prepared = image.view(frame, spec).image
        top, left, height, breadth = image.content(shape, spec)
        inside = prepared[top : top + height, left : left + breadth, 0]
        assert np.allclose(_centre(inside), place, atol=0.02 + 1 / min(height, breadth))
        back = image.place(shape, spec).heat_to_frame(prepared[..., 0].astype(np.float32) - _background(spec, shape))
        assert back.shape == shape
        assert np.allclose(_centre(np.clip(back, 0, None)), place, atol=0.02 + 1 / min(height, breadth))


def _centre(weights):
    """Centre of mass as relative place (row, column), 0 to 1 between the centres of the outer pixels."""
    total = weights.sum()
    rows, columns = np.indices(weights.shape)
    return np.array(
        [
            ((rows * weights).sum() / total + 0.5) / weights.shape[0],
            ((columns * weights).sum() / total + 0.5) / weights.shape[1],
        ]
    )


def _background(spec, shape):
    """The padding's grey, which is no part of the map."""
    top, left, height, width = image.content(shape, spec)
    background = np.full((spec.height, spec.width), 114, np.float32)
    background[top : top + height, left : left + width] = 0
    return background


def test_png_round_trip(picture):
    assert np.array_equal(image.decode(image.png(picture)), picture)
    assert np.array_equal(image.decode(image.png(picture[..., 0]))[..., 2], picture[..., 0])


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["x-sdd", "magnetic-tile", "elpv"])
def test_no_whole_image_is_refused(real_data, folder):
    files = sorted(path for path in (real_data / folder).rglob("*") if path.suffix.lower() in image.SUFFIXES)[::10]
    assert files
    for path in files:
        assert image.read(path).ndim == 3


@pytest.mark.parametrize("light", ["frame", "local"])
@given(gain=st.floats(0.5, 1.6), offset=st.floats(-20, 20))
def test_evened_light_does_not_tell_one_exposure_from_another(light: str, gain: float, offset: float) -> None:
    rows, columns = np.mgrid[:64, :64]
    part = 90 + 20 * np.sin(rows / 5) + 15 * np.cos(columns / 7)
    shots = [np.repeat(np.rint(shot).astype(np.uint8)[..., None], 3, axis=2) for shot in (part, gain * part + offset)]
    first, second = (image.evened(shot, light).astype(int) for shot in shots)
    assert np.abs(first - second).max() <= 10  # half a grey level of the darker shot, stretched


@pytest.mark.parametrize("light", ["none", "frame", "local"])
@pytest.mark.parametrize("level", [0, 37, 255])
def test_evened_light_makes_no_texture_of_a_plain_frame(light: str, level: int) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (64, 64, 1))
    plain = np.clip(level + noise.repeat(3, axis=2), 0, 255).astype(np.uint8)
    assert np.ptp(image.evened(plain, light).astype(int)) <= 24
    assert np.ptp(image.evened(np.full((64, 64, 3), level, np.uint8), light)) == 0


def test_evened_light_keeps_a_stain_that_local_light_takes_away() -> None:
    frame = np.full((128, 128, 3), 120, np.uint8)
    frame[::2] += 6
    frame[:, 64:] -= 40
    halves = {light: image.evened(frame, light).astype(float) for light in ("frame", "local")}
    apart = {light: abs(one[:, 90:].mean() - one[:, :38].mean()) for light, one in halves.items()}
    assert apart["frame"] > 60
    assert apart["local"] < apart["frame"] / 2


def _uneven(height: int, width: int) -> np.ndarray:
    """A brushed surface with a dark stripe, RGB, brighter towards one corner."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:height, :width]
    shown = 90 + 80 * (rows / height) * (columns / width) + cv2.blur(rng.normal(0, 60, (height, width)), (15, 1))
    shown[height // 3 : height // 3 + 40] -= 30
    return np.repeat(np.clip(shown, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _evened_plainly(frame: np.ndarray) -> np.ndarray:
    """Local light as it is defined: mean and spread in a Gaussian window around each pixel, at full size."""

    def around(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), min(frame.shape[:2]) / 8, borderType=cv2.BORDER_REFLECT)

    values = frame.astype(np.float32)
    apart = values - around(values.mean(axis=2))[..., None]
    spread = np.sqrt(around((apart * apart).mean(axis=2)))
    return np.clip(np.rint(apart * (38.25 / np.maximum(spread, 2))[..., None] + 127.5), 0, 255)


@pytest.mark.parametrize(("shape", "off"), [((96, 128), 0), ((512, 700), 0), ((513, 600), 1), ((700, 900), 1)])
def test_local_light_of_a_large_frame_is_what_it_is_of_a_small_one(shape: tuple[int, int], off: int) -> None:
    frame = _uneven(*shape)
    assert np.abs(image.evened(frame, "local") - _evened_plainly(frame)).max() <= off


def test_local_light_takes_time_by_the_size_of_a_frame_and_no_more(monkeypatch) -> None:
    """The window's cost, pixels times its width, is what it is of a frame of 512 pixels at most."""
    blurred, blur = [], cv2.GaussianBlur

    def counted(values: np.ndarray, size: tuple[int, int], sigma: float, **more: float) -> np.ndarray:
        blurred.append(values.size * sigma)
        return blur(values, size, sigma, **more)

    monkeypatch.setattr(cv2, "GaussianBlur", counted)
    image.evened(_uneven(1800, 2000), "local")
    assert max(blurred) <= 512 * 512 * 64


def test_light_is_evened_inside_the_frame_and_not_in_its_padding() -> None:
    spec = Preprocess(height=64, width=64, fit="pad", light="frame")
    frame = np.random.default_rng(1).integers(0, 60, (32, 64, 3), np.uint8)
    made = image.view(frame, spec).image
    assert (made[:16] == 114).all()
    assert abs(made[16:48].mean() - 127.5) < 2


@pytest.mark.parametrize("mark", [np.uint8(1), np.uint8(255), np.uint16(1), np.uint16(255), np.uint16(65535)])
def test_a_mask_of_any_depth_marks_what_is_not_0(tmp_path, mark):
    mask = np.zeros((6, 8), mark.dtype)
    mask[2:4, 5] = mark
    _, data = cv2.imencode(".png", mask)
    (tmp_path / "mask.png").write_bytes(data.tobytes())
    found = image.read_mask(tmp_path / "mask.png", name="mask.png")
    assert found.dtype == bool
    assert np.array_equal(found, mask > 0)


def test_a_mask_in_colour_counts_in_any_channel(tmp_path):
    mask = np.zeros((4, 4, 3), np.uint8)
    mask[1, 2, 2] = 7
    (tmp_path / "mask.png").write_bytes(image.png(mask))
    assert np.argwhere(image.read_mask(tmp_path / "mask.png", name="mask.png")).tolist() == [[1, 2]]
