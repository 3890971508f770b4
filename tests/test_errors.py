"""A misspelt word is answered with the nearest one that is known."""

import pytest

from sightline.errors import did_you_mean

KNOWN = ("scratch", "MT_Free", "resnet18")


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("scrach", "Did you mean `scratch`?"),
        ("mt_free", "Did you mean `MT_Free`?"),
        ("ResNet-18", "Did you mean `resnet18`?"),
        ("zzz", ""),
        ("", ""),
        (3, ""),
        (None, ""),
    ],
)
def test_the_nearest_known_word(word, hint):
    assert did_you_mean(word, KNOWN) == hint
    assert did_you_mean(word, iter(())) == ""
