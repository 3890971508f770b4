"""Every file is looked into once, and what cannot be used is named."""

import hashlib
import json

import cv2
import numpy as np
import pytest

from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.dataset.marks import types_map
from sightline.dataset.scan import THUMBNAIL, read_checked, read_mask, read_same, same_mask, scan
from sightline.errors import DataError, ImageError
from sightline.index import Box, Index, Polygon, Sample


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


def grey(height=20, width=30, value=100):
    return np.full((height, width), value, np.uint8)


def scanned(root, **fields):
    return scan(Index.build(root, [Sample(**fields)])).files[0]


def test_digest_size_depth_and_channels(tmp_path):
    write(tmp_path / "a.png", grey())
    write(tmp_path / "b.png", np.zeros((8, 9, 3), np.uint16))
    done = scan(Index.build(tmp_path, [Sample(path="b.png"), Sample(path="a.png")]))
    first, second = done.files
    assert first.sample.digest == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert (first.sample.width, first.sample.height, first.top) == (30, 20, 100)
    assert (second.sample.width, second.sample.height) == (9, 8)
    assert done.kinds == {(8, 1): 1, (16, 3): 1}
    assert done.thumbnails.shape == (2, THUMBNAIL, THUMBNAIL)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"no image", "no image"), (None, "cannot be read"), ("cut", "cut off")],
)
def test_an_unreadable_file_is_named_and_the_rest_goes_on(tmp_path, content, reason):
    write(tmp_path / "good ü" / "ok.png", grey())
    bad = tmp_path / "good ü" / "bad.jpg"
    if content == "cut":
        write(bad, np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
        bad.write_bytes(bad.read_bytes()[:-500])
    elif content is not None:
        bad.write_bytes(content)
    done = scan(Index.build(tmp_path, [Sample(path="good ü/ok.png"), Sample(path="good ü/bad.jpg")]))
    assert [s.path for s in done.samples] == ["good ü/ok.png"]
    assert reason in done.unreadable["good ü/bad.jpg"]
    assert "bad.jpg" not in done.unreadable["good ü/bad.jpg"], "the path is said once"


def test_a_file_of_any_size_is_not_read_into_memory(tmp_path, monkeypatch):
    write(tmp_path / "a.png", grey())
    for name in ("huge.png", "a_mask.png"):
        (tmp_path / name).write_bytes(bytes(5000))
    monkeypatch.setattr("sightline.image.files.LARGEST_FILE", 4999)
    index = Index.build(tmp_path, [Sample(path="a.png", mask="a_mask.png"), Sample(path="huge.png")])
    done = scan(index)
    assert done.unreadable["huge.png"] == "expected a file of at most 2 GiB, got one of 5,000 bytes"
    assert done.files[0].mask_fault == "expected a file of at most 2 GiB, got one of 5,000 bytes"
    with pytest.raises(ImageError, match=r"huge\.png: expected a file of at most 2 GiB"):
        read_checked(index, Sample(path="huge.png"))


def test_a_float_image_is_not_guessed_at(tmp_path):
    write(tmp_path / "f.tiff", np.ones((8, 8), np.float32))
    assert "8 or 16 bits" in scan(Index.build(tmp_path, [Sample(path="f.tiff")])).unreadable["f.tiff"]


def test_nothing_readable_is_no_crash(tmp_path):
    done = scan(Index.build(tmp_path, [Sample(path="gone.png")]))
    assert done.samples == ()
    assert done.thumbnails.shape == (0, THUMBNAIL, THUMBNAIL)


def test_a_dark_16_bit_image_has_a_thumbnail_with_detail(tmp_path):
    ramp = np.tile(np.arange(0, 4096, 64, np.uint16), (64, 1))
    write(tmp_path / "dark.png", ramp)
    found = scanned(tmp_path, path="dark.png")
    assert (found.depth, found.top) == (16, 4032)
    assert int(found.thumbnail.max()) - int(found.thumbnail.min()) > 200


@pytest.mark.parametrize(
    ("mask", "fault", "empty"),
    [
        (grey(), "", False),
        (grey(value=0), "", True),
        (grey(height=21), "is 30 x 21 pixels, the image 30 x 20", False),
        (None, "cannot be read", False),
    ],
)
def test_masks(tmp_path, mask, fault, empty):
    write(tmp_path / "a.png", grey())
    if mask is not None:
        write(tmp_path / "a_mask.png", mask)
    found = scanned(tmp_path, path="a.png", mask="a_mask.png", labels=("dent",))
    assert (fault in found.mask_fault, found.mask_empty) == (True, empty)
    assert bool(fault) == bool(found.mask_fault)


def test_an_empty_mask_of_a_good_image_is_right(tmp_path):
    write(tmp_path / "a.png", grey())
    write(tmp_path / "a_mask.png", grey(value=0))
    found = scanned(tmp_path, path="a.png", mask="a_mask.png")
    assert (found.mask_fault, found.mask_empty) == ("", False)


def test_a_mask_that_was_saved_as_jpeg_is_refused(tmp_path):
    write(tmp_path / "a.png", grey(64, 64))
    drawn = np.zeros((64, 64), np.uint8)
    drawn[21:39, 13:30] = 255
    for name, fault in (("a_mask.jpg", "save masks as PNG"), ("a_mask.png", "")):
        write(tmp_path / name, drawn)
        found = scanned(tmp_path, path="a.png", mask=name, labels=("dent",))
        assert (fault in found.mask_fault, bool(fault)) == (True, bool(found.mask_fault))
    write(tmp_path / "all.jpg", np.full_like(drawn, 255))
    assert scanned(tmp_path, path="a.png", mask="all.jpg", labels=("dent",)).mask_fault == ""


@pytest.mark.parametrize(("quality", "side"), [(75, 5), (75, 20), (95, 10)])
def test_a_mask_that_was_a_jpeg_once_is_told(tmp_path, quality, side):
    write(tmp_path / "a.png", grey(96, 96))
    drawn = np.zeros((96, 96), np.uint8)
    drawn[21 : 21 + side, 13 : 13 + side] = 255
    blurred = cv2.imdecode(cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
    smooth = cv2.fillPoly(np.zeros_like(drawn), [np.array([[20, 20], [50, 25], [40, 60]])], 255, cv2.LINE_AA)
    numbers = np.arange(96 * 96, dtype=np.uint8).reshape(96, 96) % 8
    for mask, told in ((drawn, False), (blurred, True), (smooth, False), (numbers, False)):
        write(tmp_path / "a_mask.png", mask)
        found = scanned(tmp_path, path="a.png", mask="a_mask.png", labels=("dent",))
        assert (found.mask_fault, found.mask_blurred) == ("", told)
    write(tmp_path / "a_mask.png", blurred)
    values = {int(value): "dent" for value in np.unique(blurred)[1:]}
    found = scanned(tmp_path, path="a.png", mask="a_mask.png", labels=("dent",), mask_values=values)
    assert not found.mask_blurred, "each value is stated"


def test_a_value_above_which_masks_mark_undoes_what_jpeg_did(tmp_path):
    write(tmp_path / "a.png", grey(96, 96))
    drawn = np.zeros((96, 96), np.uint8)
    drawn[21:33, 13:25] = 255
    for name in ("a.jpg", "a_mask.png"):
        stored = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
        data = stored if name == "a.jpg" else cv2.imencode(".png", cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))[1]
        (tmp_path / name).write_bytes(data.tobytes())
        loose, found = (
            scanned(tmp_path, path="a.png", mask=name, labels=("dent",), mask_above=above) for above in (0, 127)
        )
        assert loose.mask_fault or loose.mask_blurred
        assert (found.mask_fault, found.mask_blurred, found.mask_empty) == ("", False, False)
        index = Index.build(tmp_path, [found.sample])
        assert np.array_equal(read_mask(index, found.sample), drawn > 0)
        assert np.array_equal(types_map(found.sample, index), drawn > 0)
    faint = scanned(tmp_path, path="a.png", mask="a_mask.png", labels=("dent",), mask_above=300)
    assert faint.mask_empty


def test_progress_counts_every_file(tmp_path):
    for n in range(5):
        write(tmp_path / f"{n}.png", grey())
    calls = []
    rows = [Sample(path=f"{n}.png") for n in range(6)]
    scan(Index.build(tmp_path, rows), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(n, 6) for n in range(1, 7)]


def test_an_interruption_does_not_wait_for_the_rest(tmp_path):
    for n in range(50):
        write(tmp_path / f"{n}.png", grey())

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(Index.build(tmp_path, [Sample(path=f"{n}.png") for n in range(50)]), progress=interrupt)


def test_an_image_is_read_as_it_was_scanned(tmp_path):
    write(tmp_path / "deep.png", np.full((8, 9), 4000, np.uint16))
    index = Index.build(tmp_path, [scanned(tmp_path, path="deep.png").sample])
    picture = read_checked(index, index.samples[0], bits=12)
    assert (picture.shape, picture.dtype, picture.max()) == ((8, 9, 3), np.uint8, 4000 >> 4)


def test_an_image_that_was_overwritten_is_refused(tmp_path):
    path = write(tmp_path / "a.png", grey())
    index = Index.build(tmp_path, [scanned(tmp_path, path="a.png").sample])
    write(path, grey(value=101))
    with pytest.raises(DataError, match=r"a\.png was changed since the index was made: expected SHA-256"):
        read_checked(index, index.samples[0])
    path.unlink()
    with pytest.raises(ImageError, match=r"a\.png: cannot be read"):
        read_checked(index, index.samples[0])


def test_masks_and_templates_are_told_by_their_digests_and_refused_once_they_are_overwritten(tmp_path):
    for name in ("a.png", "b.png", "mask.png", "template.png"):
        write(tmp_path / name, grey())
    rows = [Sample(path="a.png", mask="mask.png", template="template.png"), Sample(path="b.png", template="gone.png")]
    first, second = scan(Index.build(tmp_path, rows)).samples
    assert first.mask_digest == hashlib.sha256((tmp_path / "mask.png").read_bytes()).hexdigest()
    assert first.template_digest == hashlib.sha256((tmp_path / "template.png").read_bytes()).hexdigest()
    assert (second.mask_digest, second.template_digest) == ("", "")
    index = Index.build(tmp_path, [first])
    assert same_mask(index, first) == tmp_path / "mask.png"
    write(tmp_path / "mask.png", 255 - grey())
    with pytest.raises(DataError, match=r"mask\.png was changed since the index was made: expected SHA-256"):
        same_mask(index, first)
    assert read_same(tmp_path / "template.png", first.template_digest, name="t").startswith(b"\x89PNG")
    write(tmp_path / "template.png", 255 - grey())
    with pytest.raises(DataError, match=r"template\.png was changed since the index was made"):
        read_same(tmp_path / "template.png", first.template_digest, name="t")
    assert read_same(tmp_path / "template.png", "", name="t"), "an index of before knows no digest"


def test_without_a_digest_nothing_is_compared(tmp_path):
    write(tmp_path / "a.png", grey())
    sample = Sample(path="a.png")
    assert read_checked(Index.build(tmp_path, [sample]), sample).shape == (20, 30, 3)


def coco(root, image):
    categories = [{"id": 1, "name": "dent"}]
    marks = [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 4, 4]}]
    images = [{"id": 1, "file_name": "a.png", **image}]
    text = json.dumps({"images": images, "annotations": marks, "categories": categories})
    (root / "annotations.json").write_text(text, encoding="utf-8")
    return {"kind": "coco", "images": "."}


