"""YAML is read as people mean it, and what cannot be read says where."""

import math

import pytest

from sightline.config.document import parse
from sightline.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("7.", 7.0),
        (".inf", math.inf),
        ("12", 12),
        ("010", 10),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("on", "on"),
        ("No", "No"),
        ("y", "y"),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("1_000", "1_000"),
        ("1e", "1e"),
        ("0x", "0x"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    found = parse(f"key: {text}", {}).value["key"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number():
    assert math.isnan(parse("key: .nan", {}).value["key"])


def test_keys_are_text():
    assert parse("{1: a, true: b, 1.5: c, null: d, on: e}", {}).value == {
        "1": "a",
        "true": "b",
        "1.5": "c",
        "null": "d",
        "on": "e",
    }


def test_every_key_and_entry_knows_its_line():
    document = parse("a: 1\nb:\n  c: 2\n  d:\n    - 3\n    - {e: 4}\n", {})
    assert document.value == {"a": 1, "b": {"c": 2, "d": [3, {"e": 4}]}}
    assert document.lines[("b", "d", "1", "e")] == 6
    assert document.line_of(("b", "c")) == 3
    assert document.line_of(("b", "d", "0")) == 5
    assert document.line_of(("b", "nothing", "there")) == 2
    assert document.line_of(("nothing",)) == 1


def test_duplicate_keys_name_both_lines_and_the_last_counts():
    document = parse("a: 1\nb:\n  c: 2\n  c: 3\na: 4\n", {})
    assert document.value == {"a": 4, "b": {"c": 3}}
    assert [(mistake.path, mistake.line) for mistake in document.mistakes] == [(("b", "c"), 4), (("a",), 5)]
    assert "lines 1 and 5" in document.mistakes[1].text


def test_quoted_and_plain_spellings_of_a_key_are_the_same_key():
    assert len(parse("1: a\n'1': b\n", {}).mistakes) == 1


def test_a_list_cannot_be_a_key():
    (mistake,) = parse("a: 1\n? [b, c]\n: 2\n", {}).mistakes
    assert mistake.line == 2
    assert "expected text as a key" in mistake.text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${ROOT}/x", "/data/x"),
        ("${ROOT:-other}", "/data"),
        ("${NONE:-other}/x", "other/x"),
        ("${NONE:-}", ""),
        ("${EMPTY:-other}", "other"),
        ("${EMPTY}", ""),
        ("${ROOT}${ROOT}", "/data/data"),
        ("$${ROOT}", "${ROOT}"),
        ("$$${ROOT}", "$${ROOT}"),
        ("5$", "5$"),
        ("$ROOT", "$ROOT"),
    ],
)
def test_variables_are_filled_in(text, value):
    assert parse(f"key: '{text}'", {"ROOT": "/data", "EMPTY": ""}).value == {"key": value}


def test_what_a_variable_holds_is_not_filled_in_again_nor_read_as_yaml():
    assert parse("key: ${A}", {"A": "${B}: 1"}).value == {"key": "${B}: 1"}


@pytest.mark.parametrize(
    ("text", "said"), [("${NONE}", "NONE is not set"), ("${A-b}", "expected ${NAME}"), ("${", "expected")]
)
def test_variables_that_cannot_be_filled_in_name_their_line(text, said):
    (mistake,) = parse(f"a: 1\nb:\n  - '{text}'\n", {}).mistakes
    assert mistake.path == ("b", "0")
    assert mistake.line == 3
    assert said in mistake.text


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\n\tb: 2\n", 2, "found character"),
        ("a: [1, 2\n", 2, "expected ',' or ']'"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("a: 1\n---\nb: 2\n", 2, "single document"),
        ("a: 1\nb: \x07\n", 2, "'\\x07' is not allowed"),
        ("a: &x 1\nb: *x\n", 2, "`*x` is an alias"),
        ("images: *.jpg\n", 1, "alias"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "tag"),
        ("a: 1\nb: !!timestamp x\n", 2, "tag"),
        ("a: !b\n", 1, "`!b` is a tag"),
        pytest.param("a: 1\nb: " + "[" * 3000, 2, "more than 64 levels", id="deep list"),
        pytest.param("\n".join(f"{' ' * n}k:" for n in range(1500)), 65, "more than 64 levels", id="deep keys"),
        pytest.param("a: 1\nseed: " + "9" * 5000, 2, "at most 400 digits, got 5,000", id="long number"),
        pytest.param("seed: 0x" + "f" * 6000, 1, "at most 400 digits", id="long hexadecimal number"),
    ],
)
def test_what_is_no_yaml_names_the_line(text, line, said):
    with pytest.raises(ConfigError) as raised:
        parse(text, {})
    assert raised.value.message.startswith(f"{line}: cannot be read as YAML: ")
    assert said in raised.value.message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a:\n\tb: 2\n", "with spaces, never with tabs"),
        ("images: *.jpg\n", "begins with * in quotes"),
        ("a: !b\n", "begins with ! in quotes"),
        ("a: b: c\n", "a colon and a space in quotes"),
        ("data: {root: ${X}}\n", "put a value with ${...} in quotes"),
        ("a: [${X:-1}]\n", "put a value with ${...} in quotes"),
    ],
)
def test_what_is_mistyped_often_gets_a_hint(text, hint):
    with pytest.raises(ConfigError) as raised:
        parse(text, {})
    assert hint in raised.value.hint
