"""Two bundles on the same images: who errs more, by how much, and which verdicts changed.

`compare` scores both and does the sums, `changes` puts the changed verdicts in order, `words` says what it comes to,
and `report` makes the page.
"""

from sightline.assurance.comparison.compare import Comparison, Line, Side, compare

__all__ = ["Comparison", "Line", "Side", "compare"]