def voc(root, image):
    (root / "notes").mkdir()
    size = "".join(f"<{name}>{value}</{name}>" for name, value in image.items())
    mark = "<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    text = f"<annotation><size>{size}</size><object><name>dent</name>{mark}</object></annotation>"
    (root / "notes" / "a.xml").write_text(text, encoding="utf-8")
    return {"kind": "voc", "images": ".", "annotations": "notes"}


def labelme(root, image):
    shape = {"label": "dent", "shape_type": "rectangle", "points": [[1, 1], [5, 5]]}
    sides = {f"image{name.capitalize()}": value for name, value in image.items()}
    text = json.dumps({"shapes": [shape], "imagePath": "a.png", **sides})
    (root / "a.json").write_text(text, encoding="utf-8")
    return {"kind": "labelme"}


def cvat(root, image):
    sides = " ".join(f'{name}="{value}"' for name, value in image.items())
    mark = '<box label="dent" xtl="1" ytl="1" xbr="5" ybr="5"/>'
    text = f'<annotations><image name="a.png" {sides}>{mark}</image></annotations>'
    (root / "annotations.xml").write_text(text, encoding="utf-8")
    return {"kind": "cvat", "images": "."}


@pytest.mark.parametrize("layout", [coco, voc, labelme, cvat])
def test_an_image_that_was_shrunk_after_it_was_annotated_is_refused(tmp_path, layout):
    write(tmp_path / "a.png", grey())
    reader = layout(tmp_path, {"width": 60, "height": 40})
    index = readers.read(Data.model_validate({"root": tmp_path, "reader": reader}))
    with pytest.raises(DataError, match=r"1 of 1 images:\n  a\.png: annotated at 60x40 pixels, .* has 30x20") as caught:
        scan(index)
    assert "scale the annotations" in caught.value.hint
    write(tmp_path / "a.png", grey(40, 60))
    assert [(box.x1, box.x2) for box in scan(index).samples[0].boxes] == [(1, 5)]


