"""A part of the data goes through a model in bounded memory, and what is said of it is kept whole."""

import hashlib
import tempfile

import numpy as np
import pytest

from sightline import image
from sightline.config import Preprocess
from sightline.config.tiles import Tiles
from sightline.dataset.views import Views
from sightline.errors import ExportError
from sightline.export import kept
from sightline.export import sweep as sweep_module
from sightline.export.sweep import Sweeper
from sightline.index import Index, Sample
from sightline.runtime.session import Answer

SIDE, STRIDE = 64, 4
TILED = Preprocess(height=SIDE, width=SIDE, tiles=Tiles(overlap=16))
WHOLE = Preprocess(height=SIDE, width=SIDE)


@pytest.fixture
def index(tmp_path):
    """Five frames of two sizes."""
    samples = []
    for number in range(5):
        picture = np.random.default_rng(number).integers(0, 256, (SIDE, 2 * SIDE - number % 2 * 32, 3), np.uint8)
        data = image.png(picture)
        (tmp_path / f"{number}.png").write_bytes(data)
        height, width = picture.shape[:2]
        digest = hashlib.sha256(data).hexdigest()
        samples.append(Sample(path=f"{number}.png", digest=digest, width=width, height=height))
    return Index.build(tmp_path, samples)


def bright(frames, _):
    maps = frames.reshape(len(frames), SIDE // STRIDE, STRIDE, SIDE // STRIDE, STRIDE, 3).mean((2, 4, 5))[:, None]
    return Answer(maps.max((2, 3)).astype(np.float32), (maps / 255).astype(np.float32), None)


def swept(index, spec, model=bright):
    return Sweeper(index, Views(index, spec, None), lambda *_: None, pair=False).sweep(model, index.samples, stage="x")


@pytest.mark.parametrize(("spec", "most"), [(TILED, 1), (WHOLE, 5)])
def test_frames_that_are_cut_into_tiles_are_read_one_at_a_time(index, monkeypatch, spec, most):
    waiting, seen = [], []
    read = sweep_module.read_checked
    monkeypatch.setattr(sweep_module, "read_checked", lambda *a, **k: waiting.append(a) or read(*a, **k))

    def model(frames, templates):
        if waiting:
            seen.append(len(waiting))
        waiting.clear()
        return bright(frames, templates)

    assert len(swept(index, spec, model).readings) == 5
    assert max(seen) == most
    assert sum(seen) == 5


@pytest.mark.parametrize("spec", [TILED, WHOLE])
def test_maps_that_have_no_room_in_memory_wait_in_a_file(index, monkeypatch, spec):
    before = swept(index, spec)
    monkeypatch.setattr(kept, "_IN_MEMORY", 2 * before.readings[0].maps.nbytes)
    after = swept(index, spec)
    assert [isinstance(one.maps, np.memmap) for one in after.readings] == [False, False, True, True, True]
    for one, other in zip(before.readings, after.readings, strict=True):
        assert np.array_equal(one.maps, other.maps)
        assert np.array_equal(one.place.heat_to_frame(one.maps[0]), other.place.heat_to_frame(other.maps[0]))


def test_a_file_that_cannot_be_written_is_said_with_its_folder(index, monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "_IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ExportError, match=r"cannot be kept in .*gone: No such file"):
        swept(index, WHOLE)
