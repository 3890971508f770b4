"""A report of many verdicts as one HTML file, with everything inside: it can be mailed and opened years later."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import jinja2
import numpy as np
from numpy.typing import NDArray

import sightline
from sightline.bundle import Manifest
from sightline.errors import DataError
from sightline.files import write_whole
from sightline.runtime.inspector import Inspection
from sightline.runtime.overlay import draw_seen, fit, jpeg
from sightline.verdict import Outcome, Verdict

PICTURES_PER_OUTCOME = 60
"""Frames of each outcome that get pictures: about 20 KB each, so that the file stays one that can be mailed."""

_PICTURE_SIDE = 288
_ORDER = (Outcome.NG, Outcome.REVIEW, Outcome.NOT_INSPECTED, Outcome.OK)


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        verdict: The answer.
        picture: The frame as a small JPEG in a data URI; empty if it has none.
        heat: The same with its defects marked, or the map of the named one; empty if there is none.
    """

    verdict: Verdict
    picture: str = ""
    heat: str = ""

    @property
    def rank(self) -> int:
        """Place of the outcome in the report: what needs a look comes first."""
        return _ORDER.index(self.verdict.outcome)

    @property
    def name(self) -> str:
        """The frame's name without its folder."""
        return Path(self.verdict.frame).name

    @property
    def folder(self) -> str:
        """The frame's folder; empty if it has none."""
        return self.verdict.frame.removesuffix(self.name)

    @property
    def located(self) -> str:
        """How many defects of each type were located, and how large the largest is; empty if none was."""
        placed = [defect for defect in self.verdict.defects if defect.box is not None]
        if not placed:
            return ""
        counts = Counter(defect.label for defect in placed)
        told = ", ".join(f"{count} {label}" for label, count in counts.items())
        largest = max(placed, key=lambda defect: defect.area or 0)
        size = f"{largest.area or 0:,.0f} px" if largest.area_mm2 is None else f"{largest.area_mm2:,.3g} mm²"
        return f"{told}; {'largest ' if len(placed) > 1 else ''}{size}"


@dataclass
class Report:
    """Collects inspections and writes them as HTML.

    Args:
        manifest: The bundle's.
        bundle: Its name, version and short digest.
    """

    manifest: Manifest
    bundle: str
    rows: list[Row] = field(default_factory=list)
    counts: Counter[Outcome] = field(default_factory=Counter)
    _pictured: Counter[Outcome] = field(default_factory=Counter)

    def add(self, inspection: Inspection) -> None:
        """Takes up one inspection; its pixels are not kept."""
        verdict = inspection.verdict
        self.counts[verdict.outcome] += 1
        if inspection.frame is None or self._pictured[verdict.outcome] >= PICTURES_PER_OUTCOME:
            self.rows.append(Row(verdict))
            return
        self._pictured[verdict.outcome] += 1
        small = fit(inspection.frame.image, shortest=_PICTURE_SIDE, longest=_PICTURE_SIDE)
        heat = draw_seen(small, inspection, self.manifest)
        self.rows.append(Row(verdict, data_uri(small), "" if heat is small else data_uri(heat)))

    def render(self) -> str:
        """The whole page. Every value is escaped: a file name may hold anything."""
        without = sum(count - self._pictured[outcome] for outcome, count in self.counts.items())
        return page(
            "sightline.runtime",
            manifest=self.manifest,
            bundle=self.bundle,
            rows=sorted(self.rows, key=lambda row: row.rank),
            counts=[(outcome, self.counts[outcome]) for outcome in _ORDER],
            total=len(self.rows),
            without_pictures=without,
            pictures_per_outcome=PICTURES_PER_OUTCOME,
            milliseconds=_median([row.verdict.milliseconds for row in self.rows]),
            made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
            version=sightline.__version__,
        )

    def write(self, path: Path) -> None:
        """Writes the page; half a page never replaces a whole one.

        Raises:
            DataError: It cannot be written.
        """
        write_page(path, self.render())


def page(package: str, **values: object) -> str:
    """Fills in the ``report.html.jinja`` of a package, which may include ``paper.css``. Every value is escaped."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: _text("sightline.runtime", name)),
    )
    return environment.from_string(_text(package, "report.html.jinja")).render(**values)


def _text(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def write_page(path: Path, text: str) -> None:
    """Writes a page; half a page never replaces a whole one.

    Raises:
        DataError: It cannot be written.
    """
    try:
        write_whole(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise DataError(f"{path}: the report cannot be written ({error.strerror})") from error


def data_uri(picture: NDArray[np.uint8]) -> str:
    """An RGB picture (H, W, 3) as JPEG inside an address, so that a page needs no other file."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture, quality=80)).decode()


def _median(values: list[float]) -> float:
    return float(np.median(values)) if values else 0.0
