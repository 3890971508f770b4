"""What every task that learns by epochs keeps to; a new task is entered in TASKS."""

import numpy as np
import pytest
import torch

from sightline import config
from sightline.errors import TrainError
from sightline.index import Index, Split
from sightline.runs import RunFolder
from sightline.train import epochs
from sightline.train.tasks import of_run

TASKS = ("classify", "segment", "detect")
PAIRS = (("segment", True), ("detect", True), *((task, False) for task in TASKS))


def run_of(tmp_path, spots, task, *, pair=False, **sections):
    """A run of a task on the images of `spots`; with a template beside each where there is a pair."""
    values = {
        "name": "spots",
        "task": task,
        "data": {"root": str(spots.root)},
        "input": {"height": 64, "width": 64},
        "model": {"backbone": "mobilenet_v3_small", "weights": None, "batch_norm": "train"},
        "localise": {"width": 16, "stride": 4},
        "train": {"epochs": 2, "batch_size": 4, "learning_rate": 1e-3},
        **sections,
    }
    if pair:
        values["template"] = {"compared": True}
    rows = spots.samples if pair else [row.model_copy(update={"template": None}) for row in spots.samples]
    return RunFolder.create(tmp_path / "runs", config.build(values, []), spots.with_samples(rows))


@pytest.mark.parametrize(("task", "pair"), PAIRS)
def test_a_batch_goes_through_the_network_and_gives_a_loss_that_teaches(tmp_path, spots, task, pair):
    made = of_run(run_of(tmp_path, spots, task, pair=pair))
    torch.manual_seed(0)
    network = made.network()
    batch = next(iter(made.loader(Split.TRAIN)))
    assert len(made.inputs(batch)) == 1 + pair
    first = made.loss(network, batch)
    assert torch.isfinite(first)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    for _ in range(6):
        optimiser.zero_grad()
        made.loss(network, batch).backward()
        optimiser.step()
    assert made.loss(network, batch) < first


@pytest.mark.parametrize("task", TASKS)
def test_figures_of_the_validate_part_have_a_loss(tmp_path, spots, task):
    made = of_run(run_of(tmp_path, spots, task))
    network = made.network().eval()
    with torch.no_grad():
        found = made.figures([made.answer(network, batch) for batch in made.loader(Split.VALIDATE)])
    assert np.isfinite(found["loss"])


@pytest.mark.parametrize("task", TASKS)
def test_the_same_epoch_gives_the_same_batches(tmp_path, spots, task):
    made = of_run(run_of(tmp_path, spots, task, augment=[{"name": "HorizontalFlip", "p": 0.5}]))

    def pictures(epoch):
        return torch.cat([made.inputs(batch)[0] for batch in made.loader(Split.TRAIN, first_epoch=epoch)])

    assert torch.equal(pictures(3), pictures(3))
    assert not torch.equal(pictures(3), pictures(4))


@pytest.mark.parametrize(("task", "pair"), PAIRS)
def test_a_trained_run_is_loaded_as_it_was_kept(tmp_path, spots, task, pair):
    run = run_of(tmp_path, spots, task, pair=pair)
    epochs.fit(run)
    network, made = epochs.load(run)
    assert not network.training
    batch = next(iter(made.loader(Split.VALIDATE)))
    with torch.no_grad():
        one, other = (network(*made.inputs(batch)) for _ in range(2))
    one, other = (answer[0] if isinstance(answer, tuple) else answer for answer in (one, other))
    assert torch.equal(one, other)
    assert "validate/loss" in run.history()


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_without_a_mark_there_is_nothing_to_learn(tmp_path, spots, task):
    bare = [row.model_copy(update={"mask": None, "boxes": ()}) for row in spots.samples]
    with pytest.raises(TrainError, match="expected masks, outlines or boxes"):
        of_run(run_of(tmp_path, Index.build(spots.root, bare), task)).check()


@pytest.mark.parametrize("task", ["segment", "detect"])
def test_patches_are_of_the_size_asked_for_in_training_alone(tmp_path, spots, task):
    made = of_run(run_of(tmp_path, spots, task, localise={"width": 16, "stride": 4, "crop": 32}))
    assert made.inputs(next(iter(made.loader(Split.TRAIN))))[0].shape[1:] == (32, 32, 3)
    assert made.inputs(next(iter(made.loader(Split.VALIDATE))))[0].shape[1:] == (64, 64, 3)
