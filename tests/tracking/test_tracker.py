"""A run folder arrives at MLflow whole and once, whatever happens to process, folder or server on the way."""

import json
import time

import pytest
from mlflow import MlflowClient

import bundle_factory
import run_factory
from sightline.errors import TrackingError
from sightline.tracking import Tracker
from sightline.tracking import tracker as room


@pytest.fixture(autouse=True)
def no_rest(monkeypatch):
    """Lets `drain` send each time it is called."""
    monkeypatch.setattr(room, "_REST", 0)
    monkeypatch.setattr(room, "_PAUSE", 0)


@pytest.fixture
def said():
    """What the user was told."""
    return []


@pytest.fixture
def track(uri, said):
    """Makes a tracker, as a new process would."""
    return lambda run, to=uri: Tracker(run, uri=to, say=said.append)


def runs_of(client, name="colours"):
    return client.search_runs([client.get_experiment_by_name(name).experiment_id])


def the_run(client):
    (found,) = runs_of(client)
    return found


def points(client, name):
    return [(point.step, point.value) for point in client.get_metric_history(the_run(client).info.run_id, name)]


def files(client, folder=""):
    return {file.path for file in client.list_artifacts(the_run(client).info.run_id, folder)}


def test_a_whole_run_arrives(run, track, client, capfd, said):
    tracker = track(run)
    tracker.drain()
    run_factory.train(run)
    tracker.drain()
    run_factory.export(run)
    tracker.finish("FINISHED")

    found, events = the_run(client), run.events()
    assert found.data.params == {"train.epochs": "2", "model.backbone": "none"}
    assert found.data.tags["sector"] == "test"
    assert found.data.tags["data_digest"] == run.index.digest
    assert points(client, "train/loss") == [(0, 1.0), (1, 0.5)]
    assert {name for name in found.data.metrics if name.startswith("system/")} == {"system/cpu_utilization_percentage"}
    assert files(client) == {"data", "card.md"}
    assert files(client, "data") == {"data/check.md"}
    assert found.info.status == "FINISHED"
    assert (found.info.start_time, found.info.end_time) == (events[0].time, events[-1].time)
    assert found.info.run_name == run.path.name.removeprefix("colours-")
    assert found.info.run_id == tracker.run_id
    assert capfd.readouterr() == ("", "")  # nothing of MLflow's own
    assert len(said) == 1
    assert found.info.run_id in said[0]


def test_the_data_are_inputs_and_an_empty_part_is_none(run, track, client):
    track(run).drain()
    inputs = the_run(client).inputs.dataset_inputs
    assert {item.tags[0].value for item in inputs} == {"train", "validate", "test"}
    assert {json.loads(item.dataset.profile)["red"] for item in inputs} == set(run_factory.IMAGES.values())
    assert all(run.index.root.as_posix() in item.dataset.source for item in inputs)


def test_what_is_sent_twice_is_there_once(run, track, client):
    run_factory.train(run)
    track(run).drain()
    (run.path / "tracking.json").unlink()  # the process died before it noted what was sent
    track(run).drain()
    assert points(client, "train/loss") == [(0, 1.0), (1, 0.5)]
    assert len(the_run(client).inputs.dataset_inputs) == 3


def test_a_damaged_note_of_what_was_sent_loses_nothing(run, track, client):
    track(run).drain()
    (run.path / "tracking.json").write_text("{", encoding="utf-8")
    run_factory.train(run)
    track(run).drain()
    assert len(points(client, "train/loss")) == 2


def test_a_parameter_that_changed_stays_as_it_was(run, track, client):
    track(run).drain()
    run.params({"train.epochs": 5, "new": 1})
    tracker = track(run)
    tracker.drain()
    assert the_run(client).data.params == {"train.epochs": "2", "model.backbone": "none", "new": "1"}


def test_a_log_that_a_resume_shortened_arrives_whole(run, track, client):
    begun = len(run.events())
    run_factory.train(run, epochs=4)
    tracker = track(run)
    tracker.drain()
    run.forget_after(begun + 2)
    time.sleep(0.002)  # the epochs that are trained again have another time
    run.metrics({"late": 1.0}, step=2)  # where the server has seen something else
    run_factory.train(run, epochs=3, first=2)
    tracker.drain()
    assert points(client, "late") == [(2, 1.0)]
    assert dict(points(client, "train/loss")) == {epoch: 1 / (epoch + 1) for epoch in range(5)}


