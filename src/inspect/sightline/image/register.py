"""Brings a frame into the place of a defect-free template, or says that it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, degrees
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline.config import Preprocess
from sightline.config.align import Align
from sightline.errors import ImageError
from sightline.image.alignment import COARSE, FINER, HINT, Fit, Image, Matrix, centre, grey, pair_up, refined, search
from sightline.image.preprocess import cut_out, unseen

_MOST_STRETCH = 1.5
"""Factor by which a homography may change the part's area; beyond it the fit has run away."""

_NEAR, _FINALISTS = 0.15, 3
"""Variants that come this near to the best on small pictures are compared on larger ones, and how many at most."""

_ALIKE = 0.1
"""Variants whose qualities differ by less cannot be told apart: a defect may make as much of a difference. Parts that
lacked a component, of up to an eighth of their width, fitted a variant without it by 0.01 to 0.08 better than their
own; other parts of one kind lay 0.14 apart, boards of other circuits 0.7."""


@dataclass(frozen=True, eq=False)
class Registration:
    """Where a frame lies on its template.

    Attributes:
        matrix: float64 (3, 3), from pixels of the frame (x, y, 1) to pixels of the template.
        quality: How well the registered frame agrees with the template, 0 to 1: the mean normalised correlation of
            their blocks, weighted by what there is to see in them.
        coverage: Share of what is inspected of the template that the frame shows, 0 to 1.
    """

    matrix: Matrix
    quality: float
    coverage: float


class _Place(NamedTuple):
    """Where a frame may lie on a template, as told on small pictures and then on larger ones."""

    coarse: Fit
    fit: Fit


def register(frame: Image, template: Image, align: Align, spec: Preprocess | None = None) -> Registration:
    """Finds where a frame lies on a template that shows the same product at the same scale.

    Args:
        frame: RGB, uint8 (H, W, 3).
        template: RGB, uint8 (h, w, 3), without defects; shifts are counted from where the two centres meet.
        align: What may differ, how far, and how well the two must agree.
        spec: Its `roi` and `ignore` say what of the template is inspected, which is what the frame has to show; None
            for all of it.

    Raises:
        ImageError: A picture is too small or too long, the template is plain or does not hold the region of interest,
            two places fit alike, or agreement, coverage or motion is beyond ``align``.
    """
    views = grey(frame, "the frame"), grey(template, "the template")
    return _settled(*views, _refined(*views, search(pair_up(*views, COARSE), align), align), align, spec)


def best(
    frame: Image, templates: Mapping[str, Image], align: Align, spec: Preprocess | None = None
) -> tuple[str, Registration]:
    """Finds the variant of the product that a frame shows, and where: the template that agrees best.

    All are compared on small pictures, and on larger ones only those that come near to the best.

    Args:
        frame: RGB, uint8 (H, W, 3).
        templates: By the variant's name, RGB, uint8 (h, w, 3).
        align: What may differ, how far, and how well frame and template must agree.
        spec: As in `register`.

    Raises:
        ImageError: There is no template, the one that agrees best does not fit, which the message gives the reason of,
            or another agrees nearly as well.
    """
    view = grey(frame, "the frame")
    views = {name: grey(template, f"template {name}") for name, template in templates.items()}
    places, reasons = _compared(view, views, align)
    if not places:
        raise _none_fits(len(templates), reasons[0] if reasons else "there is none")
    name, *others = sorted(places, key=lambda name: -places[name].fit.quality)
    try:
        found = _settled(view, views[name], places[name], align, spec)
    except ImageError as error:
        raise _none_fits(len(templates), f"{name}: {error.message}") from error
    if others:
        _refuse_alike((name, found.quality), (others[0], places[others[0]].fit.quality))
    return name, found


def warp(frame: Image, template: Image, registration: Registration) -> Image:
    """Brings a frame into the template's place, RGB, uint8 (h, w, 3); what it does not cover is the template's."""
    size = template.shape[1], template.shape[0]
    moved = cv2.warpPerspective(frame, registration.matrix, size, flags=cv2.INTER_LINEAR)
    shown = _shown(frame.shape, registration.matrix, template.shape)
    return np.where(shown[..., None], moved, template).astype(np.uint8, copy=False)


