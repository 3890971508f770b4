"""The whole way from a folder to an index that can be trained on."""

import hashlib
import shutil
from collections import Counter, defaultdict

import cv2
import numpy as np
import pytest

from sightline import image, synth
from sightline.config import Preprocess
from sightline.config.recipe import Data, Recipe
from sightline.dataset import readers
from sightline.dataset.prepare import of_recipe, prepare
from sightline.dataset.views import Views
from sightline.errors import ConfigError, DataError
from sightline.index import Split


@pytest.fixture
def folder(tmp_path):
    """Two classes of 20 textures each, in a folder with a blank and an umlaut."""
    root = tmp_path / "Maß teile"
    for number in range(40):
        picture = np.random.default_rng(number).integers(0, 255, (40, 40), np.uint8)
        path = root / ("good" if number < 20 else "dent") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(".png", cv2.GaussianBlur(picture, (0, 0), 2))[1].tobytes())
    return root


def test_everything_is_filled_in(folder):
    done = prepare(Data(root=folder), Preprocess())
    assert len(done.index.samples) == 40
    assert all(s.digest and s.group and s.split and s.width == s.height == 40 for s in done.index.samples)
    assert done.report.errors == ()
    assert {s.split for s in done.index.samples if s.good} == set(Split)


def test_copies_stay_together_and_conflicts_stop(folder):
    shutil.copy(folder / "good" / "1.png", folder / "good" / "copy.png")
    index = prepare(Data(root=folder)).index
    a, b = (s for s in index.samples if s.path in ("good/1.png", "good/copy.png"))
    assert (a.group, a.split) == (b.group, b.split)
    shutil.copy(folder / "good" / "1.png", folder / "dent" / "copy.png")
    assert any("dent/copy.png (dent)" in error for error in prepare(Data(root=folder)).report.errors)


def test_an_unreadable_image_is_left_out(folder):
    (folder / "good" / "1.png").write_bytes(b"damaged")
    done = prepare(Data(root=folder))
    assert len(done.index.samples) == 39
    assert list(done.report.unreadable) == ["good/1.png"]


