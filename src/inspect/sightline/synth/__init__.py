"""A synthetic product: photographs of an aluminium bearing cap, good or with defects, and the truth about each.

It stands in for real images wherever none are at hand, in the demo and in tests, and it can pass parts under a camera
without end.

    >>> from sightline.synth import render
    >>> part = render(7, defects=["scratch"], severity=0.8)
    >>> part.image.shape, part.mask.shape, part.labels
    ((256, 256, 3), (256, 256), ('scratch',))
"""

from sightline.synth.defects import CLASSES
from sightline.synth.part import Part, render, stream
from sightline.synth.write import TRUTH, write

__all__ = ["CLASSES", "TRUTH", "Part", "render", "stream", "write"]
