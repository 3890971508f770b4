"""A recipe is loaded whole, or every mistake in it is said at once with its line."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sightline.config import Recipe, build, digest, dump, flat, load
from sightline.errors import ConfigError

SMALL = "name: part\ndata:\n  root: images\n"


@pytest.fixture
def written(tmp_path):
    """Writes a recipe (text or bytes) and hands back its path."""

    def write(content, name="recipe.yaml"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def refused(written):
    """Loads a text that cannot be used and hands back the lines of the error, with `@` for the file's path."""

    def refuse(content, *overrides):
        path = written(content)
        with pytest.raises(ConfigError) as raised:
            load(path, overrides)
        return raised.value.message.replace(str(path), "@").splitlines()

    return refuse


def test_a_recipe_is_loaded_with_defaults(written):
    recipe = load(written(SMALL + "train: {learning_rate: 1e-3, precision: 16, cache: no}\n"))
    assert recipe.name == "part"
    assert recipe.train.learning_rate == 0.001
    assert recipe.train.precision == "16"
    assert recipe.train.cache is False
    assert recipe.train.epochs == 12


def test_overrides_win_over_the_file(written):
    path = written(SMALL + "train: {epochs: 3}\naugment: [{name: HorizontalFlip, p: 0.2}]\n")
    recipe = load(path, ["train.epochs=5", "augment.0.p=0.5", "data.split.test=0.3", "train.precision=32"])
    assert recipe.train.epochs == 5
    assert recipe.augment[0].parameters == {"p": 0.5}
    assert recipe.data.split.test == 0.3
    assert recipe.train.precision == "32"


def test_paths_are_taken_from_the_working_directory(written):
    assert load(written(SMALL)).data.root == Path("images")


def test_paths_may_hold_variables(written, monkeypatch):
    monkeypatch.setenv("PRODUCT_IMAGES", "/somewhere/Prüfteile 1")
    monkeypatch.delenv("WEIGHTS", raising=False)
    text = "name: part\ndata: {root: '${PRODUCT_IMAGES}/good'}\nmodel: {weights: '${WEIGHTS:-net.pth}'}\n"
    recipe = load(written(text))
    assert recipe.data.root == Path("/somewhere/Prüfteile 1/good")
    assert recipe.model.weights == "net.pth"


def test_a_byte_order_mark_is_no_mistake(written):
    assert load(written(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())).name == "part"


def test_every_mistake_is_said_at_once_with_its_line(refused, monkeypatch):
    monkeypatch.delenv("NOPE", raising=False)
    lines = refused(
        """\
name: Bad Name
version: 1.0
task: clasify
data:
  rooot: images
  reader: {kind: folder}
  good: ok
  rename: {a: 1}
augment:
  - name: HorizontalFlip
  - p: 0.5
train:
  epochs: ten
  batch_size: 8
  batch_size: 0
  warmup: [1]
model:
  weights: ${NOPE}
  normalise: {mean: [0.5, 0.5], std: [1, 1, 1]}
trian: 3
"""
    )
    assert lines[0] == f"@ has {len(lines) - 1} mistakes:"
    expected = [
        "@:1: name: expected lower-case letters, digits and hyphens, such as steel-strip, got 'Bad Name'",
        "@:2: version: expected text, got 1.0; put it in quotes",
        "@:3: task: expected classify or segment or detect or anomaly or compare, got 'clasify'. Did you mean",
        "@:4: data.root: expected a value, got nothing: Folder of the images",
        "@:5: data.rooot: unknown key. Did you mean `root`?",
        "@:6: data.reader.kind: expected coco or csv or",
        "@:7: data.good: expected a list, such as [a, b], got 'ok'",
        "@:8: data.rename.a: expected text, got 1; put it in quotes",
        "@:11: augment.1.name: expected a value, got nothing",
        "@:13: train.epochs: expected a whole number, got 'ten'",
        "@:15: train.batch_size: expected a number greater than or equal to 1, got 0",
        "@:15: train.batch_size: the same key stands on lines 14 and 15; keep one",
        "@:16: train.warmup: expected a number, got a list of 1",
        "@:18: model.weights: the environment variable NOPE is not set",
        "@:19: model.normalise.mean.2: expected a value, got nothing",
        "@:20: trian: unknown key. Did you mean `train`?",
    ]
    assert len(lines) - 1 == len(expected)
    for line, start in zip(lines[1:], expected, strict=True):
        assert line.startswith(start)
    assert lines[6].endswith("got 'folder'. Did you mean `folders`?")


