"""The comparison with anomalib: who learns from what, who is judged on what, and when a fit is ended."""

import hashlib
import sys

import pytest

from _anomaly_sides import Labelled, _parts
from _anomaly_split import divide
from _watched import watch
from sightline.errors import DataError, SightlineError
from sightline.index import Sample
from sightline.index import Split as Part


def tiles(good=710, defective=6):
    """Good tiles, each a group of its own, and defective ones of two types."""
    rows = [Sample(path=f"MT_Free/Imgs/{n:04}.jpg", group=f"free {n}") for n in range(good)]
    for label in ("MT_Break", "MT_Crack"):
        rows += [
            Sample(path=f"{label}/Imgs/{n}.jpg", labels=(label,), group=f"{label} {n}", mask=f"{label}/Imgs/{n}.png")
            for n in range(defective)
        ]
    return rows


def paths(samples):
    return {sample.path for sample in samples}


def names(samples):
    return [sample.path.rpartition("/")[2] for sample in samples]


def test_good_tiles_are_divided_by_their_names_whatever_order_they_come_in(tmp_path):
    rows = tiles()
    split = divide(tmp_path, rows[::-1], train=200)
    by_hash = sorted(names(rows[:710]), key=lambda name: hashlib.sha1(name.encode()).hexdigest())
    assert names(split.train) == sorted(by_hash[:700])[:200]
    assert names(split.test[:10]) == by_hash[700:]
    assert split == divide(tmp_path, rows, train=200)


def test_more_training_tiles_leave_the_test_as_it_was(tmp_path):
    few, all_of_them = divide(tmp_path, tiles(), train=200), divide(tmp_path, tiles(), train=700)
    assert few.test == all_of_them.test
    assert len(all_of_them.train) == 700
    assert not paths(all_of_them.train) & paths(all_of_them.test)


def test_all_defective_tiles_are_scored_and_four_of_each_type_are_labelled(tmp_path):
    split = divide(tmp_path, tiles(), train=200)
    assert split.types == ("MT_Break", "MT_Crack")
    assert len(split.test) == 10 + 12
    assert [s.labels[0] for s in split.labelled] == ["MT_Break"] * 4 + ["MT_Crack"] * 4
    assert paths(split.labelled) <= paths(split.test)


def test_fewer_scored_tiles_are_some_of_all(tmp_path):
    everything, few = divide(tmp_path, tiles(), train=200), divide(tmp_path, tiles(), train=200, most=2)
    assert len(few.test) == 6
    assert paths(few.test) < paths(everything.test)
    assert paths(few.labelled) <= paths(few.test)


@pytest.mark.parametrize(("good", "train"), [(710, 0), (710, 701), (700, 200)])
def test_too_few_tiles_are_refused(tmp_path, good, train):
    with pytest.raises(DataError, match="expected 1 to 700 tiles"):
        divide(tmp_path, tiles(good), train=train)


def test_good_twins_of_training_are_left_out_and_defective_ones_stay(tmp_path):
    split = divide(tmp_path, tiles(), train=200)
    learned = split.train[0].group
    twins = {split.test[0].path, split.test[-1].path}
    rows = [s.model_copy(update={"group": learned}) if s.path in twins else s for s in tiles()]
    split = divide(tmp_path, rows, train=200)
    assert split.rows(apart=False, without_labelled=False).all()
    kept = split.rows(apart=True, without_labelled=False)
    assert not kept[0]
    assert kept[1:].all()


def test_who_learned_from_labelled_defects_is_judged_without_them_and_their_twins(tmp_path):
    split = divide(tmp_path, tiles(), train=200)
    twin, labelled = split.test[0], split.labelled[0]
    rows = [s.model_copy(update={"group": labelled.group}) if s == twin else s for s in tiles()]
    split = divide(tmp_path, rows, train=200)
    drawn, apart = (split.rows(apart=apart, without_labelled=True) for apart in (False, True))
    assert left_out(split, drawn) == paths(split.labelled)
    assert left_out(split, apart) == paths(split.labelled) | {twin.path}


def left_out(split, kept):
    return {sample.path for sample, keep in zip(split.test, kept, strict=True) if not keep}


def program(folder, *steps, then=""):
    """The command of a program that says what steps are done, and then does something else."""
    lines = "".join(f'{{"step": "{step}", "seconds": 1}}\n' for step in steps)
    (folder / "program.py").write_text(
        f"import pathlib, sys, time\npathlib.Path(r'{folder}', 'events.jsonl').write_text({lines!r})\n{then}\n"
    )
    return [sys.executable, str(folder / "program.py")]


@pytest.mark.parametrize("labelled", Labelled)
def test_labelled_defects_are_scored_or_taught_or_hidden_among_the_good(tmp_path, labelled):
    split = divide(tmp_path, tiles(), train=200)
    train = _parts(split, labelled).part(Part.TRAIN)
    known = [sample for sample in train if sample.path in paths(split.labelled)]
    assert len(train) == 200 + len(known)
    assert len(known) == (0 if labelled is Labelled.SCORED else 8)
    assert all(sample.good == (labelled is Labelled.HIDDEN) for sample in known)
    assert all((sample.mask is None) == (labelled is Labelled.HIDDEN) for sample in known)


def test_a_fit_that_ends_is_told_with_its_memory(tmp_path):
    seen = watch(program(tmp_path, "ready", "fit", "scored"), tmp_path, (60, 10**12))
    assert list(seen.steps) == ["ready", "fit", "scored"]
    assert seen.steps["fit"]["seconds"] == 1
    assert not seen.stopped


def test_a_fit_that_takes_too_long_is_ended(tmp_path):
    seen = watch(program(tmp_path, "ready", then="time.sleep(60)"), tmp_path, (0.3, 10**12))
    assert seen.stopped == "did not end in 0.3 s"
    assert seen.peak_bytes > 1e6


def test_a_fit_that_takes_too_much_memory_is_ended(tmp_path):
    seen = watch(program(tmp_path, "ready", then="time.sleep(60)"), tmp_path, (60, 10**6))
    assert seen.stopped.startswith("took more than 0.001 GB")


def test_a_program_that_fails_says_why(tmp_path):
    with pytest.raises(SightlineError, match="the reason"):
        watch(program(tmp_path, "ready", "fit", then="sys.exit('the reason')"), tmp_path, (60, 10**12))
