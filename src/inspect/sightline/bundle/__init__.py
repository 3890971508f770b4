"""The bundle: the one thing that passes from training to the line.

    >>> from sightline.bundle import Bundle
    >>> bundle = Bundle.open("steel-strip-1.0.0")  # or a zip of it        # doctest: +SKIP
    >>> bundle.manifest.classes, len(bundle.read("model.onnx"))            # doctest: +SKIP

A folder ``NAME-VERSION`` with ``model.onnx``, ``bundle.json`` (the manifest, with the SHA-256 of every other file),
``golden/`` and ``card.md``, or the same files in one zip.
"""

from sightline.bundle.bundle import Bundle
from sightline.bundle.manifest import Manifest
from sightline.bundle.writer import check_own, pack, write

__all__ = ["Bundle", "Manifest", "check_own", "pack", "write"]
