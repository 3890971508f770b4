"""Measurement-system analysis of inspectors, people and the model alike.

An attribute agreement study after AIAG (Measurement Systems Analysis, 4th edition): `make_plan` draws who looks at
which part when, `write_plan` writes the sheets that people fill in, `read_study` reads them with the model's, and
`agreement` and `kappas` judge. `repeatability` tells how steady the model is when a part is shown again.

What works on a study's folder lies in modules of its own, for whoever wants the figures needs no model: `parts` and
`folder` make it, with `model` a bundle takes part, `findings` judges, and `report` writes the page.
"""

from sightline.msa.appraisal import TEAM, Agreement, Appraisal, Disputed, agreement
from sightline.msa.kappa import Kappa, Kappas, cohen, fleiss, fleiss_by_category, kappas
from sightline.msa.plan import Look, Plan, Reach, make_plan, numbered, write_plan, write_sheet
from sightline.msa.rates import LIMITS, Grade, Limit, Rate
from sightline.msa.represented import ALL_CHANGES, CLOSE, Presentation, Repeatability, repeatability
from sightline.msa.study import Study, read_key, read_study

__all__ = [
    "ALL_CHANGES",
    "CLOSE",
    "LIMITS",
    "TEAM",
    "Agreement",
    "Appraisal",
    "Disputed",
    "Grade",
    "Kappa",
    "Kappas",
    "Limit",
    "Look",
    "Plan",
    "Presentation",
    "Rate",
    "Reach",
    "Repeatability",
    "Study",
    "agreement",
    "cohen",
    "fleiss",
    "fleiss_by_category",
    "kappas",
    "make_plan",
    "numbered",
    "read_key",
    "read_study",
    "repeatability",
    "write_plan",
    "write_sheet",
]
