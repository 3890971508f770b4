"""What becomes of many inspections: lines, and pictures, annotations and a report where they are wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sightline.errors import DataError
from sightline.runtime import overlay
from sightline.runtime.coco import CocoWriter
from sightline.runtime.inspector import Inspection, Inspector
from sightline.runtime.report import Report
from sightline.runtime.results import Lines, csv_header, csv_line, json_line


class Outputs:
    """Takes inspections one by one and writes each before the next.

    Args:
        inspector: The bundle at work.
        lines: Where a line of each goes; nothing is written before the first.
        form: ``jsonl`` for one JSON object a line, ``csv`` for a table.
        overlays: Folder for the images with their defects marked, or None; made if it is not there.
        report: File for the HTML report, or None; written by `finish`.
        coco: File for the verdicts as COCO annotations, or None; written by `finish`.
        root: Folder that images are named from in it; None leaves their names.

    Raises:
        DataError: A folder cannot be made.
    """

    def __init__(
        self,
        inspector: Inspector,
        lines: Lines,
        *,
        form: Literal["jsonl", "csv"] = "jsonl",
        overlays: Path | None = None,
        report: Path | None = None,
        coco: Path | None = None,
        root: Path | None = None,
    ) -> None:
        self._manifest = inspector.manifest
        self._lines = lines
        self._form = form
        self._overlays = overlays
        self._report_file = report
        self._report = Report(inspector.manifest, inspector.bundle) if report else None
        self._coco_file = coco
        self._coco = CocoWriter(inspector.manifest.classes, root=root) if coco else None
        for folder in (overlays, report and report.parent, coco and coco.parent):
            if folder:
                _make_folder(folder)
        self._not_drawn = 0
        self._fault = ""

    def take(self, inspection: Inspection) -> None:
        """Writes what is wanted of one inspection. An overlay that cannot be written is left out, and said by `finish`.

        Raises:
            DataError: The line cannot be written.
        """
        picture = self._save_overlay(inspection, self._overlays) if self._overlays else None
        if self._form == "csv":
            classes, located = self._manifest.classes, self._manifest.locate is not None
            if not self._lines.count:
                self._lines.write(csv_header(classes, located=located))
            self._lines.write(csv_line(inspection.verdict, classes, picture, located=located))
        else:
            self._lines.write(json_line(inspection.verdict, picture))
        if self._report:
            self._report.add(inspection)
        if self._coco and inspection.frame:
            self._coco.add(inspection.verdict, inspection.frame.image.shape)

    def finish(self) -> None:
        """Writes the report and the annotations, if they are wanted.

        Raises:
            DataError: One of them cannot be written, or an overlay could not.
        """
        try:
            if self._report and self._report_file:
                self._report.write(self._report_file)
        finally:  # a report that cannot be written does not cost the annotations
            if self._coco and self._coco_file:
                self._coco.write(self._coco_file)
        if self._fault:
            raise DataError(f"{self._not_drawn:,} overlays could not be written, the first because of: {self._fault}")

    def _save_overlay(self, inspection: Inspection, folder: Path) -> Path | None:
        try:
            return overlay.save(inspection, self._manifest, folder)
        except OSError as error:
            self._not_drawn += 1
            self._fault = self._fault or f"{error.filename or folder}: {error.strerror or error}"
            return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be made ({error.strerror})") from error
