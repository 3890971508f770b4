"""Draws where the model saw the defect: located defects one by one, or the map of the named type, and a caption.

A map's colours say where, not how sure: each map is scaled by itself, from its median (which stays clear, for most of a
part is sound) to its 99th percentile, so that one extreme pixel does not hide the rest. How sure is in the caption.

Maps of task ``anomaly`` are on the scale of its scores, so their colours say both: the outline is where the threshold
is reached.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.bundle import Manifest
from sightline.runtime import marks
from sightline.runtime.inspector import Inspection
from sightline.verdict import ANY_DEFECT, Outcome, Policy, Verdict

_SHORTEST_SIDE, _LONGEST_SIDE = 512, 1600
_LONGEST_STEM = 200
_HOT = 0.5
_ONE_IN_TEN = 0.5
_STRENGTH = 0.55
_COLOURS = {
    Outcome.OK: (30, 132, 73),
    Outcome.NG: (192, 45, 35),
    Outcome.REVIEW: (176, 116, 0),
    Outcome.NOT_INSPECTED: (95, 99, 104),
}


def draw(inspection: Inspection, manifest: Manifest) -> NDArray[np.uint8] | None:
    """The frame with its defects marked, as by `draw_seen`, and a caption.

    A frame without a named defect gets the caption alone. Small frames are enlarged and large ones shrunk, so that the
    longer side has 512 to 1600 pixels.

    Args:
        inspection: What was seen.
        manifest: The bundle's, for classes and preprocessing.

    Returns:
        RGB, uint8 (H, W, 3), or None if there is no image to draw on.
    """
    if inspection.frame is None:
        return None
    base = fit(inspection.frame.image, shortest=_SHORTEST_SIDE, longest=_LONGEST_SIDE)
    return np.vstack([draw_seen(base, inspection, manifest), _caption(inspection.verdict, base.shape[1])])


def draw_seen(picture: NDArray[np.uint8], inspection: Inspection, manifest: Manifest) -> NDArray[np.uint8]:
    """Marks what was seen on the frame: each defect, or the map of the most probable one where none is located.

    Args:
        picture: The frame, resized to any size of the same aspect, RGB, uint8 (H, W, 3).
        inspection: What was seen; without a reading or a named defect the picture comes back as it is.
        manifest: The bundle's, for classes and preprocessing.
    """
    defects = inspection.verdict.defects
    if inspection.reading is not None and any(defect.box for defect in defects):
        return marks.draw(picture, defects, inspection.reading, manifest)
    return draw_heat(picture, inspection, manifest)


def draw_heat(
    picture: NDArray[np.uint8], inspection: Inspection, manifest: Manifest, *, label: str | None = None
) -> NDArray[np.uint8]:
    """Lays the map of the most probable named defect over the frame, resized to any size of the same aspect.

    Args:
        picture: The frame, RGB, uint8 (H, W, 3).
        inspection: What was seen; without a reading or a named defect the picture comes back as it is.
        manifest: The bundle's, for classes and preprocessing.
        label: The class whose map is drawn, whatever the verdict names, to show what was looked at most.
    """
    named = label or next((defect.label for defect in inspection.verdict.defects), None)
    if inspection.reading is None or named is None:
        return picture
    number = manifest.classes.index(named)
    over = inspection.reading.place.heat_to_frame(inspection.reading.maps[number])
    seen = np.asarray(cv2.resize(over, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    on_scores = manifest.method == "anomaly" and label is None
    heat = beyond(seen, manifest.policy) if on_scores else scale(seen)
    if on_scores and heat.max() < _HOT:  # the frame reaches the threshold as a whole, and no place does by itself
        heat = scale(seen)
    grey_levels = (heat * 255).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(grey_levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    share = (_STRENGTH * heat)[..., None]
    blended = np.asarray(picture * (1 - share) + colours * share, np.uint8)
    outlines, _ = cv2.findContours((heat >= _HOT).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    width = max(1, round(max(picture.shape[:2]) / 400))
    cv2.drawContours(blended, outlines, -1, (0, 0, 0), 3 * width, cv2.LINE_AA)
    cv2.drawContours(blended, outlines, -1, (255, 255, 255), width, cv2.LINE_AA)
    return blended


def scale(heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brings a map of any range to 0..1: its median and below to 0, its 99th percentile and above to 1.

    A map without any difference is 0 everywhere; values that are no numbers count as the lowest.
    """
    finite = np.isfinite(heat)
    if not finite.any():
        return np.zeros_like(heat)
    low, high = np.percentile(heat[finite], (50, 99))
    if high - low <= 1e-6 * max(abs(low), abs(high), 1e-6):
        return np.zeros_like(heat)
    scaled = np.clip((np.where(finite, heat, low) - low) / (high - low), 0, 1)
    return np.asarray(scaled, np.float32)