def test_a_long_run_is_sent_in_few_calls(run, track, client, monkeypatch):
    run_factory.train(run, epochs=300)
    calls = []
    log_batch = MlflowClient.log_batch
    monkeypatch.setattr(MlflowClient, "log_batch", lambda *a, **k: (calls.append(k), log_batch(*a, **k)))
    track(run).drain()
    assert len(calls) <= 4
    assert len(points(client, "train/loss")) == 300


def test_more_than_one_call_takes(run, track, client):
    run.params({f"p{number}": number for number in range(250)})
    run.tags({f"t{number}": "x" for number in range(150)})
    run.metrics({f"m{number}": number for number in range(1500)}, step=0)
    track(run).upload()
    data = the_run(client).data
    assert (len(data.params), len(data.metrics)) == (252, 1500)
    assert "t149" in data.tags


@pytest.mark.parametrize(
    ("name", "there"),
    [("recall/Öl + Fett (tief)", "recall/Öl _ Fett _tief_"), ("recall/a//b", "recall/a/b"), ("x" * 300, "x" * 250)],
)
def test_a_name_that_mlflow_refuses_is_made_fit(run, track, client, name, there):
    run.metrics({name: 0.5}, step=0)
    track(run).upload()
    assert there in the_run(client).data.metrics


def test_values_that_are_too_long_are_cut(run, track, client):
    run.params({"long": "x" * 9000})
    run.tags({"long": "x" * 9000})
    track(run).upload()
    data = the_run(client).data
    assert (len(data.params["long"]), len(data.tags["long"])) == (6000, 8000)


def test_an_artifact_that_is_gone_holds_nothing_up(run, track, client):
    run.artifact("was-here.png")
    track(run).upload()
    assert files(client) == {"data"}


def test_a_run_that_ended_badly_goes_on(run, track, client):
    tracker = track(run)
    tracker.drain()
    assert the_run(client).info.status == "RUNNING"
    assert "sightline train --resume" in the_run(client).data.tags["mlflow.note.content"]
    tracker.finish("KILLED")
    assert the_run(client).info.status == "KILLED"
    tracker = track(run)
    tracker.drain()
    assert the_run(client).info.status == "RUNNING"
    run_factory.export(run)
    tracker.finish("FINISHED")
    assert the_run(client).info.status == "FINISHED"


def test_the_bundle_of_a_run_that_failed_is_not_registered(run, track, client):
    run_factory.export(run)  # of before: the export that failed left it alone
    tracker = track(run)
    tracker.finish("FAILED")
    assert the_run(client).info.status == "FAILED"
    assert not client.search_model_versions("name = 'colours'")
    tracker = track(run)
    tracker.note("FINISHED")  # it was exported again
    tracker.upload()
    assert the_run(client).info.status == "FINISHED"
    assert client.get_model_version_by_alias("colours", "candidate")


def test_a_failure_is_told_by_its_own_reason(run, said, tmp_path):
    tracker = Tracker(run, uri="http://127.0.0.1:9", say=said.append)
    try:
        raise OSError("the disk is full")
    except OSError:
        tracker.finish("FAILED")
    assert "disk is full" not in said[-1]
    assert "refused" in said[-1]


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_that_ends_with_the_process_is_refused(run, uri):
    with pytest.raises(TrackingError, match=r"sqlite:///mlflow\.db"):
        Tracker(run, uri=uri).upload()


@pytest.mark.parametrize("enabled", [True, False])
def test_a_run_that_ends_badly_on_a_full_disk_keeps_its_own_error(tmp_path, uri, said, enabled):
    run = run_factory.start(tmp_path, enabled=enabled)
    (run.path / "tracking.json.part").mkdir()
    Tracker(run, uri=uri, say=said.append).finish("FAILED")
    assert ["tracking.json cannot be written" in line for line in said] == [True] * enabled