@pytest.mark.parametrize("kind", ["folders", "mvtec"])
def test_what_sightline_wrote_is_no_data(folder, kind):
    if kind == "mvtec":
        for part in ("train", "test"):
            shutil.copytree(folder / "good", folder / part / "good")
            shutil.copytree(folder / "dent", folder / part / "dent")
    before = prepare(Data.model_validate({"root": folder, "reader": {"kind": kind}}))
    plot = folder / "good" / "1.png"
    inner = folder / "train" if kind == "mvtec" else folder
    for name, files in {
        "runs/part-1": ("recipe.yaml", "index.jsonl", "events.jsonl", "artifacts/loss.png"),
        "runs/part-2": ("recipe.yaml", "index.jsonl", "bundle/part-1.0.0/bundle.json", "artifacts/loss.png"),
        "good/bundle": ("bundle.json", "golden/1.png"),
        "mlartifacts": ("1/a/loss.png",),
        "mlruns": ("1/a/loss.png",),
    }.items():
        for file in files:
            (inner / name / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(plot, inner / name / file)
    done = prepare(Data.model_validate({"root": folder, "reader": {"kind": kind}}))
    assert done.index == before.index
    assert before.report.notes == done.report.notes[1:]
    for name in ("good/bundle", "mlartifacts", "mlruns", "runs"):
        assert (inner / name).relative_to(folder).as_posix() in done.report.notes[0]
    if kind == "folders":
        assert readers.detect(folder).kind == "folders"


def test_a_folder_of_runs_alone_says_why_it_has_no_image(folder):
    shutil.rmtree(folder / "dent")
    for file in ("recipe.yaml", "index.jsonl"):
        (folder / "good" / file).touch()
    with pytest.raises(DataError, match="no file at all besides good, which Sightline"):
        readers.detect(folder)


def test_nothing_readable_is_an_error(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="none of 40 images"):
        prepare(Data(root=folder))


def test_adding_strangers_moves_none(folder):
    before = {s.path: s.split for s in prepare(Data(root=folder)).index.samples}
    for number in range(100, 110):
        picture = np.random.default_rng(number).integers(0, 255, (40, 40), np.uint8)
        path = folder / "good" / f"{number}.png"
        path.write_bytes(cv2.imencode(".png", cv2.GaussianBlur(picture, (0, 0), 2))[1].tobytes())
    after = {s.path: s.split for s in prepare(Data(root=folder)).index.samples}
    assert {path: after[path] for path in before} == before


def test_adding_a_twin_moves_at_most_the_image_that_it_joins(folder):
    """A group is named by its smallest digest, so a twin of a lone image may come to name it, and redraw its part."""
    before = {s.path: s for s in prepare(Data(root=folder)).index.samples}
    picture = cv2.imread(str(folder / "good" / "1.png"), cv2.IMREAD_UNCHANGED)
    seen = set()
    for brighter in (2, 4, 6, 8):
        (folder / "good" / "twin.png").write_bytes(cv2.imencode(".png", cv2.add(picture, brighter))[1].tobytes())
        after = {s.path: s for s in prepare(Data(root=folder)).index.samples}
        twin, old = after["good/twin.png"], after["good/1.png"]
        assert (twin.group, twin.split) == (old.group, old.split), "they are seen to belong together"
        assert twin.group == min(twin.digest, old.digest)
        assert [path for path in before if after[path].split != before[path].split] in ([], ["good/1.png"])
        seen.add(twin.group == twin.digest)
        if twin.group == old.digest:
            assert old.split == before["good/1.png"].split
    assert seen == {True, False}, "both cases were met"


def test_a_saved_index_keeps_its_split(folder):
    index = prepare(Data(root=folder)).index
    index.save(folder / "index.jsonl")
    again = prepare(Data.model_validate({"root": folder, "reader": {"kind": "index"}, "split": {"seed": 9}}))
    assert [(s.path, s.split) for s in again.index.samples] == [(s.path, s.split) for s in index.samples]
    assert again.report.errors == ()


def recipe(folder, **changes):
    return Recipe.model_validate({"name": "parts", "task": "segment", "data": {"root": str(folder)}, **changes})


def test_a_recipe_that_localises_is_checked_for_marks(folder, tmp_path):
    assert any(
        "no defect is marked in the train part" in error
        for error in of_recipe(recipe(folder), progress=lambda *_: None).report.errors
    )
    synth.write(tmp_path / "parts", count=24, size=(64, 64), defects=("dent",))
    done = of_recipe(recipe(tmp_path / "parts"), progress=lambda *_: None)
    assert done.report.errors == ()
    assert done.report.marked["dent"].images == 12
    (low, middle, high), shown = done.report.marked["dent"].frame, done.report.marked["dent"].shown
    assert 2 < low <= middle <= high < 64
    assert shown == pytest.approx([3.5 * value for value in (low, middle, high)], rel=0.01)


def test_a_transform_that_spoils_marks_is_refused_before_an_image_is_read(tmp_path):
    spoiling = [{"name": "Affine", "rotate": [10, 40], "mask_interpolation": 1}]
    with pytest.raises(ConfigError, match=r"augment\.0: expected Affine to keep the values of masks"):
        of_recipe(recipe(tmp_path / "nowhere", augment=spoiling), progress=lambda *_: None)


@pytest.fixture
def aligned(tmp_path):
    """Twenty-four shifted photographs of one product, two of another thing, and a recipe that registers them."""
    draw = np.random.default_rng(0)
    part = cv2.GaussianBlur(draw.uniform(0, 255, (160, 160, 3)), (0, 0), 2)
    part = ((part - part.min()) * 255 / np.ptp(part)).astype(np.uint8)
    (tmp_path / "template.png").write_bytes(image.png(part))
    for number in range(26):
        shot = np.roll(part, draw.integers(-2, 3, 2), (0, 1)) if number % 13 else draw.integers(0, 256, part.shape)
        shot = np.clip(shot + draw.normal(0, 2, part.shape), 0, 255).astype(np.uint8)
        path = tmp_path / "parts" / ("good" if number < 13 else "dent") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image.png(shot))
    settings = {"height": 64, "width": 64, "align": {"reach": 20}}
    template = {"variants": {"left": tmp_path / "template.png"}}
    return recipe(tmp_path / "parts", task="detect", input=settings, template=template)


