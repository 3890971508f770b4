"""The run folder: what is written stays, and what was half written is dropped."""

import pytest

from sightline import config
from sightline.config import Recipe
from sightline.errors import TrainError
from sightline.index import Index, Sample, Split
from sightline.runs import Artifact, DatasetPart, Metrics, Params, RunFolder, Tags


@pytest.fixture
def parts(tmp_path):
    """An index of two images."""
    root = tmp_path / "parts"
    root.mkdir()
    for name in ("1.png", "2.png"):
        (root / name).write_bytes(b"")
    return Index.build(root, [Sample(path=f"{n}.png", split=Split.TRAIN, digest=str(n)) for n in (1, 2)])


@pytest.fixture
def recipe(parts):
    return Recipe.model_validate({"name": "parts", "data": {"root": str(parts.root)}})


@pytest.fixture
def new_run(tmp_path, recipe, parts):
    return lambda: RunFolder.create(tmp_path / "runs", recipe, parts)


@pytest.fixture
def run(new_run):
    return new_run()


def test_opens_as_it_was_created(run, recipe, parts):
    opened = RunFolder.open(run.path)
    assert config.dump(opened.recipe) == config.dump(recipe)
    assert opened.index == parts
    assert opened.checkpoints.is_dir()
    assert opened.artifacts.is_dir()


def test_opens_from_another_folder_although_the_root_was_relative(tmp_path, monkeypatch, recipe, parts):
    monkeypatch.chdir(parts.root.parent)
    relative = Index.build(parts.root.relative_to(parts.root.parent), parts.samples)
    run = RunFolder.create(tmp_path / "runs", recipe, relative)
    monkeypatch.chdir(tmp_path)
    opened = RunFolder.open(run.path)
    assert opened.index.file(opened.index.samples[0]).is_file()


def test_two_runs_of_one_second_have_two_folders(new_run):
    first, second = new_run(), new_run()
    assert first.path != second.path
    assert first.path.name.startswith("parts-20")


def test_events_come_back_in_order(run):
    part = DatasetPart(name="parts", digest="d", context="train", source="here", counts={"good": 3})
    run.params({"train.epochs": 3, "model.layer": None})
    run.tags({"sector": "steel"})
    run.dataset(part)
    run.metrics({"train/loss": 0.5}, step=0)
    run.artifact("data")
    events = RunFolder.open(run.path).events()
    assert [type(event) for event in events] == [Params, Tags, DatasetPart, Metrics, Artifact]
    assert events[0].values == {"train.epochs": "3", "model.layer": "None"}
    assert events[3].step == 0


def test_a_torn_last_line_is_dropped_and_writing_goes_on(run):
    run.metrics({"train/loss": 1}, step=0)
    with (run.path / "events.jsonl").open("ab") as log:
        log.write(b'{"kind": "metrics", "val')
    opened = RunFolder.open(run.path)
    opened.metrics({"train/loss": 0.5}, step=1)
    assert [event.step for event in RunFolder.open(run.path).events()] == [0, 1]


def test_forgets_events_beyond_a_count(run):
    for step in range(4):
        run.metrics({"train/loss": 1}, step=step)
    run.forget_after(2)
    assert [event.step for event in run.events()] == [0, 1]
    run.forget_after(9)
    assert len(run.events()) == 2


def test_history_holds_the_figures_of_each_epoch(run):
    run.metrics({"train/loss": 1, "system/cpu_utilization_percentage": 50}, step=0)
    run.metrics({"train/loss": 0.5, "validate/loss": 0.7}, step=1)
    run.metrics({"test/accuracy": 0.9}, step=1)
    assert run.history() == {"train/loss": [(0, 1), (1, 0.5)], "validate/loss": [(1, 0.7)]}


def test_refuses_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(TrainError, match=r"recipe\.yaml"):
        RunFolder.open(tmp_path)


def test_says_where_it_cannot_write(tmp_path, recipe, parts):
    (tmp_path / "runs").write_text("a file in the way")
    with pytest.raises(TrainError, match="cannot be written"):
        RunFolder.create(tmp_path / "runs", recipe, parts)


def test_a_line_that_is_no_event_is_said(run):
    run.params({"a": 1})
    log = run.path / "events.jsonl"
    log.write_bytes(b'{"kind": "nothing"}\n' + log.read_bytes())
    with pytest.raises(TrainError, match=r"events\.jsonl, line 1"):
        RunFolder.open(run.path).events()


def test_two_processes_do_not_work_on_one_run(run):
    with run.locked(), pytest.raises(TrainError, match="another process"), RunFolder.open(run.path).locked():
        raise AssertionError
    with run.locked():
        pass


def test_runs_of_the_same_second_get_folders_of_their_own(run):
    paths = {RunFolder.create(run.path.parent, run.recipe, run.index).path for _ in range(3)}
    assert len(paths) == 3


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainError, match="cannot be written"):
        RunFolder.check_room(tmp_path / "file" / "runs")
