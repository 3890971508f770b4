"""The report on a commissioned model: one HTML file with everything inside."""

from __future__ import annotations

import base64
import csv
import io
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sightline import image
from sightline.bundle.manifest import Manifest, Metric
from sightline.commission import marks
from sightline.export import plots
from sightline.export.answer import CALIBRATE_SUSPICIOUS
from sightline.export.decide import by_overkill
from sightline.export.evaluate import Scored
from sightline.export.tail import wanted_for
from sightline.index import ANOMALY, Index, Split
from sightline.runs import Progress, RunFolder
from sightline.runtime import Inspector, overlay
from sightline.runtime.inspector import Inspection
from sightline.runtime.report import data_uri, page, write_page
from sightline.train.anomaly import PRODUCTS, SUSPICIOUS

_SIDE = 300
_LOOKED_AT, _SUSPICIOUS_SHOWN, _MARKED, _TIMED = 6, 24, 24, 40


@dataclass(frozen=True)
class Picture:
    """A frame for the page, with what is to be said of it."""

    name: str
    note: str
    plain: str
    heat: str = ""


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a frame in memory to its verdict, on this machine."""

    median: float
    p95: float
    threads: int
    frames: int


def write_report(run: RunFolder, bundle: Path, path: Path, *, progress: Progress) -> Path:
    """Tries the bundle out on good parts that nothing was learned from, and writes what was seen.

    Args:
        run: The finished run.
        bundle: Its bundle.
        path: The HTML file.
        progress: Told the stage, images done and images in all.

    Raises:
        DataError: An image cannot be read any more, or the report cannot be written.
    """
    inspector = Inspector.open(bundle)
    held = [s for split in (Split.TEST, Split.CALIBRATE) for s in run.index.part(split) if s.good]
    seen = []
    for done, sample in enumerate(held, start=1):
        # Without its frame: those of thousands of parts do not fit memory.
        seen.append(replace(inspector.examine(run.index.file(sample)), frame=None))
        progress("look", done, len(held))
    different = list({sample.unit: sample for sample in reversed(held)}.values())[::-1]
    frames = [image.read(run.index.file(sample), bits=run.recipe.input.bits) for sample in different[:_MARKED]]
    manifest = inspector.manifest
    text = page(
        "sightline.commission",
        **_few(run, manifest),
        manifest=manifest,
        bundle=inspector.bundle,
        overkill=_metric(manifest, "overkill_rate"),
        auroc=_metric(manifest, "auroc"),
        escape=_metric(manifest, "escape_rate"),
        types=_types(manifest),
        counts={split.value: run.index.counts(split) for split in Split},
        histogram=_drawn(plots.heaps(_scored(run.index, seen, manifest))),
        looked_at=_looked_at(seen, inspector, run.index),
        suspicious=_suspicious(run),
        listed=(SUSPICIOUS, CALIBRATE_SUSPICIOUS),
        kept=run.recipe.anomaly.suspicious == "keep",
        products=_told(run, PRODUCTS),
        seen=marks.look(inspector, frames),
        latency=_latency(inspector, frames),
    )
    write_page(path, text)
    return path


def _few(run: RunFolder, manifest: Manifest) -> dict[str, float]:
    """Whether the calibrate part is too small for the share of rejected good parts that was asked for."""
    defective = np.array([not sample.good for sample in run.index.part(Split.CALIBRATE)], bool)
    asked, calibrated = run.recipe.decide.overkill, manifest.calibration.count if manifest.calibration else 0
    wanted = wanted_for(asked)
    pictures = round(1.1 * wanted / (run.recipe.data.split.calibrate or 1), -1)  # some lie in other parts by chance
    return {
        "few": calibrated < wanted and by_overkill(defective, run.recipe.decide),
        "asked": asked,
        "calibrated": calibrated,
        "wanted": wanted,
        "pictures": int(pictures),
    }


def _metric(manifest: Manifest, name: str) -> Metric | None:
    return next((metric for metric in manifest.metrics if metric.name == name), None)


def _types(manifest: Manifest) -> list[tuple[str, Metric | None, Metric]]:
    """Each type of known defects with its AUROC and the share that escapes."""
    escaped = {m.name.partition("/")[2]: m for m in manifest.metrics if m.name.startswith("escape_rate/")}
    return [(name, _metric(manifest, f"auroc/{name}"), metric) for name, metric in sorted(escaped.items())]


def _scored(index: Index, seen: list[Inspection], manifest: Manifest) -> Scored:
    """The good parts of the test part; those of the calibrate part, which told what scores mean, if there are none."""
    held = ([sample for sample in index.part(split) if sample.good] for split in (Split.TEST, Split.CALIBRATE))
    rows = {sample.path: sample for sample in next(filter(None, held), [])}
    read = [one for one in seen if one.reading is not None and _name(one, index) in rows]
    names = [_name(one, index) for one in read]
    scores = np.array([one.reading.scores for one in read if one.reading is not None], np.float32)
    return Scored(tuple(rows[name] for name in names), scores, manifest.classes, manifest.policy, one_class=True)


def _name(one: Inspection, index: Index) -> str:
    return Path(one.verdict.frame).relative_to(index.root).as_posix()


def _looked_at(seen: list[Inspection], inspector: Inspector, index: Index) -> list[Picture]:
    """The held-out good parts that were thought the oddest, and some from the middle."""
    read = [one for one in seen if one.reading is not None]
    order = sorted(read, key=lambda one: -float(one.reading.scores[0]) if one.reading is not None else 0.0)
    parts = {sample.path: sample.split for sample in index.samples}
    half = _LOOKED_AT // 2
    middle = len(order) // 2
    picks = order[:half] + order[max(half, middle) : max(half, middle) + half]
    pictures = []
    for one in (inspector.examine(Path(picked.verdict.frame)) for picked in picks):
        if one.frame is None or one.reading is None:
            continue
        small = overlay.fit(one.frame.image, shortest=_SIDE, longest=_SIDE)
        heat = overlay.draw_heat(small, one, inspector.manifest, label=ANOMALY)
        note = f"score {float(one.reading.scores[0]):.3f}, {one.verdict.outcome}, {parts[_name(one, index)]} part"
        pictures.append(Picture(Path(one.verdict.frame).name, note, data_uri(small), data_uri(heat)))
    return pictures


def _suspicious(run: RunFolder) -> list[Picture]:
    rows: list[dict[str, str]] = []
    for name in (SUSPICIOUS, CALIBRATE_SUSPICIOUS):
        with (run.artifacts / name).open(newline="", encoding="utf-8") as table:
            rows += list(csv.DictReader(table))
    rows.sort(key=lambda row: row["quite_unlike"] == "no")  # else as they are: each list begins with the most unlike
    pictures = []
    for number, row in enumerate(rows):
        plain = ""
        if number < _SUSPICIOUS_SHOWN:
            frame = image.read(run.index.root / row["path"], bits=run.recipe.input.bits)
            plain = data_uri(overlay.fit(frame, shortest=_SIDE, longest=_SIDE))
        pictures.append(Picture(row["path"], "quite unlike the others" if row["quite_unlike"] == "yes" else "", plain))
    return pictures


def _told(run: RunFolder, tag: str) -> str:
    """What the run noted under a tag, or nothing."""
    found = [event.values[tag] for event in run.events() if event.kind == "tags" and tag in event.values]
    return found[-1] if found else ""


def _latency(inspector: Inspector, frames: list[NDArray[np.uint8]]) -> Latency | None:
    if not frames:
        return None
    times = []
    for number in range(_TIMED):
        start = time.perf_counter()
        inspector.inspect(frames[number % len(frames)])
        times.append((time.perf_counter() - start) * 1000)
    median, p95 = np.percentile(times, (50, 95))
    return Latency(float(median), float(p95), inspector.threads, _TIMED)


def _drawn(figure: Figure) -> str:
    made = io.BytesIO()
    figure.savefig(made, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(made.getvalue()).decode()
