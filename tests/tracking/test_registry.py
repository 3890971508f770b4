"""A bundle in MLflow's registry: found by its alias, and giving the same verdicts as the runtime."""

import base64
import json
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit
from urllib.request import url2pathname

import cv2
import numpy as np
import pandas as pd
import pytest

import bundle_factory
import run_factory
from sightline import image
from sightline.bundle import Bundle
from sightline.bundle.manifest import Metric
from sightline.errors import TrackingError
from sightline.runtime import Inspector
from sightline.tracking import Tracker
from sightline.tracking.registry import Registered
from sightline.verdict import Outcome

METRICS = (
    Metric(name="accuracy", value=0.99, low=0.98, high=1.0, count=30, interval="Wilson over groups"),
    Metric(name="recall/red", value=0.5, low=0.1, high=0.9, count=10, interval="Wilson over groups"),
)


def upload(run, uri):
    tracker = Tracker(run, uri=uri, say=print)
    tracker.upload()
    return tracker


@pytest.fixture
def model(run, uri, monkeypatch):
    """A bundle loaded as MLflow loads models, and the bundle's folder."""
    bundle = run_factory.export(run)
    upload(run, uri)
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        return mlflow.pyfunc.load_model("models:/colours@candidate"), bundle


def test_a_version_says_what_it_is(run, uri, client):
    bundle = Bundle.open(run_factory.export(run, metrics=METRICS))
    tracker = upload(run, uri)
    version = client.get_model_version_by_alias("colours", "candidate")
    assert version.run_id == tracker.run_id
    assert version.status == "READY"
    assert version.tags["bundle_digest"] == bundle.digest
    assert version.tags["accuracy"] == "0.9900"
    assert "recall/red" not in version.tags
    for text in (version.description, client.get_run(tracker.run_id).data.tags["mlflow.note.content"]):
        assert text.startswith("accuracy 0.9900 (0.9800 to 1.0000)")
        assert bundle.digest[:12] in text
    (logged,) = client.get_run(tracker.run_id).outputs.model_outputs
    assert {m.key: m.value for m in client.get_logged_model(logged.model_id).metrics} == {
        "test/accuracy": 0.99,
        "test/recall/red": 0.5,
    }
    assert f"models:/colours/{version.version}" in tracker.where()


def test_the_runs_are_offered_side_by_side(run, uri, client):
    run_factory.export(run, metrics=METRICS)
    tracker = upload(run, uri)
    view = json.loads(client.get_experiment_by_name("colours").tags["mlflow.sharedViewState.sightline"])
    # The test part chooses nothing.
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`best/validate/loss`", True)
    assert {"metrics.`test/accuracy`", "params.`model.backbone`"} <= set(view["selectedColumns"])
    assert "metrics.`test/recall/red`" not in view["selectedColumns"]
    assert "viewStateShareKey=sightline" in tracker.where()


def test_a_bundle_sent_twice_is_one_version(run, uri, client):
    run_factory.export(run)
    upload(run, uri)
    upload(run, uri)
    (run.path / "tracking.json").unlink()
    upload(run, uri)
    assert [version.version for version in client.search_model_versions("name = 'colours'")] == [1]


def test_the_alias_goes_to_the_newest_and_never_back(run, tmp_path, uri, client):
    run_factory.export(run)
    upload(run, uri)
    time.sleep(0.002)
    newer = run_factory.start(tmp_path)
    run_factory.export(newer)
    upload(newer, uri)
    (run.path / "tracking.json").unlink()
    assert "models:/colours/1 " in upload(run, uri).where()
    assert client.get_model_version_by_alias("colours", "candidate").run_id == Tracker(newer, uri=uri).run_id


def test_a_bundle_that_was_exported_again_is_a_new_version(run, uri, client):
    manifest, files = bundle_factory.contents()
    run_factory.export(run)
    upload(run, uri)
    from sightline import bundle

    bundle.write(run.path / "bundle", manifest.model_copy(update={"product": "other frames"}), files, replace=True)
    upload(run, uri)
    assert client.get_model_version_by_alias("colours", "candidate").version == 2


def test_name_and_alias_of_the_recipe(tmp_path, uri, client):
    run = run_factory.start(tmp_path, register_as="Line 3's eyes", alias="champion")
    run_factory.export(run)
    upload(run, uri)
    assert client.get_model_version_by_alias("Line 3's eyes", "champion").version == 1


def registered(run, uri, name="colours"):
    bundle = Bundle.open(run_factory.export(run))
    tracker = upload(run, uri)
    return Registered.find(uri, name, tracker.run_id, bundle), bundle


def test_a_version_is_found_and_its_bundle_comes_back_whole(run, uri, tmp_path):
    found, bundle = registered(run, uri)
    assert (found.version, found.holder("candidate"), found.holder("champion")) == (1, 1, None)
    fetched = Bundle.open(found.fetch(1, tmp_path / "fetched"))
    assert (fetched.digest, fetched.path.name) == (bundle.digest, "colours-1.2.3")
    found.take("champion")
    assert found.holder("champion") == 1


def test_a_model_may_have_any_name(tmp_path, uri):
    found, bundle = registered(run_factory.start(tmp_path, register_as="Line 3's eyes"), uri, "Line 3's eyes")
    assert Bundle.open(found.fetch(found.version, tmp_path / "fetched")).digest == bundle.digest


