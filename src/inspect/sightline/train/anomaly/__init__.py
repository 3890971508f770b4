"""Learning from good parts: what is unlike them, and where.

A method turns features of good images, and of labelled defects if it can use them, into a judge: a module of features
to scores [B, 1] of the frames and heat [B, 1, h, w] of their places. Both are 0 or more, and more is worse; what they
mean is told later, by how high good parts get that nothing was learned from.
"""

from sightline.train.anomaly.fit import PRODUCTS, SUSPICIOUS, check, fit, list_suspicious, load
from sightline.train.anomaly.screen import exceptions, odd

__all__ = ["PRODUCTS", "SUSPICIOUS", "check", "exceptions", "fit", "list_suspicious", "load", "odd"]
