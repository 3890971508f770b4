"""One photographed part with its truth, and an endless line of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.errors import DataError
from sightline.synth.camera import Camera, drawn_pose
from sightline.synth.defects import CLASSES, manufacture
from sightline.synth.product import Shape
from sightline.synth.shading import Light, shade
from sightline.synth.surface import Grid, Region

Box = tuple[float, float, float, float, str]

SMALLEST = 64
LARGEST = 8192
MOST_DEFECTS = 2
_SECOND = 1 / 6

# Every part of a shot draws from a stream of its own: the same seed with and without a defect differs only in it.
_STREAMS = ("fault", "shape", "pose", "light", "camera", "defects")


@dataclass(frozen=True)
class Part:
    """One picture of a part, with everything that is true of it.

    Attributes:
        image: The picture, uint8 (H, W, 3), RGB.
        mask: 255 where a defect altered the part, else 0, uint8 (H, W).
        labels: Names of its defects, sorted, each once; empty for a good part.
        boxes: x1, y1, x2, y2 in pixels, the end exclusive, and the defect's name; one box a connected region.
        severity: 0 (barely visible) to 1 (obvious); 0 for a good part.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    labels: tuple[str, ...]
    boxes: tuple[Box, ...]
    severity: float


def render(
    seed: int,
    *,
    defects: Sequence[str] | None = None,
    severity: float | None = None,
    size: tuple[int, int] = (256, 256),
) -> Part:
    """Photograph one part.

    The same arguments give the same part, defects and shot on every machine. Its pixels are the same wherever NumPy and
    OpenCV round alike, and differ by a grey level here and there where a processor computes in another order.

    Args:
        seed: Decides everything that the other arguments leave open; 0 or more.
        defects: Names out of ``CLASSES``, two at the most; empty for a good part. None leaves it to the seed: half of
            the parts are good, and one defective part in six has two defects.
        severity: 0 (barely visible) to 1 (obvious), for all defects of the part. None leaves it to the seed: any alike.
        size: Height and width in pixels, each at least 64.

    Returns:
        The picture and its truth.

    Raises:
        DataError: An argument is none of the above.

    Example:
        >>> part = render(7, defects=["scratch"], severity=0.8)
        >>> part.image.shape, part.labels
        ((256, 256, 3), ('scratch',))
    """
    check_arguments(seed, size=size, defects=defects or (), severity=severity or 0.0)
    rngs = {name: np.random.default_rng([seed, number]) for number, name in enumerate(_STREAMS)}
    own_defects, own_severity = _fault(seed, 0.5)
    chosen = own_defects if defects is None else tuple(defects)
    grade = own_severity if severity is None else float(severity)
    shape = Shape.drawn(rngs["shape"])
    grid = Grid.of(size, drawn_pose(rngs["pose"]))
    light = Light.drawn(rngs["light"])
    camera = Camera.drawn(rngs["camera"])
    surface, regions = manufacture(shape, grid, chosen, grade, [seed, _STREAMS.index("defects")])
    mask = np.zeros(size, np.uint8)
    for region in regions:
        mask[region] = 255
    return Part(
        image=camera.develop(shade(surface, grid, light), grid),
        mask=mask,
        labels=tuple(sorted(set(chosen))),
        boxes=tuple(box for label, region in zip(chosen, regions, strict=True) for box in _boxes(region, label)),
        severity=grade if chosen else 0.0,
    )


def stream(seed: int, *, defect_rate: float = 0.3, size: tuple[int, int] = (256, 256)) -> Iterator[Part]:
    """Send parts past the camera without end.

    Args:
        seed: Decides the whole line; 0 or more.
        defect_rate: Share of defective parts, 0 to 1; one defective part in six has two defects.
        size: Height and width in pixels, each at least 64.

    Returns:
        An endless iterator of parts. Part i depends on these arguments and on i alone.

    Raises:
        DataError: An argument is none of the above.
    """
    check_arguments(seed, size=size)
    check_share("defect_rate", defect_rate)
    return (_nth(seed, i, defect_rate, size) for i in count())


def _nth(seed: int, i: int, defect_rate: float, size: tuple[int, int]) -> Part:
    own = part_seed(seed, i)
    defects, severity = _fault(own, defect_rate)
    return render(own, defects=defects, severity=severity, size=size)


def part_seed(seed: int, i: int) -> int:
    """Return the seed of the i-th part of a line."""
    return int(np.random.SeedSequence([seed, i]).generate_state(1, np.uint64)[0])


def _fault(seed: int, defect_rate: float) -> tuple[tuple[str, ...], float]:
    """Draw what is wrong with a part, and how badly."""
    rng = np.random.default_rng([seed, _STREAMS.index("fault")])
    faulty, second = rng.random(2) < (defect_rate, _SECOND)
    names = rng.permutation(CLASSES).tolist()
    return tuple(names[: faulty * (1 + second)]), float(rng.random())


def _boxes(region: Region, label: str) -> Iterator[Box]:
    """Box every connected piece of a region; pieces that a pixel or two part belong together."""
    joined = cv2.dilate(region.astype(np.uint8), np.ones((3, 3), np.uint8))
    pieces, numbers = cv2.connectedComponents(joined, connectivity=8)
    for number in range(1, pieces):
        rows, columns = np.nonzero((numbers == number) & region)
        yield (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1), label)


def check_share(name: str, value: float) -> None:
    """Refuse a value that is no number from 0 to 1."""
    if not 0.0 <= value <= 1.0:
        raise DataError(f"{name}: expected a number from 0 to 1, got {value!r}")


def check_arguments(seed: object, *, size: object, defects: Sequence[str] = (), severity: float = 0.0) -> None:
    """Refuse arguments that no part can be rendered from."""
    if not _whole(seed, 0, 2**64):
        raise DataError(f"seed: expected a whole number from 0 to {2**64:,}, got {seed!r}")
    if not isinstance(size, tuple) or len(size) != 2 or not all(_whole(side, SMALLEST, LARGEST) for side in size):
        raise DataError(f"size: expected (height, width), each {SMALLEST} to {LARGEST} pixels, got {size!r}")
    if isinstance(defects, str):
        raise DataError(f"defects: expected a list of names, got the text {defects!r}", hint=f"Write [{defects!r}].")
    unknown = sorted(set(defects) - set(CLASSES))
    if unknown:
        raise DataError(f"defects: no such defect: {', '.join(unknown)}", hint=f"There are {', '.join(CLASSES)}.")
    if len(defects) > MOST_DEFECTS:
        raise DataError(f"defects: expected at most {MOST_DEFECTS}, got {len(defects)}: {', '.join(defects)}")
    check_share("severity", severity)


def _whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and low <= int(value) <= high
