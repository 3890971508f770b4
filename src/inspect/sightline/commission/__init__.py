"""Commissioning: from a folder of good parts to a bundle and a report, in one step and without a recipe.

FOLDER/what-is-here.txt     this list
FOLDER/recipe.yaml          what was trained, to be changed and trained again
FOLDER/report.html          what the model looks at, how many good parts it would reject, how fast it is here
FOLDER/NAME-1.0.0.zip       the bundle, in one file: the newest
FOLDER/runs/                a run folder for each time
FOLDER/mlflow.db            the experiment, with its pictures and bundles in mlartifacts/ beside it
"""

from sightline.commission.commission import Asked, Commissioned, run

__all__ = ["Asked", "Commissioned", "run"]
