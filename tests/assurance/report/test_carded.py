import bundle_factory
from sightline import bundle
from sightline.assurance.report.carded import Card, read_card
from sightline.bundle import Bundle

TEXT = """\
# colours 1.2.3

Names the colour
of frames.

|  |  |
| --- | --- |
| method | classify |

## Data

| images | train |
| --- | --- |
| red | 3 |

Copies lie in one part only.

## Limits

- No blue light.
- Nothing else.

## Where it comes from

- made up
"""


def card_of(tmp_path, files):
    manifest, made = bundle_factory.contents()
    made.pop("card.md")
    return read_card(Bundle.open(bundle.write(tmp_path, manifest, made | files)))


def test_the_words_of_a_card_are_found(tmp_path):
    card = card_of(tmp_path, {"card.md": TEXT.encode()})
    assert card.use == "Names the colour\nof frames."
    assert card.data == "Copies lie in one part only."
    assert card.limits == ("No blue light.", "Nothing else.")


def test_a_card_without_sections_and_no_card_say_nothing(tmp_path):
    assert card_of(tmp_path / "bare", {"card.md": b"# Colours\n"}) == Card()
    assert card_of(tmp_path / "none", {}) == Card()
