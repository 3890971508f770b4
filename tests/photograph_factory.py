"""Photographs of parts whose score rises with their number, for the tests of two bundles on the same images."""

import numpy as np

from bundle_factory import CLASSES, SIDE
from sightline import image
from sightline.index import Index, Sample, Split
from sightline.verdict import Policy, Threshold


def policy(ng, review=None, **changes):
    thresholds = {name: Threshold(ng=ng, review=review or ng) for name in changes.pop("classes", CLASSES)}
    return Policy(**{"exclusive": False, "good_known": True, "thresholds": thresholds, **changes})


def photographs(root, *, defective=40, good=40, twins=1, label="red", split=Split.TEST, channel=0):
    """Frames whose score rises with their number; each part is photographed `twins` times."""
    samples = []
    for number in range(defective + good):
        name = "good" if number >= defective else label
        for shot in range(twins):
            brightness = 60 + number - defective if name == "good" else 110 + number
            frame = np.zeros((SIDE, SIDE, 3), np.uint8)
            frame[..., channel] = brightness
            frame[0, 0] = number % 251, number // 251, shot  # no two files are alike
            path = f"{name}/{number:04d}-{shot}.png"
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(image.png(frame))
            labels = () if name == "good" else (name,)
            samples.append(Sample(path=path, labels=labels, group=f"part {number}", split=split))
    Index.build(root, samples).save(root / "index.jsonl")
    return root
