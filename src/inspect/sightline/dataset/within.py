"""Boxes and outlines that lie within their image: made by the readers, compared with the image once it is decoded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sightline.errors import DataError
from sightline.index import Box, Polygon, Sample

_Points = list[tuple[float, float]]

_THINNEST = 1e-6
"""Pixels, and square pixels, below which an outline has no area: rounding leaves so much of a line."""

_SLACK, _LEAST_SLACK = 0.01, 1.0
"""Share of an image's side, and pixels, by which marks may reach over its edge: tools round."""

_MEND = "Mend or remove the annotation, or bring back the image that it was drawn on."


def box(corners: Sequence[float], label: str, size: tuple[int, int], *, where: str, hint: str = _MEND) -> Box:
    """Makes a box, cut to its image.

    Args:
        corners: x1, y1, x2, y2 in pixels; x2 and y2 are exclusive.
        label: What it holds.
        size: Width and height of the image in pixels; 0 if unknown: then nothing is cut, see `fitted`.
        where: The file and entry, for the error message.
        hint: What to do if it reaches far out of the image.

    Raises:
        DataError: Nothing of the box is inside the image, it reaches out by more than a pixel and 1 % of the side, or a
            corner is no number.
    """
    if _is_far_out(corners, size):
        raise _refused("a box inside", size, _told(corners), where, hint)
    x1, y1, x2, y2 = (min(max(v, 0.0), size[n % 2]) for n, v in enumerate(corners)) if all(size) else corners
    if not (x1 < x2 and y1 < y2 and all(map(math.isfinite, corners))):
        raise _refused("a box with an area inside", size, _told(corners), where)
    return Box(x1=x1, y1=y1, x2=x2, y2=y2, label=label)


def polygon(
    numbers: Sequence[float],
    label: str,
    size: tuple[int, int],
    *,
    where: str,
    handles: Sequence[float] | None = None,
) -> Polygon:
    """Makes an outline from x, y, x, y, … in pixels, cut to its image so that it encloses the same inside of it.

    Args:
        numbers: The corners.
        label: What it encloses.
        size: Width and height of the image in pixels; 0 if unknown: then nothing is cut, see `fitted`.
        where: The file and entry, for the error message.
        handles: x, y, x, y, … that were drawn, if the corners were reckoned from them: a circle around a place at the
            edge reaches out of the image as far as it likes.

    Raises:
        DataError: Fewer than three points, an odd number of values, one that is no number, it encloses nothing of the
            image, or what was drawn reaches out of that by more than a pixel and 1 % of the side.
    """
    if len(numbers) < 6 or len(numbers) % 2:
        raise DataError(
            f"{where}: expected an outline of at least three points (x y), got {len(numbers)} numbers",
            hint="Mend or remove the annotation.",
        )
    if strange := [number for number in numbers if not math.isfinite(number)]:
        raise DataError(f"{where}: expected an outline of numbers, got {_told(strange[:2])}", hint=_MEND)
    told = f"one within {_told(_extent(numbers))}"
    if _is_far_out(_extent(numbers if handles is None else handles), size):
        raise _refused("an outline inside", size, told, where, _MEND)
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    cut = _clipped(points, size) if all(size) else points
    if _thickness(cut) < _THINNEST or (cut != points and abs(_area(cut)) < _THINNEST):
        raise _refused("an outline with an area inside", size, told, where)
    return Polygon(points=tuple(cut), label=label)


def around(outlines: Sequence[Polygon]) -> tuple[float, float, float, float]:
    """The smallest box around outlines: x1, y1, x2, y2 in pixels."""
    xs = [x for outline in outlines for x, _ in outline.points]
    ys = [y for outline in outlines for _, y in outline.points]
    return min(xs), min(ys), max(xs), max(ys)


def fitted(sample: Sample, size: tuple[int, int]) -> Sample:
    """The sample with its image's size, and its marks cut to it.

    Args:
        sample: Its width and height are what the annotations state; 0 if they state none.
        size: Width and height of the image as it is decoded.

    Raises:
        DataError: It has marks, and they were drawn on an image of another size: it is stated, or they reach over the
            edge by more than a pixel and 1 % of the side. The message does not name the image.
    """
    told: dict[str, object] = {"width": size[0], "height": size[1]}
    if not (sample.boxes or sample.polygons):
        return sample.model_copy(update=told)
    stated = (sample.width or size[0], sample.height or size[1])
    if stated != size:
        raise DataError(f"annotated at {stated[0]}x{stated[1]} pixels, but the image has {size[0]}x{size[1]}")
    reach = [(one.label, (one.x1, one.y1, one.x2, one.y2)) for one in sample.boxes]
    reach += [(one.label, around([one])) for one in sample.polygons]
    for label, corners in reach:
        if _is_far_out(corners, size) or corners[0] >= size[0] or corners[1] >= size[1]:
            raise DataError(f"{label} is marked at {_told(corners)}, but the image has {size[0]}x{size[1]} pixels")
    if not all(_is_inside(corners, size) for _, corners in reach):
        told |= _marks_cut(sample, size)
    return sample.model_copy(update=told)