def test_one_mistake_is_one_line(refused):
    assert refused(SMALL + "seed: -1\n") == ["@:4: seed: expected a number greater than or equal to 0, got -1"]


def test_an_unknown_key_unlike_any_other_lists_the_known_ones(refused):
    (line,) = refused(SMALL + "  split: {zzzz: 1}\n")
    known = "calibrate, fold, folds, near_duplicates, seed, test, validate"
    assert line == f"@:4: data.split.zzzz: unknown key. Expected one of {known}."


def test_inside_a_reader_the_keys_of_its_kind_are_known(refused):
    (line,) = refused(SMALL + "  reader:\n    kind: csv\n    label_colunm: type\n")
    assert line == "@:6: data.reader.label_colunm: unknown key. Did you mean `label_column`?"


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        ("{file: x.csv}", "data.reader.kind: expected coco or csv or"),
        ("csv", "data.reader: expected a section of `key: value` lines, got 'csv'"),
        ("", "data.reader: expected a section of `key: value` lines, got nothing"),
    ],
)
def test_a_reader_without_kind(refused, reader, said):
    (line,) = refused(SMALL + f"  reader: {reader}\n")
    assert line.startswith(f"@:4: {said}")


def test_a_rule_over_several_keys_names_the_section(refused):
    (line,) = refused(SMALL + "  split:\n    test: 0.9\n")
    assert line.startswith("@:4: data.split: validate + calibrate + test must leave at least 0.1")


def test_a_mistake_in_an_override_names_the_override_and_no_line(refused):
    lines = refused(SMALL + "seed: x\n", "train.epoch=3", "data.reader.kind=folder", "model.dropout=2", "nonsense")
    assert lines[1].startswith("@:4: seed: ")
    assert lines[2] == "override `train.epoch=3`: train.epoch: unknown key. Did you mean `epochs`?"
    assert lines[3].startswith("override `data.reader.kind=folder`: data.reader.kind: expected coco")
    assert lines[4:] == [
        "override `model.dropout=2`: model.dropout: expected a number less than 1, got 2",
        "override `nonsense`: expected key.sub=value, such as train.epochs=3",
    ]


def test_a_rule_that_an_override_broke_names_the_override_too(refused):
    (line,) = refused(SMALL + "  split: {test: 0.2}\n", "data.split.calibrate=0.8")
    assert line.startswith("@:4: data.split: validate + calibrate + test")
    assert line.endswith("(with override `data.split.calibrate=0.8`)")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "@: expected `key: value` lines, the file is empty"),
        ("# nothing yet\n", "@: expected `key: value` lines, the file is empty"),
        ("- a\n- b\n", "@:1: expected `key: value` lines at the top, got a list of 2"),
        ("just text\n", "@:1: expected `key: value` lines at the top, got 'just text'"),
        ("name: part\n\tdata: x\n", "@:2: cannot be read as YAML"),
        ("name: part\nsector: Gerät\n".encode("latin-1"), "@:2: expected UTF-8 text, got the byte 0xe4"),
        (SMALL.encode("utf-16"), "@:1: expected UTF-8 text"),
        (b"name: \x00\n", "@:1: cannot be read as YAML: the character '\\x00' is not allowed"),
    ],
)
def test_what_is_no_recipe_at_all(refused, content, said):
    (line,) = refused(content)
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=true", "seed: expected a whole number, got true"),
        ("data.split.seed=false", "data.split.seed: expected a whole number, got false"),
        ("data.split.near_duplicates=true", "data.split.near_duplicates: expected a number, got true"),
        ("data.split.validate=false", "data.split.validate: expected a number, got false"),
        ("train.weight_decay=true", "train.weight_decay: expected a number, got true"),
        ("train.learning_rate=.nan", "train.learning_rate: expected a number"),
        ("model.normalise={mean: [.nan, 0, 0], std: [1, 1, 1]}", "mean.0: expected a finite number, got nan"),
        ("model.normalise={mean: [0, 0, .inf], std: [1, 1, 1]}", "mean.2: expected a finite number, got inf"),
        ("model.normalise={mean: [0, 0, 0], std: [1, .inf, 1]}", "std.1: expected a finite number, got inf"),
        ("model.normalise={mean: [0, true, 0], std: [1, 1, 1]}", "mean.1: expected a number, got true"),
        ("version=\u0661.0.0", "version: expected MAJOR.MINOR.PATCH"),  # a one in Arabic
        ("seed=\u0663", "seed: expected a whole number"),
    ],
)
def test_what_is_no_number_is_refused(refused, override, said):
    (line,) = refused(SMALL, override)
    assert said in line