def test_tags_of_before_go_where_they_are_of_the_same_matter(run, uri, client):
    found, _ = registered(run, uri)
    before = client.get_model_version("colours", "1").tags
    found.note({"gate": "failed", "gate.one": "1", "gate.two": "2"}, below="gate")
    found.note({"gate": "passed", "gate.two": "3"}, below="gate")
    assert client.get_model_version("colours", "1").tags == before | {"gate": "passed", "gate.two": "3"}


def test_another_bundle_of_the_run_is_not_that_version(run, uri, tmp_path):
    found, _ = registered(run, uri)
    other = Bundle.open(bundle_factory.write_bundle(tmp_path / "other", product="other frames"))
    with pytest.raises(TrackingError, match=r"as a version of colours in MLflow at sqlite.*found none"):
        Registered.find(uri, "colours", Tracker(run, uri=uri).run_id, other)
    with pytest.raises(TrackingError, match="sqlite"):
        found.fetch(7, tmp_path / "fetched")


def frames():
    """Image files of many kinds: name -> content."""
    random = np.random.default_rng(0)
    deep = random.integers(0, 65536, (80, 90, 3), dtype=np.uint16)
    found = {
        "red": image.png(bundle_factory.frame_of((250, 10, 10))),
        "black": image.png(bundle_factory.frame_of((0, 0, 0))),
        "doubtful": image.png(bundle_factory.frame_of((128, 0, 0))),
        "large": image.png(random.integers(0, 256, (300, 500, 3), dtype=np.uint8)),
        "deep": cv2.imencode(".png", deep)[1].tobytes(),
        "grey": cv2.imencode(".png", deep[..., 0] >> 8)[1].tobytes(),
        "jpeg": cv2.imencode(".jpg", random.integers(0, 256, (64, 64, 3), dtype=np.uint8))[1].tobytes(),
    }
    return found | {"cut": found["large"][:500], "empty": b"", "text": b"no image at all"}


def test_verdicts_are_those_of_the_runtime(model, tmp_path):
    served, bundle = model
    inspector = Inspector.open(bundle)
    files = frames()
    table = pd.DataFrame({"image": [base64.b64encode(data).decode() for data in files.values()]})
    rows = served.predict(table).to_dict(orient="records")
    assert len(rows) == len(files)
    outcomes = set()
    for row, (name, data) in zip(rows, files.items(), strict=True):
        (tmp_path / name).write_bytes(data)
        expected = inspector.inspect(tmp_path / name).to_dict()
        outcomes.add(row["outcome"])
        assert (row["outcome"], row["defects"], row["scores"]) == (
            expected["outcome"],
            expected["defects"],
            expected["scores"],
        )
        assert row["bundle"] == expected["bundle"]
        assert len(row["reasons"]) == len(expected["reasons"])
    assert outcomes == {outcome.value for outcome in Outcome}
    json.dumps(rows)


@pytest.mark.parametrize("cell", ["not base64 at all!", "ümlaut", "QUJD", "QUJ", "", None, b"", float("nan")])
def test_what_is_no_image_is_not_inspected(model, cell):
    served, _ = model
    good = base64.b64encode(image.png(bundle_factory.frame_of((0, 0, 0)))).decode()
    answers = served.unwrap_python_model().predict(None, pd.DataFrame({"image": [cell, good]}, dtype=object))
    assert list(answers["outcome"]) == ["NOT_INSPECTED", "OK"]
    assert answers["reasons"][0]


def test_bytes_and_no_rows(model):
    served, _ = model
    red = image.png(bundle_factory.frame_of((250, 10, 10)))
    assert list(served.predict(pd.DataFrame({"image": [red]}))["outcome"]) == ["NG"]
    nothing = served.unwrap_python_model().predict(None, pd.DataFrame({"image": []}))
    assert (len(nothing), "outcome" in nothing.columns) == (0, True)


def test_templates_stand_beside_images(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own
        from sightline.tracking.served import ServedBundle

    plain, spotted = (bundle_factory.spotted((64, 64), spots) for spots in ((), ((20, 30, (255, 0, 0)),)))
    path = bundle_factory.write_local_bundle(tmp_path / "b", pair=True, variants={"left": plain, "right": spotted})
    served = ServedBundle()
    served.load_context(SimpleNamespace(artifacts={"bundle": str(path)}))
    frame, template = (base64.b64encode(image.png(picture)).decode() for picture in (spotted, plain))
    rows = [
        {"image": frame, "variant": "left"},
        {"image": frame, "variant": "right"},
        {"image": frame, "template": template},
        {"image": frame},
        {"image": frame, "template": "no image"},
    ]
    answers = served.predict(None, pd.DataFrame(rows))
    assert list(answers["outcome"]) == ["NG", "OK", "NG", "NOT_INSPECTED", "NOT_INSPECTED"]
    (defect,) = answers["defects"][0]
    assert defect["area"] == pytest.approx(256, rel=0.1)


def test_a_bundle_that_was_damaged_in_the_store_is_not_served(model):
    import mlflow

    from sightline.errors import BundleError

    served, _ = model
    (stored,) = (entry for entry in run_models(served) if entry.name == "model.onnx")
    stored.write_bytes(bundle_factory.model(gain=5.0))
    with pytest.raises(BundleError, match="altered or damaged"):
        mlflow.pyfunc.load_model("models:/colours@candidate")


def run_models(served):
    """The files of the model, where MLflow keeps them."""
    return Path(url2pathname(urlsplit(served.metadata.artifact_path).path)).rglob("*")
