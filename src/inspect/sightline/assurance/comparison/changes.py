"""Verdicts that another bundle changed, the gravest change first."""

from __future__ import annotations

from dataclasses import dataclass

from sightline.index import Sample
from sightline.verdict import Outcome

# An escape is graver than a good part rejected, and that graver than a part that a person looks at.
_HARM = {
    True: {Outcome.OK: 7, Outcome.NG: 0},
    False: {Outcome.OK: 0, Outcome.NG: 4},
}
_LOOKED_AT = 1  # where a person looks, or nobody yet did


@dataclass(frozen=True)
class Change:
    """An image that the two bundles judge differently.

    Attributes:
        row: Its number among the images in common.
        sample: The image.
        defective: Whether it shows a defect.
        before: What A answers.
        after: What B answers.
    """

    row: int
    sample: Sample
    defective: bool
    before: Outcome
    after: Outcome

    @property
    def harm(self) -> int:
        """How much worse B's answer is than A's; below 0 if it is better."""
        return self._harm(self.after) - self._harm(self.before)

    @property
    def order(self) -> tuple[bool, int, str]:
        """By which changes for the worse come first, then those for the better, of either the gravest first."""
        return (self.harm < 0, -abs(self.harm), self.sample.path)

    def _harm(self, outcome: Outcome) -> int:
        return _HARM[self.defective].get(outcome, _LOOKED_AT)