def test_numbers_may_come_from_variables(written, monkeypatch):
    monkeypatch.setenv("SEED", "7")
    assert load(written(SMALL), ["seed=${SEED}", "train.warmup=${WARMUP:-0.2}"]).seed == 7


def test_a_missing_file_names_its_neighbour(written):
    path = written(SMALL, "steel-strip.yaml")
    with pytest.raises(ConfigError, match="there is no such file") as raised:
        load(path.with_name("steel-stirp.yaml"))
    assert raised.value.hint == "Did you mean `steel-strip.yaml`?"


def test_a_missing_folder_is_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "none" / "recipe.yaml")


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(ConfigError, match="expected a YAML file, got a folder"):
        load(tmp_path)


def test_what_comes_from_no_file_is_refused_without_a_line():
    assert build({"name": "part", "data": {"root": "images"}}, ["seed=3"]).seed == 3
    with pytest.raises(ConfigError) as raised:
        build({"name": "part", "data": {"rooot": "images", "root": "images"}}, ["sede=3", "nonsense"])
    assert raised.value.message.splitlines() == [
        "data.rooot: unknown key. Did you mean `root`?",
        "override `sede=3`: sede: unknown key. Did you mean `seed`?",
        "override `nonsense`: expected key.sub=value, such as train.epochs=3",
    ]


def test_a_split_that_leaves_a_tenth_to_train_on_is_taken(written):
    """1 - 0.2 - 0.3 - 0.4 is a little less than 0.1 in binary fractions."""
    plan = load(written(SMALL + "  split: {validate: 0.2, calibrate: 0.3, test: 0.4}\n")).data.split
    assert (plan.validate_, plan.calibrate, plan.test) == (0.2, 0.3, 0.4)


def test_nested_settings_in_one_level():
    assert flat({"a": 1, "b": {"c": [2, {"d": 3}], "e": {"f": None}}, "g": {}}) == {
        "a": 1,
        "b.c": [2, {"d": 3}],
        "b.e.f": None,
    }


# Text that YAML would read as something else, in either of its versions, comes up more often than it would by chance.
TEXT = st.one_of(
    st.text(max_size=30),
    st.text("a \n\t\r\x85\u2028#:'\"\\-", max_size=8),
    st.sampled_from(
        ["on", "no", "1e3", "0o7", "010", "1_000", "1:30", "~", "", "2024-01-31", "${A}", "$${", "<<", "*a", "!"]
    ),
)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.one_of(st.none(), st.booleans(), st.integers(), NUMBER, TEXT, st.lists(NUMBER, max_size=3))
RECIPES = st.builds(
    lambda **parts: Recipe.model_validate(
        {
            "name": "part",
            "sector": parts["sector"],
            "data": {"root": parts["root"], "good": parts["good"], "rename": parts["rename"]},
            "train": {"learning_rate": parts["rate"], "precision": parts["precision"]},
            "augment": [{"name": "Flip", "limit": parts["limit"]}],
            "card": {"limits": parts["good"]},
        }
    ),
    sector=TEXT,
    root=st.text("abcäöü/. ${}-~", min_size=1),
    good=st.lists(TEXT, max_size=3),
    rename=st.dictionaries(TEXT, TEXT, max_size=3),
    rate=st.floats(1e-9, 10),
    precision=st.sampled_from(["auto", "32", "16"]),
    limit=VALUE,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(recipe=RECIPES)
def test_what_is_dumped_is_loaded_as_the_same_recipe(written, recipe):
    again = load(written(dump(recipe)))
    assert again == recipe
    assert digest(again) == digest(recipe)


def test_the_digest_follows_what_is_decided_and_not_how_it_is_written(written):
    plain = digest(load(written(SMALL)))
    assert re.fullmatch("[0-9a-f]{64}", plain)
    assert digest(load(written("data: {root: 'images'} # moved\nname: part\nseed: 0\n"))) == plain
    assert digest(load(written(SMALL), ["seed=1"])) != plain
    flipped = SMALL + "augment: [{name: A}, {name: B}]\n"
    assert digest(load(written(flipped))) != digest(load(written(flipped.replace("A", "C").replace("B", "A"))))
