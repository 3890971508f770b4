"""Images come with the template that belongs to them, and survive the way into another process."""

import hashlib
import pickle

import numpy as np
import pytest

from sightline import image
from sightline.config import Preprocess
from sightline.config.template import Template
from sightline.dataset import views as views_module
from sightline.dataset.views import Views, variant_of
from sightline.errors import DataError, ImageError
from sightline.index import Index, Sample

SPEC = Preprocess(height=32, width=32)


@pytest.fixture
def index(tmp_path):
    """Plain images: one of its own template (200), one of the variant left (50), one of which nothing is said."""
    for name, value in (("own", 200), ("left", 50), ("right", 90)):
        (tmp_path / f"{name}.png").write_bytes(image.png(np.full((32, 32, 3), value, np.uint8)))
    samples = []
    for name, fields in {
        "a": {"template": "own.png"},
        "b": {"attributes": {"variant": "left"}},
        "c": {},
        "d": {"attributes": {"variant": "middle"}},
    }.items():
        data = image.png(np.full((32, 32, 3), 120, np.uint8))
        (tmp_path / f"{name}.png").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        samples.append(Sample(path=f"{name}.png", digest=digest, width=32, height=32, **fields))
    return Index.build(tmp_path, samples)


@pytest.fixture
def template(tmp_path):
    return Template(variants={"left": tmp_path / "left.png", "right": tmp_path / "right.png"}, choose="name")


def test_its_own_template_comes_first_then_that_of_its_variant(index, template):
    views = Views.of_recipe(index, SPEC, template)
    assert [variant_of(sample) for sample in index.samples] == ["", "left", "", "middle"]
    shown = [views.of(sample).template for sample in index.samples[:2]]
    assert [picture.mean() for picture in shown] == [200, 50]


def test_an_image_without_a_template_is_named(index, template):
    views = Views.of_recipe(index, SPEC, template)
    with pytest.raises(ImageError, match=r"c\.png: expected the name of the frame's variant"):
        views.of(index.samples[2])
    with pytest.raises(ImageError, match=r"d\.png: no template for the variant 'middle'; .* left, right"):
        views.of(index.samples[3])


def test_a_template_of_another_size_is_refused(index, tmp_path):
    (tmp_path / "own.png").write_bytes(image.png(np.zeros((16, 16, 3), np.uint8)))
    with pytest.raises(ImageError, match=r"a\.png: expected a template of the frame's 32 x 32 pixels, got 16 x 16"):
        Views.of_recipe(index, SPEC, Template()).of(index.samples[0])


def test_without_a_template_in_the_recipe_none_is_read(index, tmp_path):
    (tmp_path / "own.png").unlink()
    assert Views.of_recipe(index, SPEC, None).of(index.samples[0]).template is None


def test_an_image_that_was_overwritten_is_refused(index, tmp_path):
    (tmp_path / "c.png").write_bytes((tmp_path / "own.png").read_bytes())
    with pytest.raises(DataError, match="was changed since the index was made"):
        Views.of_recipe(index, SPEC, None).of(index.samples[2])


def test_templates_that_were_overwritten_are_refused(index, template, tmp_path):
    own, left = (hashlib.sha256((tmp_path / f"{name}.png").read_bytes()).hexdigest() for name in ("own", "left"))
    samples = (index.samples[0].model_copy(update={"template_digest": own}), *index.samples[1:])
    known = index.model_copy(update={"samples": samples, "templates": {"left": left}})
    made = Views.of_recipe(known, SPEC, template)
    for name in ("own", "left"):
        (tmp_path / f"{name}.png").write_bytes(image.png(np.full((32, 32, 3), 7, np.uint8)))
    with pytest.raises(DataError, match=r"own.png.*was changed since the index was made"):
        made.of(known.samples[0])
    with pytest.raises(DataError, match=r"left.png.*was changed since the index was made"):
        Views.of_recipe(known, SPEC, template)


def test_views_travel_to_processes_that_are_started_anew(index, template):
    views = Views.of_recipe(index, SPEC, template)
    views.of(index.samples[0])
    again = pickle.loads(pickle.dumps(views))
    for sample in index.samples[:2]:
        assert np.array_equal(again.of(sample).template, views.of(sample).template)
        assert np.array_equal(again.of(sample).image, views.of(sample).image)


def test_the_latest_templates_are_kept_as_far_as_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr(views_module, "_KEPT", 32 * 32 * 3 * 2 + 1)  # two of them
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(image.png(np.full((32, 32, 3), 60 * number, np.uint8)))
    read = []
    monkeypatch.setattr(views_module, "read_same", lambda path, _, name: read.append(path.stem) or path.read_bytes())
    views = Views(Index.build(tmp_path, []), SPEC, None)
    for name in ("0", "1", "0", "2", "0", "1"):
        picture = views.own(Sample(path="a.png", template=f"{name}.png"))
        assert np.array_equal(picture, decoded(tmp_path / f"{name}.png"))
    assert read == ["0", "1", "2", "1"]


def decoded(path):
    return image.decode(path.read_bytes())
