"""Where a frame lies on a template: searched for on small pictures, refined on larger ones, and judged.

The search is normalised correlation of small band-passed pictures, over all shifts and some turns. The best few places
are refined by the enhanced correlation coefficient (Evangelidis and Psarakis, 2008, "Parametric image alignment using
enhanced correlation coefficient maximization"; OpenCV's `findTransformECC`). Band-passed pictures and correlation leave
out what light does: a factor, an offset, a slow fall towards a side.
"""

from __future__ import annotations

from math import ceil, cos, radians, sin
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.config.align import Align
from sightline.errors import ImageError
from sightline.image.files import to_rgb

Image = NDArray[np.uint8]
_Picture = NDArray[np.float32]
Matrix = NDArray[np.float64]

COARSE, FINER = 128, (256, 512)
"""Longest side, in pixels, of the pictures that are searched and of those on which the place is refined in turn; of
long parts, whose shorter side would become too small, they are larger."""

_LEAST_SIDE = 16
"""Pixels; a picture that is smaller holds too little."""

_LONGEST = 32
"""Times the shorter side that the longer one may be; beyond it, the pictures searched would be as large as frames."""

_BAND = 0.8, 5.0
"""Deviations, in pixels of the small picture, of the two Gaussians whose difference is taken: noise and slow changes of
light are left out. Of six pairs, boards, tiles and parts came out best with these, solar cells with wider ones."""

_LEAST_DETAIL = 0.5
"""Grey levels; a template whose band-passed picture spreads less is plain, and every place fits it."""

_TURN_STEP = 2.0
"""Degrees between the turns tried: at most 1 from the true one, which moves a corner of the small picture by 1.5. Of
pictures longer than usual they are finer, so that it does no more there."""

_PLACES, _PEAK, _LEAST_PEAK = 3, 4, 0.7
"""How many peaks of the search are refined, how far apart they are (pixels of the small picture, in both directions),
and the least height as a share of the highest."""

_RIVAL, _RIVAL_MARGIN = 1.5, 0.02
"""Two places can't be told apart if the second lacks (of a quality of 1) less than so many times what the first lacks,
and the margin; on real boards and cells, whose patterns repeat in part, a wrong place lacked more."""

_BLOCKS = 16
"""Blocks along the longer side whose agreement is taken one by one, so that a defect spoils its own alone."""

_STEPS, _STILL = 20, 1e-5
"""Refinement ends after so many steps, or with one that gains less correlation."""

HINT = "Is it the right product, at the template's scale, within `reach` and `turn`, sharp and well lit?"
"""What to do about a frame that does not fit."""

_TINY = float(np.finfo(np.float32).tiny)
_MOTIONS = {
    "translation": cv2.MOTION_TRANSLATION,
    "euclidean": cv2.MOTION_EUCLIDEAN,
    "homography": cv2.MOTION_HOMOGRAPHY,
}
_INVERSE = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


class Pair(NamedTuple):
    """Frame and template in small, band-passed, and how many of their pixels go into one along each side."""

    frame: _Picture
    template: _Picture
    factor: int


class Fit(NamedTuple):
    """A place where a frame may lie on its template, and how well it fits there.

    Attributes:
        warp: float64 (3, 3), from the template's own pixels to the frame's.
        quality: How well the two agree there, 0 to 1.
        rival: Of another place that fits alike, how many pixels away it is, and its quality; None if there is none.
    """

    warp: Matrix
    quality: float
    rival: tuple[float, float] | None = None


def grey(image: Image, name: str) -> Image:
    """The luminance (H, W), uint8, of an image that is checked to be one."""
    return np.asarray(cv2.cvtColor(to_rgb(image, name=name), cv2.COLOR_RGB2GRAY), np.uint8)