def _is_far_out(corners: Sequence[float], size: tuple[int, int]) -> bool:
    """Whether x1, y1, x2, y2 reach out of an image by more than the slack; nobody knows for one of unknown size."""
    slack = tuple(max(_LEAST_SLACK, _SLACK * side) for side in size)
    wide = (corners[0] + slack[0], corners[1] + slack[1], corners[2] - slack[0], corners[3] - slack[1])
    return all(size) and not _is_inside(wide, size)


def _is_inside(corners: tuple[float, ...], size: tuple[int, int]) -> bool:
    return corners[0] >= 0 and corners[1] >= 0 and corners[2] <= size[0] and corners[3] <= size[1]


def _marks_cut(sample: Sample, size: tuple[int, int]) -> dict[str, tuple[Box, ...] | tuple[Polygon, ...]]:
    boxes = [box((one.x1, one.y1, one.x2, one.y2), one.label, size, where=one.label) for one in sample.boxes]
    flat = [(one.label, [value for point in one.points for value in point]) for one in sample.polygons]
    return {
        "boxes": tuple(boxes),
        "polygons": tuple(polygon(numbers, label, size, where=label) for label, numbers in flat),
    }


def _refused(
    expected: str, size: tuple[int, int], came: str, where: str, hint: str = "Mend or remove the annotation."
) -> DataError:
    image = f"the image of {size[0]}x{size[1]}" if all(size) else "its image"
    return DataError(f"{where}: expected {expected} {image}, got {came}", hint=hint)


def _told(numbers: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in numbers)


def _extent(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    xs, ys = numbers[::2], numbers[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def _clipped(points: _Points, size: tuple[int, int]) -> _Points:
    """What an outline encloses of its image, side by side of it (Sutherland and Hodgman 1974).

    Parts that the edge divides stay joined by lines along it, which enclose nothing.
    """
    cut = points
    for axis, side in enumerate(size):
        cut = _one_side(cut, axis, 0.0, 1)
        cut = _one_side(cut, axis, float(side), -1)
    return points if cut == points else _without_spikes(cut)


def _one_side(points: _Points, axis: int, limit: float, sign: int) -> _Points:
    """The part of an outline with ``sign * coordinate >= sign * limit``."""
    kept = _Points()
    for before, here in zip([*points[-1:], *points[:-1]], points, strict=True):
        is_in = sign * here[axis] >= sign * limit
        if is_in != (sign * before[axis] >= sign * limit):
            share = (limit - before[axis]) / (here[axis] - before[axis])
            other = before[1 - axis] + share * (here[1 - axis] - before[1 - axis])
            kept.append((limit, other) if axis == 0 else (other, limit))
        if is_in:
            kept.append(here)
    return kept


def _without_spikes(points: _Points) -> _Points:
    """The outline without what runs along an edge and straight back, which would widen the box around it."""
    kept = _Points()
    for point in points:
        while len(kept) > 1 and _turns_back(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    while len(kept) > 2 and ((last := _turns_back(kept[-2], kept[-1], kept[0])) or _turns_back(kept[-1], *kept[:2])):
        kept.pop(-1 if last else 0)
    return kept


def _turns_back(before: tuple[float, float], here: tuple[float, float], after: tuple[float, float]) -> bool:
    """Whether the way along a row or column of the image ends here and goes back."""
    return any(
        before[axis] == here[axis] == after[axis]
        and (here[1 - axis] - before[1 - axis]) * (after[1 - axis] - here[1 - axis]) <= 0
        for axis in (0, 1)
    )


def _thickness(points: _Points) -> float:
    """How far an outline's points lie from the line through the first and the one farthest from it, in pixels."""
    if len(points) < 3:
        return 0.0
    x, y = points[0]
    away = [(px - x, py - y) for px, py in points]
    length, (dx, dy) = max((math.hypot(*step), step) for step in away)
    return max(abs(dx / length * ay - dy / length * ax) for ax, ay in away) if length else 0.0


def _area(points: _Points) -> float:
    ends = zip(points, [*points[1:], *points[:1]], strict=True)
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in ends) / 2
