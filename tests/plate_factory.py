"""A product of good parts: a ring on a textured plate, under changing light; some parts have a blot."""

import hashlib

import cv2
import numpy as np
import torch
from torchvision.models import resnet18

from sightline import image
from sightline.index import Index, Sample, Split

SIDE = 64


def photograph(number, *, blot=False, product="ring"):
    """One part, RGB uint8 (64, 64, 3)."""
    draw = np.random.default_rng(number)
    plate = draw.normal(110 + 10 * np.sin(number), 4, (SIDE, SIDE)).astype(np.float32)
    place = tuple(int(value) for value in 32 + draw.integers(-1, 2, 2))
    if product == "ring":
        cv2.circle(plate, place, 18, 170, 4)
    else:
        for row in range(4, SIDE, 12):
            cv2.rectangle(plate, (4, row), (60, row + 5), 30, -1)
    if blot:
        at = tuple(int(value) for value in draw.integers(12, 52, 2))
        cv2.circle(plate, at, 7, 20, -1)
    return np.repeat(np.clip(plate, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def write(root, shots):
    """An index of photographs: (number, labels, split, product) each, all in ``root``."""
    samples = []
    for number, labels, split, product in shots:
        content = image.png(photograph(number, blot=bool(labels), product=product))
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
