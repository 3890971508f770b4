"""Training: from an index with splits to the weights of the best epoch, all of it on disk in a run folder."""

from sightline.train.fit import check, fit, load
from sightline.train.tasks.classify import LabelSpace

__all__ = ["LabelSpace", "check", "fit", "load"]
