"""What a bundle's card says that its manifest does not: what it is meant for, how its data lie, and its limits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sightline.bundle import Bundle

CARD = "card.md"


@dataclass(frozen=True)
class Card:
    """Words of a model card.

    Attributes:
        use: What the bundle is meant for; empty if the card does not say.
        data: How copies and near-duplicates lie in the parts; likewise.
        limits: Where it ends, one a line; none if the card states none.
    """

    use: str = ""
    data: str = ""
    limits: tuple[str, ...] = ()


def read_card(bundle: Bundle) -> Card:
    """The card of a bundle; an empty one if it has none."""
    if CARD not in bundle.sizes:
        return Card()
    text = bundle.read(CARD).decode("utf-8", "replace")
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    bodies = {title.strip(): body for title, _, body in (section.partition("\n") for section in sections)}
    limits = [line[2:].strip() for line in bodies.get("Limits", "").splitlines() if line.startswith("- ")]
    return Card(_prose(head), _prose(bodies.get("Data", "")), tuple(limits))


def _prose(text: str) -> str:
    """The first paragraph that is neither heading nor table nor list nor picture."""
    paragraphs = (paragraph.strip() for paragraph in text.split("\n\n"))
    return next((one for one in paragraphs if one and one[0] not in "#|-!"), "")
