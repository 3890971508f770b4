"""`key.sub=value` replaces one value and names itself when it cannot."""

import pytest

from sightline.config.overrides import apply


def put(overrides, **values):
    applied, mistakes = apply(values, overrides, {"ROOT": "/data"})
    return values, applied, mistakes


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("train.epochs=3", {"train": {"epochs": 3, "cache": True}, "augment": [{"p": 1}, {"p": 2}]}),
        ("train.lr=1e-3", {"train": {"epochs": 9, "cache": True, "lr": 0.001}, "augment": [{"p": 1}, {"p": 2}]}),
        ("augment.1.p=0.5", {"train": {"epochs": 9, "cache": True}, "augment": [{"p": 1}, {"p": 0.5}]}),
        ("augment.0={p: 7}", {"train": {"epochs": 9, "cache": True}, "augment": [{"p": 7}, {"p": 2}]}),
        ("augment=[]", {"train": {"epochs": 9, "cache": True}, "augment": []}),
        ("train=", {"train": None, "augment": [{"p": 1}, {"p": 2}]}),
    ],
)
def test_one_value_is_replaced(override, expected):
    values, applied, mistakes = put([override], train={"epochs": 9, "cache": True}, augment=[{"p": 1}, {"p": 2}])
    assert values == expected
    assert [item.text for item in applied] == [override]
    assert mistakes == []


def test_sections_that_are_not_there_are_added():
    values, _, mistakes = put(["data.split.test=0.3", "data.rename.0=good"], data=None)
    assert values == {"data": {"split": {"test": 0.3}, "rename": {"0": "good"}}}
    assert mistakes == []


def test_the_last_one_wins():
    assert put(["a=1", "a=2"])[0] == {"a": 2}


def test_text_after_the_first_equals_sign_is_the_value():
    assert put(["track.uri=http://host/?a=b"])[0] == {"track": {"uri": "http://host/?a=b"}}


def test_variables_are_filled_in():
    assert put(["data.root=${ROOT}/x"])[0] == {"data": {"root": "/data/x"}}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("epochs", "expected key.sub=value"),
        ("=3", "expected key.sub=value"),
        ("train..epochs=3", "expected key.sub=value"),
        ("name.first=3", "expected name to be a section or a list, it is 'x'"),
        ("augment.2.p=1", "augment is a list: expected a position from 0 to 1, got '2'"),
        ("augment.-1.p=1", "got '-1'"),
        ("augment.first.p=1", "got 'first'"),
        pytest.param(f"augment.{'9' * 5000}.p=1", "augment is a list: expected a position", id="long position"),
        pytest.param("a" + ".a" * 3000 + "=1", "a key of at most 64 parts, got 3,001", id="deep key"),
        ("empty.0=1", "expected no position, for it is empty"),
        ("a=[1", "cannot be read as YAML"),
        ("a=${NOPE}", "a: the environment variable NOPE is not set"),
        ("a={b: 1, b: 2}", "a.b: the same key stands on"),
    ],
)
def test_a_mistake_names_the_override(override, said):
    _, _, mistakes = put([override, "fine=1"], name="x", augment=[{}, {}], empty=[])
    (mistake,) = mistakes
    assert mistake.startswith(f"override `{override}`: "[:100])
    assert len(mistake) < 500
    assert said in mistake
