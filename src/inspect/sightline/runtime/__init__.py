"""The runtime: a bundle in, verdicts out, on a PC with no training software.

    >>> from sightline.runtime import Inspector
    >>> inspector = Inspector.open("steel-strip-1.0.0")                     # doctest: +SKIP
    >>> inspector.inspect("strip.png").outcome                              # doctest: +SKIP
    <Outcome.NG: 'NG'>

`Inspector` answers one frame, `score_images` many files. What draws overlays and reports lies in modules of its own, so
that importing this room stays light.
"""

from sightline.runtime.inspector import Inspection, Inspector, Shot, Source
from sightline.runtime.score import score_images

__all__ = ["Inspection", "Inspector", "Shot", "Source", "score_images"]
