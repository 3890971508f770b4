"""A model is loaded only if it keeps the contract, and what onnxruntime says comes out as a bundle's error."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import bundle_factory
from sightline.errors import BundleError
from sightline.runtime.session import Session


def test_tells_its_shape():
    session = Session(bundle_factory.model(height=32, width=96), threads=1)
    assert (session.height, session.width, session.classes, session.threads) == (32, 96, 3, 1)


def test_uses_what_the_process_may_use_unless_told(monkeypatch):
    monkeypatch.setattr("sightline.runtime.session.default_threads", lambda: 2)
    assert Session(bundle_factory.model()).threads == 2


def test_scores_do_not_depend_on_the_batch():
    batch = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    session = Session(bundle_factory.model(), threads=1)
    scores, maps, boxes = session.run(batch)
    assert boxes is None
    assert scores.shape == (5, 3)
    assert maps.shape == (5, 3, 8, 8)
    for row, frame in enumerate(batch):
        alone = session.run(frame[None])
        np.testing.assert_allclose(alone[0][0], scores[row], atol=1e-6)
        np.testing.assert_allclose(alone[1][0], maps[row], atol=1e-6)
        np.testing.assert_allclose(scores[row], bundle_factory.scores_of(frame), atol=1e-4)


def test_a_model_that_compares_gives_boxes_of_what_differs_from_the_template():
    session = Session(bundle_factory.local_model(boxed=True, pair=True), threads=1)
    assert (session.pair, session.boxed) == (True, True)
    frame, plain = bundle_factory.spotted((64, 64), [(16, 40, (255, 40, 40))], side=8), bundle_factory.spotted((64, 64))
    answer = session.run(frame[None], plain[None])
    assert answer.boxes[0, 0, :4].tolist() == [40, 16, 48, 24]
    assert answer.boxes[0, 0, 4:].tolist() == pytest.approx([answer.scores[0, 0], 0])


@pytest.mark.parametrize("pair", [False, True])
def test_templates_missing_or_too_many_are_a_bundle_error(pair):
    session = Session(bundle_factory.local_model(pair=pair), threads=1)
    batch = np.zeros((1, 64, 64, 3), np.uint8)
    with pytest.raises(BundleError, match="takes a template beside each frame" if pair else "takes no templates"):
        session.run(batch, None if pair else batch)


@pytest.mark.parametrize(
    ("breach", "found"),
    [
        ({"batch": 1}, "found image [1, 64, 64, 3]"),
        ({"height": "rows"}, "'rows', 64, 3]"),
        ({"channels": 4}, "64, 64, 4]"),
        ({"image_name": "pixels"}, "found ['pixels']"),
        ({"output_names": ("probabilities", "maps")}, "['maps', 'probabilities']"),
        ({"image_type": TensorProto.FLOAT}, "found tensor(float), tensor(float)"),
    ],
)
def test_each_breach_of_the_contract_is_refused(breach, found):
    with pytest.raises(BundleError, match="contract 1.*" + re.escape(found)):
        Session(bundle_factory.model(**breach))


@pytest.mark.parametrize("model", [b"", b"no model", bundle_factory.model()[:300]])
def test_what_is_no_model(model):
    with pytest.raises(BundleError, match="cannot load the model"):
        Session(model)


@pytest.mark.parametrize("name", [b"scores", b"Sigmoid"])
def test_a_name_in_the_model_that_is_no_text_is_a_bundle_error(name, capfd):
    with pytest.raises(BundleError, match="cannot load the model"):
        Session(bundle_factory.model().replace(name, b"\xff" * len(name)))
    assert capfd.readouterr() == ("", "")


def test_no_file_outside_is_read(tmp_path, monkeypatch):
    """A model may ask for weights in another file; there is none in a bundle."""
    (tmp_path / "weights.bin").write_bytes(np.float32(1 / 255).tobytes())
    monkeypatch.chdir(tmp_path)
    asking = onnx.load_from_string(bundle_factory.model())
    weight = asking.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")
    with pytest.raises(BundleError, match="cannot load the model"):
        Session(asking.SerializeToString())


def test_a_model_that_mixes_up_its_batch_is_found_out():
    session = Session(bundle_factory.model(fixed_batch_inside=True), threads=1)
    session.run(np.zeros((1, 64, 64, 3), np.uint8))
    with pytest.raises(BundleError, match=r"for 2 frames and 3 classes it answered with scores \(1, 6\)"):
        session.run(np.zeros((2, 64, 64, 3), np.uint8))


def test_an_input_of_another_size_is_a_bundle_error():
    with pytest.raises(BundleError, match="the model failed"):
        Session(bundle_factory.model(), threads=1).run(np.zeros((1, 32, 32, 3), np.uint8))
