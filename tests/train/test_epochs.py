"""Training from beginning to end, and what happens when it is stopped on the way."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from sightline import config, image
from sightline.config.recipe import Augmentation, Model, Training
from sightline.errors import ConfigError, TrainError
from sightline.index import Index, Split
from sightline.runs import Metrics, RunFolder
from sightline.train import check, checkpoint, fit
from sightline.train.epochs import load
from sightline.train.learner import Learner
from sightline.train.tasks import classify


class Killed(BaseException):
    """Ends training as abruptly as a test in one process can."""


def figures(run):
    """Figures of each epoch, without those of the machine."""
    recorded = [event for event in run.events() if isinstance(event, Metrics)]
    assert [event.step for event in recorded] == sorted({event.step for event in recorded})
    return [{k: v for k, v in e.values.items() if not k.startswith("system/")} for e in recorded]


def weights_of(run):
    return checkpoint.load(run.checkpoints / "best.pt")["network"]


def assert_same(run, other):
    assert figures(run) == figures(other)
    ours, theirs = weights_of(run), weights_of(other)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    last, other_last = (checkpoint.load(r.checkpoints / "last.ckpt") for r in (run, other))
    assert all(torch.equal(last["state_dict"][name], value) for name, value in other_last["state_dict"].items())


@pytest.fixture(scope="module")
def reference(tmp_path_factory, recipe, parts):
    """A run that nobody disturbed."""
    run = RunFolder.create(tmp_path_factory.mktemp("reference"), recipe, parts)
    fit(run)
    return run


def test_learns_and_keeps_the_best_epoch(new_run, parts):
    epochs = []
    settings = Training(epochs=6, batch_size=12, learning_rate=3e-3)
    run = new_run(train=settings, augment=(), model=Model(backbone="shufflenet_v2_x0_5", weights=None))
    fit(run, after_epoch=lambda: epochs.append(len(figures(run))))
    recorded = figures(run)
    assert epochs == [1, 2, 3, 4, 5, 6]
    assert recorded[-1]["train/loss"] < recorded[0]["train/loss"]
    best = min(recorded, key=lambda values: values["validate/loss"])
    told = [values["best/validate/loss"] for values in recorded if "best/validate/loss" in values]
    assert told[-1] == best["validate/loss"]
    assert told == sorted(told, reverse=True)

    network, task = load(RunFolder.open(run.path))
    space = task.space
    assert (space.classes, space.good) == (("dent", "scratch"), True)
    samples = parts.part(Split.VALIDATE)
    pictures = [image.view(image.read(parts.file(s)), run.recipe.input).image for s in samples]
    with torch.no_grad():
        logits, _ = network(torch.from_numpy(np.stack(pictures)))
    found = classify.figures(logits, torch.from_numpy(space.targets(samples)), multi_label=False)
    assert found["loss"] == pytest.approx(best["validate/loss"], rel=1e-4)
    assert found["accuracy"] == best["validate/accuracy"]


def test_records_the_load_of_the_machine(reference):
    last = reference.events()[-1]
    assert 0 <= last.values["system/cpu_utilization_percentage"] <= 100
    assert last.values["system/system_memory_usage_megabytes"] > 0


def test_same_seed_same_result_and_another_seed_another(reference, new_run):
    again, other = new_run(), new_run(seed=4)
    fit(again)
    fit(other)
    assert_same(again, reference)
    assert figures(other) != figures(reference)


def test_loading_processes_change_nothing(reference, new_run, recipe):
    run = new_run(train=recipe.train.model_copy(update={"workers": 2}))
    with pytest.raises(Killed):
        fit(run, after_epoch=killer())
    fit(RunFolder.open(run.path))
    assert figures(run) == figures(reference)


def killer(after=1):
    calls = []

    def kill():
        calls.append(1)
        if len(calls) == after:
            raise Killed

    return kill


def break_step(monkeypatch, number):
    step, seen = Learner.training_step, []

    def broken(self, *arguments):
        seen.append(1)
        if len(seen) == number:
            raise Killed
        return step(self, *arguments)

    monkeypatch.setattr(Learner, "training_step", broken)


def break_saving(monkeypatch, number, *, half):
    save, seen = torch.save, []

    def broken(content, file):
        seen.append(1)
        if len(seen) == number:
            if half:
                file.write(b"PK half a checkpoint")
                file.flush()
            raise Killed
        save(content, file)

    monkeypatch.setattr(torch, "save", broken)


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda monkeypatch: break_step(monkeypatch, 1), id="before the first step"),
        pytest.param(lambda monkeypatch: break_step(monkeypatch, 2), id="in the first epoch"),
        pytest.param(lambda monkeypatch: break_step(monkeypatch, 5), id="in the second epoch"),
        pytest.param(lambda monkeypatch: break_saving(monkeypatch, 1, half=True), id="writing the first best weights"),
        pytest.param(lambda monkeypatch: break_saving(monkeypatch, 2, half=True), id="writing the first checkpoint"),
        pytest.param(lambda monkeypatch: break_saving(monkeypatch, 4, half=False), id="before the second checkpoint"),
    ],
)
def test_a_killed_run_goes_on_to_the_same_result(reference, new_run, monkeypatch, stop):
    run = new_run()
    with monkeypatch.context() as patch:
        stop(patch)
        with pytest.raises(Killed):
            fit(run)
    fit(RunFolder.open(run.path))
    assert_same(run, reference)


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_killed_between_epochs_goes_on(reference, new_run, after):
    run = new_run()
    with pytest.raises(Killed):
        fit(run, after_epoch=killer(after))
    fit(RunFolder.open(run.path))
    assert_same(run, reference)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_a_process_that_is_killed_goes_on(reference, new_run, tmp_path):
    run = new_run()
    code = "import sys; from pathlib import Path; from sightline.runs import RunFolder; from sightline.train import fit"
    code += "; fit(RunFolder.open(Path(sys.argv[1])))"
    process = subprocess.Popen([sys.executable, "-c", code, str(run.path)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 300
    while process.poll() is None and not (run.checkpoints / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    fit(RunFolder.open(run.path))
    assert_same(run, reference)


def test_a_finished_run_stays_as_it_is(new_run):
    run = new_run(train=Training(epochs=1, batch_size=12))
    fit(run)
    run.tags({"bundle": "parts-1.0.0"})
    before = run.events()
    fit(RunFolder.open(run.path), after_epoch=lambda: pytest.fail("trained again"))
    assert run.events() == before


def test_refuses_to_go_on_with_another_recipe_and_names_the_keys(new_run, recipe):
    run = new_run()
    with pytest.raises(Killed):
        fit(run, after_epoch=killer())
    run.recipe = recipe.model_copy(update={"seed": 9, "train": recipe.train.model_copy(update={"batch_size": 6})})
    with pytest.raises(TrainError) as refused:
        fit(run)
    assert "seed: began with 3, is now 9" in str(refused.value)
    assert "train.batch_size: began with 12, is now 6" in str(refused.value)


def test_refuses_to_go_on_with_other_data(new_run, parts):
    run = new_run()
    with pytest.raises(Killed):
        fit(run, after_epoch=killer())
    run.index = Index.build(parts.root, [s.model_copy(update={"split": Split.TRAIN}) for s in parts.samples])
    with pytest.raises(TrainError, match=r"index\.jsonl"):
        fit(run)


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(reference, new_run, capsys):
    def press():
        raise KeyboardInterrupt

    run, handler = new_run(), signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(run, after_epoch=press)
    assert f"sightline train --resume {run.path}" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGINT) is handler
    fit(RunFolder.open(run.path))
    assert_same(run, reference)


def test_a_loss_that_is_no_number_ends_training(new_run, monkeypatch):
    monkeypatch.setattr(classify, "loss", lambda logits, *_, **__: logits.sum() * float("nan"))
    with pytest.raises(TrainError, match="no number") as ended:
        fit(new_run())
    assert "train.learning_rate" in ended.value.hint


def test_a_full_disk_leaves_the_last_checkpoint_whole(reference, new_run, monkeypatch):
    run = new_run()
    fsync, seen = os.fsync, []

    def full(file):
        seen.append(1)
        if len(seen) >= 5:  # best weights, figures and checkpoint of the first epoch, best weights of the second
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TrainError, match="No space left") as ended:
            fit(run)
    assert f"sightline train --resume {run.path}" in ended.value.hint
    fit(RunFolder.open(run.path))
    assert_same(run, reference)


def test_stops_when_validation_gets_no_better(new_run):
    settings = Training(epochs=30, batch_size=12, learning_rate=1e-12, weight_decay=0, patience=2)
    run = new_run(train=settings, model=Model(backbone="shufflenet_v2_x0_5", weights=None))
    fit(run)
    assert len(figures(run)) == 3
    fit(RunFolder.open(run.path))
    assert len(figures(run)) == 3


def test_without_a_validate_part_the_last_epoch_is_kept(new_run, parts):
    index = parts.with_samples([s.model_copy(update={"split": Split.TRAIN}) for s in parts.samples])
    run = new_run(index, train=Training(epochs=2, batch_size=24))
    fit(run)
    assert checkpoint.load(run.checkpoints / "best.pt")["epoch"] == 1
    with pytest.raises(TrainError, match="validate part"):
        fit(new_run(index, train=Training(epochs=2, patience=1)))


def test_several_types_on_one_image(new_run, parts):
    samples = [
        s.model_copy(update={"labels": ("dent", "scratch")}) if s.labels == ("dent",) else s for s in parts.samples
    ]
    run = new_run(parts.with_samples(samples), train=Training(epochs=1, batch_size=12))
    fit(run)
    network, task = load(run)
    assert task.space.multi_label
    assert network.head.out_features == 2


def test_refuses_one_type_a_frame_for_frames_with_several(new_run, parts):
    samples = [s.model_copy(update={"labels": ("dent", "scratch")}) if s.labels else s for s in parts.samples]
    with pytest.raises(TrainError, match="32 images show several types"):
        fit(new_run(parts.with_samples(samples), multi_label=False))


@pytest.mark.parametrize(
    ("override", "allowed"),
    [({"seed": 9}, False), ({"input": {"height": 64, "width": 32}}, False), ({"version": "2.0.0"}, True)],
)
def test_weights_are_loaded_for_the_recipe_they_were_trained_from_alone(reference, tmp_path, override, allowed):
    shutil.copytree(reference.path, tmp_path / "run")
    recipe = reference.recipe.model_validate({**reference.recipe.model_dump(by_alias=True), **override})
    (tmp_path / "run" / "recipe.yaml").write_text(config.dump(recipe), encoding="utf-8")
    if allowed:
        load(RunFolder.open(tmp_path / "run"))
    else:
        with pytest.raises(TrainError, match=f"another recipe:\n  {next(iter(override))}"):
            load(RunFolder.open(tmp_path / "run"))


@pytest.mark.parametrize(
    "change", [{"model": Model(backbone="nix")}, {"augment": (Augmentation(name="Nope"),)}, {"model": Model(layer="x")}]
)
def test_a_recipe_is_refused_before_any_image_is_read(recipe, change):
    with pytest.raises((ConfigError, TrainError)):
        check(recipe.model_copy(update=change))


@pytest.mark.parametrize(
    ("keep", "said"),
    [(lambda s: s.split is Split.VALIDATE, "train part"), (lambda s: s.labels == ("dent",), "dent alone")],
)
def test_refuses_data_that_teach_nothing(new_run, parts, keep, said):
    index = Index.build(parts.root, [s for s in parts.samples if keep(s)])
    with pytest.raises(TrainError, match=said):
        fit(new_run(index))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_refuses_half_precision_without_a_gpu(new_run):
    with pytest.raises(TrainError, match="needs a GPU"):
        fit(new_run(train=Training(precision="16")))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize(("known", "told"), [({"avx512_bf16": True}, False), ({"avx2": True}, True)])
def test_bf16_trains_on_a_processor_and_tells_where_it_is_slow(new_run, monkeypatch, capsys, known, told):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    run = new_run(train=Training(precision="bf16", epochs=1, batch_size=8))
    fit(run)
    network, _ = load(run)
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
    assert ("no instructions for bf16" in "".join(capsys.readouterr())) == told


def test_nothing_to_load_before_the_first_epoch(new_run):
    with pytest.raises(TrainError, match=r"best\.pt"):
        load(new_run())
