"""Thresholds with guarantees: how much may escape, told from the parts at hand and nothing else.

    >>> from sightline.risk import Kind, Parts, guarantee_escape
    >>> defective = Parts.of(Kind.DEFECTIVE, [0.2 + 0.001 * n for n in range(600)], [f"part {n}" for n in range(600)])
    >>> guarantee_escape(defective, target=0.005, confidence=0.95).threshold
    0.2

`Parts` holds photographs of parts and one number for each, its gravity. `choose` picks the two thresholds of the three
ways out by what is to be kept, `expect` tells what comes of any thresholds, `cheapest` and `saving` weigh errors in
money, and `bounds` counts parts. Everything is distribution-free, exact where each part has one photograph, and knows
that twenty photographs of one part are not twenty parts. `Photographs` compares two inspectors of the same ones.
"""

from sightline.risk.costs import Costs, Saving, cheapest, saving
from sightline.risk.guarantee import Guarantee, guarantee_escape, guarantee_overkill
from sightline.risk.paired import Balance, Paired, Photographs, mcnemar
from sightline.risk.parts import Kind, Parts
from sightline.risk.shares import Figure
from sightline.risk.ways import Aims, Choice, Limits, Outlook, choose, expect

__all__ = [
    "Aims",
    "Balance",
    "Choice",
    "Costs",
    "Figure",
    "Guarantee",
    "Kind",
    "Limits",
    "Outlook",
    "Paired",
    "Parts",
    "Photographs",
    "Saving",
    "cheapest",
    "choose",
    "expect",
    "guarantee_escape",
    "guarantee_overkill",
    "mcnemar",
    "saving",
]
