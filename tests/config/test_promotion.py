"""The gate before another bundle takes the place in use: what a recipe may ask."""

import pytest

from sightline import config
from sightline.errors import ConfigError


def build(*overrides):
    return config.build({"name": "parts", "data": {"root": "photos"}}, overrides)


def test_a_recipe_asks_not_to_be_worse_and_nothing_else():
    gate = build().track.promote
    assert (gate.alias, gate.max_escape, gate.max_overkill, gate.guarantee) == ("champion", None, None, False)
    assert (gate.not_worse, gate.margin) == (True, 0.01)


def test_limits_come_from_the_command_line_too():
    gate = build("track.promote.max_escape=0.02", "track.promote.guarantee=true").track.promote
    assert (gate.max_escape, gate.guarantee) == (0.02, True)


@pytest.mark.parametrize("wrong", ["max_escape=0", "max_overkill=5", "margin=1", "margin=-0.1", "max_escapes=0.1"])
def test_what_is_no_share_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"track.promote"):
        build(f"track.promote.{wrong}")
