"""The demo: what a first user sees must work, stay in its folder, and tell the truth."""

import json
import sqlite3
from collections import Counter
from contextlib import chdir
from pathlib import Path

import pytest

from bundle_factory import write_bundle
from sightline import cli, config
from sightline.errors import ConfigError, DataError
from sightline.verdict import Outcome

pytest.importorskip("torch")
from sightline import demo, workflow

QUICK = ("train.epochs=1", "train.batch_size=8", "input.height=64", "input.width=64")


def _quiet(stage, done, total):
    """Shows no progress."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Result and words of one small demo, run in an empty folder."""
    said = []
    where = tmp_path_factory.mktemp("Prüf platz")
    with chdir(where):
        result = demo.run(Path("demo"), count=60, overrides=QUICK, progress=_quiet, say=said.append)
    return where, result, "\n".join(said)


@pytest.mark.slow
class TestSmallDemo:
    def test_all_it_writes_lies_in_its_folder(self, made):
        where, result, _ = made
        assert [path.name for path in where.iterdir()] == ["demo"]
        assert result.folder == Path("demo")

    def test_every_unseen_part_has_a_verdict_and_a_place_in_the_report(self, made):
        where, result, _ = made
        verdicts = [json.loads(line) for line in (where / "demo/verdicts.jsonl").read_text("utf-8").splitlines()]
        page = (where / result.report).read_text(encoding="utf-8")
        assert len(verdicts) == result.tally.counts.total() == 12
        assert all(Path(verdict["frame"]).name in page for verdict in verdicts)

    def test_unseen_parts_are_not_among_those_learned_from(self, made):
        where, _, _ = made
        known, unseen = (
            {p.read_bytes() for p in where.glob(f"demo/{kind}-*/images/*/*.png")} for kind in ("product", "unseen")
        )
        assert (len(known), len(unseen)) == (60, 12)
        assert not known & unseen

    def test_the_run_is_in_mlflow(self, made):
        where, result, _ = made
        assert result.experiment == 'mlflow ui --backend-store-uri "sqlite:///demo/mlflow.db"'
        with sqlite3.connect(where / "demo/mlflow.db") as database:
            runs = database.execute("select status from runs").fetchall()
            models = database.execute("select name from registered_models").fetchall()
        assert (runs, models) == ([("FINISHED",)], [("demo",)])

    def test_the_recipe_it_leaves_can_be_trained_again(self, made, monkeypatch):
        where, _, _ = made
        monkeypatch.chdir(where)
        recipe = config.load(Path("demo/recipe.yaml"), ["train.epochs=30"])
        assert (recipe.train.epochs, recipe.input.height) == (30, 64)
        assert recipe.data.root.is_dir()

    def test_it_says_how_good_the_bundle_is(self, made):
        _, result, said = made
        assert "auroc" in said
        assert result.tally.text() in said


@pytest.fixture
def no_training(tmp_path, monkeypatch):
    """The demo with a bundle that is there already in place of training; gives the recipes that it would train."""
    recipes = []
    bundle = write_bundle(tmp_path / "bundles")
    monkeypatch.setattr(workflow, "start", lambda recipe, runs, **_: recipes.append(recipe))
    monkeypatch.setattr(workflow, "finish", lambda run, **_: bundle)
    monkeypatch.setattr(workflow, "summary", lambda run, made: "")
    return recipes


def _demo(folder, **settings):
    said = []
    demo.run(folder, **{"count": 4, **settings}, progress=_quiet, say=said.append)
    return "\n".join(said)


def test_images_are_used_again_and_made_again_if_not_whole(tmp_path, no_training):
    folder = tmp_path / "demo"
    assert "used again" not in _demo(folder)
    (image,) = folder.glob("product-4-0/images/*/000001.png")
    image.write_bytes(b"kept")
    assert _demo(folder).count("used again") == 2
    assert image.read_bytes() == b"kept"
    (folder / "product-4-0" / "truth.jsonl").unlink()
    assert "not whole" in _demo(folder)
    assert image.read_bytes() != b"kept"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, no_training):
    (tmp_path / "recipe.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="new or empty"):
        _demo(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir() if path.is_file()] == [("recipe.yaml", "mine")]


@pytest.mark.parametrize(
    ("override", "told"),
    [("track.enabled=false", ""), ("track.uri=http://user:secret@server:5000", "http://server:5000")],
)
def test_it_tells_where_the_experiment_is(tmp_path, no_training, override, told):
    result = demo.run(tmp_path / "demo", count=4, overrides=[override], progress=_quiet, say=lambda line: None)
    assert result.experiment == told


def test_other_settings_have_other_images(tmp_path, no_training):
    _demo(tmp_path / "demo")
    _demo(tmp_path / "demo", count=5, seed=7)
    assert {p.name for p in (tmp_path / "demo").glob("product-*")} == {"product-4-0", "product-5-7"}
    assert [(recipe.seed, recipe.data.root.parent.name) for recipe in no_training] == [
        (0, "product-4-0"),
        (7, "product-5-7"),
    ]


def test_overrides_reach_the_recipe_and_their_mistakes_are_told_first(tmp_path, no_training):
    _demo(tmp_path / "demo", overrides=["train.epochs=2", "track.uri=http://127.0.0.1:1"])
    assert (no_training[0].train.epochs, no_training[0].track.uri) == (2, "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="epoch"):
        _demo(tmp_path / "new", overrides=["train.epoch=2"])
    assert not (tmp_path / "new").exists()


def test_tally_counts_good_parts_and_defects_by_how_visible_they_are():
    counts = Counter(
        {
            ("good", Outcome.OK): 50,
            ("good", Outcome.NG): 1,
            ("barely visible defect", Outcome.OK): 12,
            ("obvious defect", Outcome.NG): 20,
        }
    )
    table = [line.split() for line in demo.Tally(counts).text().splitlines()]
    assert table[0] == ["parts", "OK", "NG"]
    assert ["good", "51", "50", "1"] in table
    assert ["barely", "visible", "defect", "12", "12", "0"] in table
    assert ["clear", "defect", "0", "0", "0"] in table


def test_command_ends_by_telling_what_to_open(tmp_path, no_training, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["demo", "--count", "4", "--dir", "my demo"]) == 0
    said = capsys.readouterr().out
    assert 'mlflow ui --backend-store-uri "sqlite:///my demo/mlflow.db"' in said
    assert (tmp_path / "my demo" / "report.html").exists()
    assert str(Path("my demo") / "report.html") in said