def pair_up(frame: Image, template: Image, side: int) -> Pair:
    """Frame and template, grey, with the longest side about ``side`` pixels at most, and more of long parts.

    Raises:
        ImageError: One of them is too small, or they are too long for their shorter side.
    """
    for name, view in (("frame", frame), ("template", template)):
        if min(view.shape) < _LEAST_SIDE:
            raise ImageError(f"expected a {name} of at least {_LEAST_SIDE} pixels each way, got {_size(view)}")
    sides = *frame.shape, *template.shape
    longest, shortest = max(sides), min(sides)
    if longest > _LONGEST * shortest:
        got = f"a frame of {_size(frame)} and a template of {_size(template)} pixels"
        raise ImageError(
            f"too long to be registered: expected sides of at most {_LONGEST} times the shortest one, got {got}",
            hint="Take the part in several shots, or more of what lies beside it.",
        )
    stretch = max(1.0, longest * _LEAST_SIDE / (shortest * COARSE))
    factor = max(1, min(ceil(longest / (side * stretch)), shortest // _LEAST_SIDE))
    return Pair(_detail(frame, factor), _detail(template, factor), factor)


def _size(view: Image) -> str:
    return f"{view.shape[1]} x {view.shape[0]}"


def _detail(view: Image, factor: int) -> _Picture:
    """The band-passed small picture; rows and columns left over at the end are dropped, so that scales agree."""
    height, width = view.shape[0] // factor, view.shape[1] // factor
    cut = view[: height * factor, : width * factor]
    small = np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    fine, slow = (np.asarray(cv2.GaussianBlur(small, (0, 0), sigma), np.float32) for sigma in _BAND)
    return fine - slow


def search(pair: Pair, align: Align) -> Fit:
    """The place found on small pictures.

    Raises:
        ImageError: The template is plain, or no place fits at all.
    """
    spread = float(pair.template.std())
    if spread < _LEAST_DETAIL:
        what = f"detail that spreads by {_LEAST_DETAIL:g} grey levels, got {spread:.2f}"
        raise ImageError(f"the template is plain: expected {what}", hint="Take a template with structure.")
    rigid = "translation" if align.motion == "translation" else "euclidean"
    ends = [refined(pair, start, rigid) for start in _peaks(pair, align)]
    fits = sorted((fit for fit in ends if fit is not None), key=lambda fit: -fit.quality)
    if not fits:
        raise ImageError("the frame does not fit the template: no place was found", hint=HINT)
    return fits[0]._replace(rival=_rival(pair, fits))


def _rival(pair: Pair, fits: list[Fit]) -> tuple[float, float] | None:
    """Of a pattern that repeats itself, the next best place: either may be the right one."""
    middle = np.array([*centre(pair.template) * pair.factor, 1.0])
    first, *others = fits
    for other in others:
        away = float(np.linalg.norm((other.warp - first.warp) @ middle))
        alike = 1 - other.quality < _RIVAL * (1 - first.quality) + _RIVAL_MARGIN
        if away > _PEAK * pair.factor and alike:
            return away, other.quality
    return None


def _peaks(pair: Pair, align: Align) -> list[Matrix]:
    """The likeliest places, from template to frame, best first: peaks of the correlation over shifts and turns."""
    margin = _margin(pair, align)
    steps = 0 if align.motion == "translation" else ceil(align.turn / _turn_step(pair))
    turns = np.linspace(-align.turn, align.turn, 2 * steps + 1) if steps else np.zeros(1)
    heights = np.stack([_correlated(pair, turn, margin) for turn in turns])
    which, height = heights.argmax(axis=0), heights.max(axis=0)
    places: list[Matrix] = []
    top = float(height.max())
    while len(places) < _PLACES and 0 < _LEAST_PEAK * top <= float(height.max()):
        row, column = divmod(int(height.argmax()), height.shape[1])
        shift = np.array([column, row]) - margin
        start = _rigid(turns[which[row, column]], centre(pair.template) - shift, centre(pair.frame))
        places.append(_zoomed(start, pair.factor))
        height[max(0, row - _PEAK) : row + _PEAK + 1, max(0, column - _PEAK) : column + _PEAK + 1] = 0
    return places


def _margin(pair: Pair, align: Align) -> Matrix:
    """How far shifts are searched to either side, along x and y: not beyond those where the two still overlap.

    Time and memory grow with its square, once a turn.
    """
    apart = [(one + other) // 2 for one, other in zip(pair.frame.shape, pair.template.shape, strict=True)]
    return np.minimum(ceil(align.reach / pair.factor) + 1, apart[::-1]).astype(np.float64)


def _turn_step(pair: Pair) -> float:
    """Degrees between the turns tried."""
    return float(_TURN_STEP * COARSE / max(COARSE, *pair.template.shape))


def _correlated(pair: Pair, turn: float, margin: Matrix) -> _Picture:
    """Normalised correlation of the template with the turned frame, for shifts up to a margin (x, y) both ways."""
    turned = _rigid(turn, centre(pair.template) + margin, centre(pair.frame))[:2]
    width, height = (np.array(pair.template.shape[::-1]) + 2 * margin).astype(int).tolist()
    canvas = cv2.warpAffine(pair.frame, turned, (width, height), flags=_INVERSE)
    return np.asarray(cv2.matchTemplate(canvas, pair.template, cv2.TM_CCORR_NORMED), np.float32)


def _rigid(turn: float, pivot: Matrix, target: Matrix) -> Matrix:
    """Turns about a pivot by degrees and brings the pivot to a target."""
    c, s = cos(radians(turn)), sin(radians(turn))
    matrix = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    matrix[:2, 2] = target - matrix[:2, :2] @ pivot
    return matrix


def centre(picture: NDArray[np.generic]) -> Matrix:
    """The middle of a picture, x and y in pixels, counted at their centres."""
    return np.array([(picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2])


def _zoomed(warped: Matrix, by: float) -> Matrix:
    """The same motion between pictures whose pixels are so many times smaller; pixels are counted at their centres."""
    larger = np.array([[by, 0, (by - 1) / 2], [0, by, (by - 1) / 2], [0, 0, 1]])
    return np.asarray(larger @ warped @ np.linalg.inv(larger), np.float64)


def refined(pair: Pair, start: Matrix, motion: str) -> Fit | None:
    """The fit that the enhanced correlation coefficient leads to; None if it leads nowhere.

    Args:
        pair: The pictures to work on.
        start: A place nearby, from the template's own pixels to the frame's.
        motion: As in `Align`.
    """
    small = _zoomed(start, 1 / pair.factor)
    first = np.ascontiguousarray(small if motion == "homography" else small[:2], np.float32)
    ends = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _STEPS, _STILL)
    whole, unblurred = np.full(pair.frame.shape, 255, np.uint8), 1
    try:
        _, end = cv2.findTransformECC(pair.template, pair.frame, first, _MOTIONS[motion], ends, whole, unblurred)
    except cv2.error:  # so it says that pictures have nothing in common
        return None
    found = np.eye(3)
    found[: end.shape[0]] = end
    if not np.isfinite(found).all() or abs(np.linalg.det(found)) < _TINY:
        return None
    return Fit(_zoomed(found, pair.factor), _agreement(pair, found))


def _agreement(pair: Pair, place: Matrix) -> float:
    """The quality of a place, which is given at the size of the pair."""
    size = pair.template.shape[1], pair.template.shape[0]
    seen, covered = (
        np.asarray(cv2.warpPerspective(picture, place, size, flags=_INVERSE), np.float32)
        for picture in (pair.frame, np.ones_like(pair.frame))
    )
    wanted = pair.template * covered
    blocks = [max(1, round(_BLOCKS * side / max(size))) for side in size]
    shared, own, other, share = (
        np.asarray(cv2.resize(values, blocks, interpolation=cv2.INTER_AREA), np.float64)
        for values in (seen * wanted, seen * seen, wanted * wanted, covered)
    )
    alike = np.clip(shared / np.sqrt(np.maximum(own * other, _TINY)), 0, 1)
    # What only one of the two shows counts against them as much as what both show counts for them.
    weights = share * np.sqrt(np.maximum(own / max(own.sum(), _TINY), other / max(other.sum(), _TINY)))
    return float((alike * weights).sum() / max(weights.sum(), _TINY))
