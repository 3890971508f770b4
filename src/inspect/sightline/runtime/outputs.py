"""What becomes of many inspections: lines, and pictures and a report where they are wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sightline.errors import DataError
from sightline.runtime import overlay
from sightline.runtime.inspector import Inspection, Inspector
from sightline.runtime.report import Report
from sightline.runtime.results import Lines, csv_header, csv_line, json_line


class Outputs:
    """Takes inspections one by one and writes each before the next.

    Args:
        inspector: The bundle at work.
        lines: Where a line of each goes; nothing is written before the first.
        form: ``jsonl`` for one JSON object a line, ``csv`` for a table.
        overlays: Folder for the images with heat maps, or None; made if it is not there.
        report: File for the HTML report, or None; written by `finish`.

    Raises:
        DataError: The folder cannot be made.
    """

    def __init__(
        self,
        inspector: Inspector,
        lines: Lines,
        *,
        form: Literal["jsonl", "csv"] = "jsonl",
        overlays: Path | None = None,
        report: Path | None = None,
    ) -> None:
        self._manifest = inspector.manifest
        self._lines = lines
        self._form = form
        self._overlays = overlays
        self._report_file = report
        self._report = Report(inspector.manifest, inspector.bundle) if report else None
        if overlays:
            _make_folder(overlays)
        if report:
            _make_folder(report.parent)
        self._not_drawn = 0
        self._fault = ""

    def take(self, inspection: Inspection) -> None:
        """Writes what is wanted of one inspection. An overlay that cannot be written is left out, and said by `finish`.

        Raises:
            DataError: The line cannot be written.
        """
        picture = self._save_overlay(inspection, self._overlays) if self._overlays else None
        if self._form == "csv":
            if not self._lines.count:
                self._lines.write(csv_header(self._manifest.classes))
            self._lines.write(csv_line(inspection.verdict, self._manifest.classes, picture))
        else:
            self._lines.write(json_line(inspection.verdict, picture))
        if self._report:
            self._report.add(inspection)

    def finish(self) -> None:
        """Writes the report, if one is wanted.

        Raises:
            DataError: It cannot be written, or an overlay could not.
        """
        if self._report and self._report_file:
            self._report.write(self._report_file)
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
