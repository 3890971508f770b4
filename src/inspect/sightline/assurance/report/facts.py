"""What a bundle says of itself, and whether it still answers so on this machine."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

import sightline
from sightline.assurance.report.carded import Card, read_card
from sightline.bundle import Bundle, Manifest
from sightline.bundle.manifest import SIGNATURE, Precision
from sightline.errors import BundleError
from sightline.runtime import Inspector, golden


@dataclass(frozen=True)
class SelfTest:
    """Whether one of a bundle's models answers its golden samples here as it did where it was exported.

    Attributes:
        precision: Which model.
        samples: How many golden samples there are; without one nothing can be said.
        tolerance: Largest difference of a score that it may show.
        largest: The largest that it showed; None if it failed, or there is no sample.
        fault: Why it failed; empty if it did not.
    """

    precision: Precision
    samples: int
    tolerance: float
    largest: float | None = None
    fault: str = ""


@dataclass(frozen=True)
class Approval:
    """Who approved the bundle, as it was said to the command.

    Attributes:
        name: Of the person.
        on: The day, ISO 8601.
    """

    name: str
    on: str


@dataclass(frozen=True)
class Facts:
    """A bundle, its card, and how it does here.

    Attributes:
        bundle: The bundle, every file of it checked.
        card: What its card says.
        self_tests: Of each of its models.
        machine: Name -> what this report was made with.
        made: When, in ISO 8601 with the zone.
    """

    bundle: Bundle
    card: Card
    self_tests: tuple[SelfTest, ...]
    machine: dict[str, str]
    made: str

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        return self.bundle.manifest

    @property
    def signed(self) -> bool:
        """Whether it holds a signature; nothing here says whose."""
        return SIGNATURE in self.bundle.sizes


def about(path: Path) -> Facts:
    """Opens a bundle, checks its files, and lets it answer its golden samples.

    Args:
        path: The bundle's folder, or a zip of it.

    Raises:
        BundleError: It is damaged, or its model cannot be run. A self test that fails is told, not raised.
    """
    bundle = Bundle.open(path)
    return Facts(
        bundle=bundle,
        card=read_card(bundle),
        self_tests=tuple(_tested(bundle, precision) for precision in bundle.precisions),
        machine={
            "Sightline": sightline.__version__,
            "onnxruntime": onnxruntime.__version__,
            "OpenCV": cv2.__version__,
            "NumPy": np.__version__,
            "Python": platform.python_version(),
            "machine": f"{platform.platform()}, {platform.machine()}",
        },
        made=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _tested(bundle: Bundle, precision: Precision) -> SelfTest:
    model = bundle.model(precision)
    inspector = Inspector(bundle, precision=precision)
    samples, tolerance = len(model.golden), model.tolerance
    if not samples:
        return SelfTest(precision, samples, tolerance)
    try:
        largest = golden.check(bundle, inspector.read_batch, precision=precision)
    except BundleError as error:
        return SelfTest(precision, samples, tolerance, fault=error.message)
    return SelfTest(precision, samples, tolerance, largest)
