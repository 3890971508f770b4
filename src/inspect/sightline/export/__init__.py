"""From a trained run to a bundle that scores exactly as the trained model does, or to a refusal.

>>> from sightline.export import export                               # doctest: +SKIP
>>> bundle = export(RunFolder.open("runs/steel-strip-20260101-120000"))  # doctest: +SKIP
"""

from sightline.export.pipeline import export

__all__ = ["export"]
