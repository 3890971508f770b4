"""From a folder of product images to batches for training.

``readers`` turn a layout into an index; a check looks into every image, groups what belongs together and divides the
index into parts; a loader prepares, augments and batches it. What needs torch or albumentations is imported from its
own module, so that looking at data needs neither.
"""

from sightline.dataset.readers import detect, read

__all__ = ["detect", "read"]