def beyond(heat: NDArray[np.float32], policy: Policy) -> NDArray[np.float32]:
    """Brings a map of scores to 0..1: 0 where one good part in ten is as unlike, 0.5 at the NG threshold."""
    limit = policy.thresholds[ANY_DEFECT].ng
    low = min(_ONE_IN_TEN, 0.8 * limit)
    scaled = np.clip((np.nan_to_num(heat, nan=0.0) - low) / (2 * (limit - low)), 0, 1)
    return np.asarray(scaled, np.float32)


def fit(picture: NDArray[np.uint8], *, shortest: int, longest: int) -> NDArray[np.uint8]:
    """Resizes a picture, keeping its aspect, so that its longer side lies between two lengths in pixels."""
    side = max(picture.shape[:2])
    factor = min(max(side, shortest), longest) / side
    height, width = (max(1, round(length * factor)) for length in picture.shape[:2])
    return image.resize(picture, height, width)


def save(inspection: Inspection, manifest: Manifest, folder: Path) -> Path | None:
    """Draws and writes an overlay as JPEG.

    Args:
        inspection: What was seen.
        manifest: The bundle's.
        folder: Where to; it must be there.

    Returns:
        The file, or None if there was no image to draw on. Its name holds part of a hash of the frame's path: images of
        the same name in different folders get different overlays, and the same image the same one each time.

    Raises:
        OSError: It cannot be written; no part of it is left.
    """
    drawn = draw(inspection, manifest)
    if drawn is None:
        return None
    source = Path(inspection.verdict.frame)
    mark = hashlib.sha256(str(source.absolute()).encode(errors="surrogatepass")).hexdigest()[:10]
    path = folder / f"{_shortened(source.stem)}-{mark}.jpg"
    aside = path.with_suffix(".part")
    try:
        aside.write_bytes(jpeg(drawn))
        aside.replace(path)
    except OSError:
        with suppress(OSError):
            aside.unlink()
        raise
    return path


def _shortened(stem: str) -> str:
    """So much of a name that a file system (255 bytes in most) still takes it with what is added to it."""
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem


def jpeg(picture: NDArray[np.uint8], quality: int = 88) -> bytes:
    """Encodes an RGB picture for people to look at."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))
    return data.tobytes()


def _caption(verdict: Verdict, width: int) -> NDArray[np.uint8]:
    """A bar with outcome, defects and name. OpenCV's letters are ASCII; others in a name become question marks."""
    size = min(1.2, max(0.6, width / 700))
    line, margin = round(34 * size), round(12 * size)
    bar = np.full((2 * line + line // 2, width, 3), _COLOURS[verdict.outcome], np.uint8)
    name = Path(verdict.frame).name
    for number, text in enumerate((f"{verdict.outcome}  {_named(verdict)}", name), start=1):
        plain = _cut_off(text.encode("ascii", "replace").decode(), width - 2 * margin, 0.8 * size)
        place = (margin, number * line)
        cv2.putText(bar, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * size, (255, 255, 255), 1, cv2.LINE_AA)
    return bar


def _named(verdict: Verdict) -> str:
    """The first types of the verdict's defects, each with the score of its surest and how many there are."""
    found: dict[str, list[float]] = {}
    for defect in verdict.defects:
        found.setdefault(defect.label, []).append(defect.score)
    return ", ".join(
        f"{label} {max(scores):.3f}" + (f" x{len(scores)}" if len(scores) > 1 else "")
        for label, scores in list(found.items())[:3]
    )


def _cut_off(text: str, width: int, size: float) -> str:
    """So much of a text as a width in pixels holds."""

    def wide(part: str) -> bool:
        return bool(cv2.getTextSize(part, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > width)

    if not wide(text):
        return text
    while text and wide(text + "..."):
        text = text[:-1]
    return text + "..."
