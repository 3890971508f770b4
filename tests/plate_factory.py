"""A product of good parts: a ring on a textured plate, under changing light; some parts have a blot."""

import hashlib

import cv2
import numpy as np
import torch
from torchvision.models import resnet18

from sightline import image
from sightline.index import Index, Sample, Split

SIDE = 64


def photograph(number, *, blot=False, product="ring", faint=False):
    """One part, RGB uint8 (64, 64, 3); where the blot is, is drawn from the number."""
    draw = np.random.default_rng(number)
    plate = draw.normal(110 + 10 * np.sin(number), 4, (SIDE, SIDE)).astype(np.float32)
    place = tuple(int(value) for value in 32 + draw.integers(-1, 2, 2))
    if product == "ring":
        cv2.circle(plate, place, 18, 170, 4)
    else:
        for row in range(4, SIDE, 12):
            cv2.rectangle(plate, (4, row), (60, row + 5), 30, -1)
    if blot:
        cv2.circle(plate, _blot(draw), 7, 20, -1) if not faint else cv2.circle(plate, _blot(draw), 6, 140, 1)
    return np.repeat(np.clip(plate, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def _blot(draw):
    return tuple(int(value) for value in draw.integers(12, 52, 2))


def write(root, shots, *, faint=False):
    """An index of photographs: (number, labels, split, product) each, all in ``root``; masks lie in ``masks``."""
    (root / "masks").mkdir()
    samples = []
    for number, labels, split, product in shots:
        shot = photograph(number, blot=bool(labels), product=product, faint=faint)
        content = image.png(shot)
        if labels:
            apart = np.abs(shot.astype(int) - photograph(number, product=product)).max(axis=2) > 0
            (root / "masks" / f"{number:03}.png").write_bytes(image.png(apart.astype(np.uint8) * 255))
        name = f"{number:03}.png"
        (root / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        samples.append(
            Sample(path=name, labels=labels, split=split, group=name, digest=digest, width=SIDE, height=SIDE)
        )
    return Index.build(root, samples)


def save_weights(path):
    """A file of weights of ResNet-18: random ones tell a blot from a plate as well."""
    torch.manual_seed(0)
    torch.save(resnet18().state_dict(), path)
    return path


def write_parts(root):
    """60 parts: 30 good to learn from, 12 good to calibrate on, 10 good and 8 with a blot to measure on."""
    shots = [(number, (), Split.TRAIN, "ring") for number in range(30)]
    shots += [(number, (), Split.CALIBRATE, "ring") for number in range(30, 42)]
    shots += [(number, (), Split.TEST, "ring") for number in range(42, 52)]
    shots += [(number, ("blot",), Split.TEST, "ring") for number in range(52, 60)]
    return write(root, shots)