def test_a_run_that_is_switched_off_is_sent_on_demand_alone(tmp_path, uri, client, said, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    run = run_factory.start(tmp_path, enabled=False)
    tracker = Tracker(run, say=said.append)
    tracker.drain()
    tracker.finish("FINISHED")
    assert said == []
    assert client.get_experiment_by_name("colours") is None
    tracker.upload()
    assert the_run(client).info.status == "FINISHED"


def test_where_it_goes_is_the_argument_then_the_recipe_then_the_environment(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    plain, with_uri = run_factory.start(tmp_path), run_factory.start(tmp_path, uri="sqlite:///recipe.db")
    assert Tracker(plain).uri == "sqlite:///mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment")
    assert Tracker(plain).uri == "http://environment"
    assert Tracker(with_uri).uri == "sqlite:///recipe.db"
    assert Tracker(with_uri, uri="http://argument").uri == "http://argument"


def test_an_experiment_of_its_own(tmp_path, track, client):
    track(run_factory.start(tmp_path, experiment="All lines")).upload()
    (found,) = runs_of(client, "All lines")
    assert found.info.run_name.startswith("colours-")


def test_two_runs_of_one_recipe_stay_apart(tmp_path, run, track, client):
    time.sleep(0.002)
    track(run).upload()
    track(run_factory.start(tmp_path)).upload()
    assert len(runs_of(client)) == 2


def test_a_deleted_run_is_said_with_what_to_do(run, track, client, said):
    tracker = track(run)
    tracker.drain()
    client.delete_run(tracker.run_id)
    run_factory.train(run)
    tracker.drain()  # finds out in the middle of training ...
    tracker.finish("KILLED")  # ... and says it plainly at the end
    assert f"run {tracker.run_id} was deleted" in said[-1]
    with pytest.raises(TrackingError) as caught:
        track(run).upload()
    assert "tracking.json" in caught.value.hint
    assert "mlflow runs restore" in caught.value.hint

    (run.path / "tracking.json").unlink()  # as the hint says
    track(run).upload()
    assert the_run(client).info.run_id != tracker.run_id


def test_a_run_in_a_deleted_experiment(run, track, client, said, tmp_path):
    track(run).upload()
    client.delete_experiment(client.get_experiment_by_name("colours").experiment_id)
    time.sleep(0.002)
    track(run_factory.start(tmp_path)).upload()
    assert len(runs_of(client)) == 2


def test_a_database_that_was_replaced_gets_the_run_anew(run, track, client, empty_database, tmp_path):
    track(run).upload()
    state = json.loads((run.path / "tracking.json").read_text(encoding="utf-8"))
    (sent,) = state["servers"].values()
    sent["run_id"] = "0" * 32  # an id that the database has never seen
    (run.path / "tracking.json").write_text(json.dumps(state), encoding="utf-8")
    client.delete_run(the_run(client).info.run_id)
    run_factory.train(run)
    track(run).upload()
    assert len(points(client, "train/loss")) == 2


def test_a_full_disk_under_the_run_folder_costs_nothing_but_the_upload(run, track, said):
    (run.path / "tracking.json.part").mkdir()  # where the note is written first
    tracker = track(run)
    tracker.drain()
    tracker.drain()
    assert len(said) == 1
    assert "tracking.json cannot be written" in said[0]


def test_a_damaged_bundle_is_said(run, track, said):
    bundle = run_factory.export(run)
    (bundle / "model.onnx").write_bytes(b"")
    track(run).finish("FINISHED")
    assert "altered or damaged" in said[-1]
    assert "sightline track" in said[-1]


def test_another_server_gets_all_of_it(run, track, client, uri, empty_database, tmp_path):
    track(run).upload()
    other = tmp_path / "other.db"
    other.write_bytes(empty_database.read_bytes())
    track(run, f"sqlite:///{other.as_posix()}").upload()
    assert len(runs_of(MlflowClient(f"sqlite:///{other.as_posix()}"))) == 1
    assert len(runs_of(client)) == 1


def test_the_rest_after_sending_bounds_what_it_costs(run, uri, monkeypatch):
    monkeypatch.setattr(room, "_REST", 10)
    clock = [0.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    sends = []

    class Slow(Tracker):
        def _send_while_running(self):
            sends.append(clock[0])
            clock[0] += 5  # seconds that a server took

    tracker = Slow(run, uri=uri)
    for _ in range(200):  # epochs of one second
        tracker.drain()
        clock[0] += 1
    assert len(sends) > 2
    assert len(sends) * 5 <= 200 / 10 + 5


def test_bundle_of_the_run_is_registered_when_sent_later(run, track, client):
    run_factory.train(run)
    bundle_factory.write_bundle(run.path / "bundle")
    tracker = track(run)
    tracker.upload()
    assert client.get_model_version_by_alias("colours", "candidate").run_id == tracker.run_id
    assert the_run(client).info.status == "FINISHED"
    assert "models:/colours@candidate" in tracker.where()
