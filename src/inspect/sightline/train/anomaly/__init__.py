"""Learning from good parts: what is unlike them, and where.

A method turns features of good images into a judge, a module of features [B, C, h, w] -> heat [B, 1, h, w]. Heat is 0
or more, and more is worse; what it means is told later, by how hot good parts get that nothing was learned from.
"""

from sightline.train.anomaly.fit import PRODUCTS, SUSPICIOUS, check, fit, load

__all__ = ["PRODUCTS", "SUSPICIOUS", "check", "fit", "load"]
