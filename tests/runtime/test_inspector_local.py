"""An inspector that locates defects, compares frames with templates, or cuts them into tiles."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import bundle_factory
from sightline import bundle, image
from sightline.bundle.manifest import Templates
from sightline.config import Preprocess
from sightline.config.tiles import Tiles
from sightline.errors import BundleError
from sightline.runtime import Inspector, Shot
from sightline.verdict import Frame, Outcome


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"pair": True}, {"templates": None, "golden": ()}),
        ({"boxed": True}, {"locate": None}),
        ({}, {"templates": Templates(compared=True, choose="name"), "golden": ()}),
    ],
)
def test_a_model_that_takes_or_gives_something_else_is_refused(tmp_path, settings, changes):
    path = bundle_factory.write_local_bundle(tmp_path, **settings, **changes)
    with pytest.raises(BundleError, match="whether it takes templates and gives boxes"):
        Inspector.open(path)


def test_cells_that_cannot_be_joined_over_tiles_are_refused(tmp_path):
    for height, cell in ((96, 24), (64, 64)):
        spec = Preprocess(height=height, width=height, tiles=Tiles(overlap=16))
        path = bundle_factory.write_local_bundle(tmp_path / str(cell), input=spec, cell=cell)
        with pytest.raises(BundleError, match="divides 32 pixels"):
            Inspector.open(path)


def test_a_template_in_the_bundle_that_is_no_image(tmp_path):
    manifest, files = bundle_factory.local_contents(pair=True, variants={"a": bundle_factory.spotted((64, 64))})
    path = bundle.write(tmp_path, manifest, {**files, "templates/a.png": b"damaged"})
    with pytest.raises(BundleError, match=r"templates/a\.png: no image"):
        Inspector.open(path)


def test_a_shot_reads_the_file_and_its_template(tmp_path):
    inspector = Inspector.open(bundle_factory.write_local_bundle(tmp_path, pair=True), threads=1)
    frame, plain = bundle_factory.spotted((64, 64), [(16, 24, (255, 0, 0))]), bundle_factory.spotted((64, 64))
    file = tmp_path / "part.png"
    file.write_bytes(image.png(frame))
    asked = []
    shot = Shot(file, lambda path: asked.append(path) or plain)
    verdict = inspector.inspect(shot)
    assert (verdict.outcome, verdict.frame, asked) == (Outcome.NG, str(file), [file])
    assert verdict.defects == inspector.inspect(Frame(frame, template=plain)).defects
    assert inspector.inspect(Shot(file)).outcome is Outcome.NOT_INSPECTED
    assert inspector.inspect(Shot(tmp_path / "gone.png", shot.template)).outcome is Outcome.NOT_INSPECTED


@pytest.mark.parametrize("template", [np.zeros((64, 64)), np.zeros((0, 0, 3), np.uint8)])
def test_a_template_that_is_no_picture_is_a_reason(tmp_path, template):
    inspector = Inspector.open(bundle_factory.write_local_bundle(tmp_path, pair=True), threads=1)
    verdict = inspector.inspect(Frame(bundle_factory.spotted((64, 64)), "camera 1", template))
    assert verdict.outcome is Outcome.NOT_INSPECTED
    assert "template of camera 1" in verdict.reasons[0]


def test_many_threads_get_what_one_gets_tile_by_tile(tmp_path):
    spec = Preprocess(height=64, width=64, tiles=Tiles(overlap=16))
    path = bundle_factory.write_local_bundle(tmp_path, boxed=True, input=spec)
    inspector = Inspector.open(path, threads=1)
    rng = np.random.default_rng(0)
    frames = [
        bundle_factory.spotted((200, 300), [(*map(int, rng.integers(0, 180, 2)), (255, 0, 0))]) for _ in range(12)
    ]
    expected = [inspector.inspect(frame).defects for frame in frames]
    assert all(expected)
    with ThreadPoolExecutor(4) as pool:
        assert [verdict.defects for verdict in pool.map(inspector.inspect, frames)] == expected


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux tells it")
def test_a_large_frame_is_read_tile_by_tile_in_bounded_memory(tmp_path):
    spec = Preprocess(height=512, width=512, tiles=Tiles(overlap=64))
    path = bundle_factory.write_local_bundle(tmp_path, input=spec)
    code = (
        "import re, sys, numpy as np; from pathlib import Path\n"
        "from sightline.runtime import Inspector\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1]) / 1024\n"
        "inspector = Inspector.open(sys.argv[1], threads=1)\n"
        "frame = np.full((3000, 4096, 3), 40, np.uint8)\n"
        "frame[2900:2920, 4000:4020, 0] = 255\n"
        "before = peak()\n"
        "verdict = inspector.inspect(frame)\n"
        "assert [d.label for d in verdict.defects] == ['red'], verdict\n"
        "print(peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 600  # MB; the frame alone is 37