def test_images_that_do_not_fit_their_template_are_left_out_and_named(aligned):
    stages = []
    done = of_recipe(aligned, progress=lambda *told: stages.append(told))
    assert {sample.path for sample in done.index.samples}.isdisjoint({"good/00.png", "dent/13.png"})
    assert len(done.index.samples) == 24
    (warning,) = (warning for warning in done.report.warnings if "fit" in warning)
    assert warning.startswith("2 images do not fit their templates, and no line would inspect them")
    assert "left out of training and of figures: dent/13.png (" in warning
    assert "good/00.png (" in warning
    assert set(done.report.unreadable) == {"good/00.png", "dent/13.png"}
    assert done.report.facts["images"] == "24 readable, 0 unreadable, 2 not fitting their template"
    assert stages[-1] == ("register images", 26, 26)
    digest = hashlib.sha256((done.index.root.parent / "template.png").read_bytes()).hexdigest()
    assert done.index.templates == {"left": digest}
    views = Views.of_recipe(done.index, aligned.input, aligned.template)
    assert all(views.of(sample).place.registration for sample in done.index.samples)


def test_no_image_that_fits_its_template_is_an_error(aligned):
    file = aligned.template.variants["left"]
    file.write_bytes(image.png(np.full((160, 160, 3), 90, np.uint8)))
    with pytest.raises(DataError, match="none of 26 images fits its template") as caught:
        of_recipe(aligned, progress=lambda *_: None)
    assert "the template is plain" in caught.value.message
    file.write_bytes(b"damaged")
    assert "templates cannot be read" in of_recipe(aligned, progress=lambda *_: None).report.errors[-2]


@pytest.mark.realdata
def test_steel_strip(real_data):
    done = prepare(Data(root=real_data / "x-sdd"))
    groups = Counter(s.group for s in done.index.samples)
    assert done.report.facts["exact copies"] == "9"
    assert Counter(groups.values())[2] == 9
    assert max(groups.values()) <= 3, "strips with a line in the same place are no twins"
    assert sum(n - 1 for n in groups.values()) <= 12
    assert done.report.errors == ()


@pytest.mark.realdata
def test_magnetic_tiles(real_data):
    done = prepare(
        Data.model_validate({"root": real_data / "magnetic-tile", "reader": {"kind": "masks"}, "good": ["MT_Free"]})
    )
    groups = defaultdict(list)
    for sample in done.index.samples:
        groups[sample.group].append(sample)
    sizes = Counter(map(len, groups.values()))
    assert sizes[6] > 140, "most tiles were photographed under six exposures"
    assert max(sizes) <= 18
    assert sum(len(rows) for rows in groups.values() if len(rows) > 1) / 1344 > 0.93
    for rows in groups.values():
        if len(rows) == 6:  # each exposure once: exp1_num_10181.jpg
            assert len({s.path.rsplit("/", 1)[1][:4] for s in rows}) >= 5
    assert any("4 masks of defective images are empty" in warning for warning in done.report.warnings)
    assert all(len({s.split for s in rows}) == 1 for rows in groups.values())


def test_a_layout_that_is_not_stated_is_told_by_looking(tmp_path):
    synth.write(tmp_path / "parts", count=12, size=(64, 64))
    done = prepare(Data(root=tmp_path / "parts"))
    assert set(done.index.counts()) >= {"good"}
    assert not {"images", "masks"} & set(done.index.classes)