@pytest.mark.parametrize("corners", [(500, 500, 520, 520), (0, 0, 1e308, 1e308), (25, 5, 32, 8), (30, 1, 31, 5)])
def test_a_mark_cannot_lie_outside_of_an_image_whose_size_is_not_stated(tmp_path, corners):
    write(tmp_path / "a.png", grey())
    x1, y1, x2, y2 = corners
    box = Box(x1=x1, y1=y1, x2=x2, y2=y2, label="dent")
    outline = Polygon(points=((x1, y1), (x2, y1), (x2, y2)), label="dent")
    for marks in ({"boxes": (box,)}, {"polygons": (outline,)}):
        index = Index.build(tmp_path, [Sample(path="a.png", labels=("dent",), **marks)])
        with pytest.raises(DataError, match=r"a\.png: dent is marked at .*, but the image has 30x20 pixels"):
            scan(index)


def test_a_mark_that_reaches_a_little_over_the_edge_is_cut_to_the_image(tmp_path):
    write(tmp_path / "a.png", grey())
    box = Box(x1=-0.5, y1=2, x2=10, y2=20.75, label="dent")
    outline = Polygon(points=((25, 5), (31, 5), (31, 9), (25, 9)), label="dent")
    found = scanned(tmp_path, path="a.png", labels=("dent",), boxes=(box,), polygons=(outline,)).sample
    assert (found.boxes[0].x1, found.boxes[0].y2) == (0, 20)
    assert sorted(found.polygons[0].points) == [(25, 5), (25, 9), (30, 5), (30, 9)]


def test_many_images_of_another_size_are_one_error_with_the_first_few(tmp_path):
    box = Box(x1=1, y1=1, x2=2, y2=2, label="dent")
    for n in range(8):
        write(tmp_path / f"{n}.png", grey())
    rows = [Sample(path=f"{n}.png", labels=("dent",), boxes=(box,), width=31 - (n == 0), height=20) for n in range(8)]
    with pytest.raises(DataError) as caught:
        scan(Index.build(tmp_path, rows))
    lines = caught.value.message.splitlines()
    assert "on 7 of 8 images" in lines[0]
    assert ["1.png" in lines[1], lines[-1], len(lines)] == [True, "  and 2 more", 7]


def test_a_stated_size_does_not_matter_where_nothing_is_marked(tmp_path):
    write(tmp_path / "a.png", grey())
    found = scanned(tmp_path, path="a.png", width=300, height=200).sample
    assert (found.width, found.height) == (30, 20)