def _shown(shape: tuple[int, ...], matrix: Matrix, onto: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which pixels (h, w) of a template a frame shows whole, once a matrix has brought it there; from both shapes."""
    return np.asarray(cv2.warpPerspective(np.full(shape[:2], 255, np.uint8), matrix, onto[1::-1]) == 255)


def back(points: NDArray[np.floating], registration: Registration) -> Matrix:
    """Where points (K, 2) of the template, x and y in pixels, lie on the frame: float64 (K, 2)."""
    listed = np.asarray(points, np.float64).reshape(-1, 1, 2)
    if not len(listed):
        return np.zeros((0, 2))
    return np.asarray(cv2.perspectiveTransform(listed, np.linalg.inv(registration.matrix)), np.float64).reshape(-1, 2)


def _compared(frame: Image, templates: Mapping[str, Image], align: Align) -> tuple[dict[str, _Place], list[str]]:
    """Where a frame lies on the templates that agree best, and why it lies on others nowhere, the likeliest first."""
    likely: dict[str, Fit] = {}
    places: dict[str, _Place] = {}
    reasons: list[str] = []
    for name, template in templates.items():
        try:
            likely[name] = search(pair_up(frame, template, COARSE), align)
        except ImageError as error:
            reasons.append(f"{name}: {error.message}")
    for name in _finalists(likely):
        try:
            places[name] = _refined(frame, templates[name], likely[name], align)
        except ImageError as error:
            reasons.insert(0, f"{name}: {error.message}")
    return places, reasons


def _finalists(likely: Mapping[str, Fit]) -> list[str]:
    """The variants that come near to the best, the likeliest last, so that its reason is said first."""
    ranked = sorted(likely, key=lambda name: -likely[name].quality)[:_FINALISTS]
    return [name for name in reversed(ranked) if likely[name].quality >= likely[ranked[0]].quality - _NEAR]


def _none_fits(count: int, why: str) -> ImageError:
    return ImageError(f"expected a frame that fits one of {count} templates, and none does; {why}")


def _refuse_alike(first: tuple[str, float], second: tuple[str, float]) -> None:
    """Refuses to choose between variants, each with its quality; what to do is said in what a verdict tells."""
    (name, quality), (other, less) = first, second
    if quality - less < _ALIKE:
        raise ImageError(
            f"two variants fit alike: {name} {quality:.2f}, {other} {less:.2f}; name the variant that the frame shows "
            "(score --variant, in a data set the column data.reader.variant_column)"
        )


def _refined(frame: Image, template: Image, coarse: Fit, align: Align) -> _Place:
    """Refines a place on larger pictures.

    Raises:
        ImageError: That leads nowhere.
    """
    fit: Fit | None = coarse
    for side in FINER:
        fit = refined(pair_up(frame, template, side), fit.warp, align.motion) if fit else None
    if fit is None:
        raise ImageError("the frame does not fit the template: refining its place failed", hint=HINT)
    return _Place(coarse, fit)


def _settled(frame: Image, template: Image, place: _Place, align: Align, spec: Preprocess | None) -> Registration:
    """Holds a place to the settings.

    Raises:
        ImageError: It fits too poorly, or is no place where the product can lie.
    """
    coarse, fit = place
    if fit.quality < align.quality:
        figures = f"expected a quality of at least {align.quality:g}, got {fit.quality:.2f}"
        raise ImageError(f"the frame does not fit the template: {figures}", hint=HINT)
    inverse = np.linalg.inv(fit.warp)
    matrix = inverse / inverse[2, 2]
    coverage = _coverage(frame, matrix, template, spec)
    _check_coverage(coverage, align)
    if coarse.rival:
        figures = f"{coarse.rival[0]:.0f} px apart, with qualities of {coarse.quality:.2f} and {coarse.rival[1]:.2f}"
        raise ImageError(f"two places fit alike: {figures}", hint="Lessen `reach`, or take a larger template.")
    _check_motion(fit.warp, frame, template, align)
    return Registration(matrix, fit.quality, coverage)


def _coverage(frame: Image, matrix: Matrix, template: Image, spec: Preprocess | None) -> float:
    """The share of what is inspected of the template that is the frame's own once that is brought there."""
    shown = _shown(frame.shape, matrix, template.shape)
    if spec is None:
        return float(shown.mean())
    top, left, height, width = cut_out(template.shape, spec)
    shown = shown[top : top + height, left : left + width]
    hidden = unseen(template.shape, spec)
    return float(shown.mean() if hidden is None else shown[~hidden].mean())


def _check_coverage(coverage: float, align: Align) -> None:
    """Refuses a frame of which too much would be the template's own; what to do is said in what a verdict tells."""
    if coverage < align.coverage:
        out, most = 100 * (1 - coverage), 100 * (1 - align.coverage)
        raise ImageError(
            f"the frame shows too little: {out:.3g}% of what is inspected of the template is out of view, at most "
            f"{most:.3g}% may be; bring more of the part into view, draw input.roi around the part, or lower "
            "input.align.coverage"
        )


def _check_motion(warped: Matrix, frame: Image, template: Image, align: Align) -> None:
    """Refuses a place that is farther off than a part can lie, or where it would be another size."""
    shift, turn, stretch = _motion(warped, frame, template)
    if shift > align.reach or abs(turn) > align.turn:
        figures = f"{shift:.1f} px and {turn:.1f} degrees off, at most {align.reach:g} px and {align.turn:g} degrees"
        raise ImageError(f"the frame lies too far from the template: {figures}", hint="See `reach` and `turn`.")
    if not 1 / _MOST_STRETCH <= stretch <= _MOST_STRETCH:
        figures = f"its area becomes {stretch:.2f} times as large, at most {_MOST_STRETCH:g} or {1 / _MOST_STRETCH:.2f}"
        raise ImageError(f"the frame does not fit the template: {figures}", hint=HINT)


def _motion(warped: Matrix, frame: Image, template: Image) -> tuple[float, float, float]:
    """How far the template's centre comes to lie from the frame's, how far it is turned, and its area's factor."""
    height, width = template.shape
    x, y = centre(template)
    marks = [[0, 0], [width, 0], [width, height], [0, height], [x, y], [x + 1, y]]
    *corners, middle, right = cv2.perspectiveTransform(np.array([marks], np.float64), warped)[0]
    area = cv2.contourArea(np.array(corners, np.float32), oriented=True)
    along = right - middle
    return float(np.hypot(*(middle - centre(frame)))), degrees(atan2(along[1], along[0])), area / (width * height)
