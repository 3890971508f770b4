"""Tables with one row an image: CSV in its dialects."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from sightline.config.explain import shown
from sightline.config.readers import CsvReader
from sightline.dataset.readers.layout import Layout, clean_path, listed, read_text
from sightline.dataset.views import VARIANT
from sightline.errors import DataError, did_you_mean
from sightline.index import Sample, Split

_DELIMITERS = (",", ";", "\t")
_SPLITS = {split.value: split for split in Split} | dict.fromkeys(("val", "valid", "validation"), Split.VALIDATE)


class Table(Layout[CsvReader]):
    """A CSV file with a header; comma, semicolon and tab are told apart by the header."""

    def rows(self) -> Iterator[Sample]:
        """Reads the rows; columns that the settings do not name become attributes."""
        settings, file = self.settings, self.root / self.settings.file
        optional = (
            settings.split_column,
            settings.group_column,
            settings.mask_column,
            settings.template_column,
            settings.variant_column,
        )
        named = [settings.path_column, settings.label_column, *(column for column in optional if column is not None)]
        for where, row in records(file, named):
            mask = row[settings.mask_column] if settings.mask_column else ""
            template = row[settings.template_column] if settings.template_column else ""
            yield Sample(
                path=clean_path(row[settings.path_column], self.root, where=where),
                labels=self._labels(row[settings.label_column], where),
                mask=clean_path(mask, self.root, where=where) if mask else None,
                template=clean_path(template, self.root, where=where) if template else None,
                group=row[settings.group_column] if settings.group_column else "",
                split=_split(row[settings.split_column], where) if settings.split_column else None,
                attributes={column: cell for column, cell in row.items() if column and cell and column not in named}
                | self._variant(row),
            )

    def _variant(self, row: Mapping[str, str]) -> dict[str, str]:
        variant = row[self.settings.variant_column] if self.settings.variant_column else ""
        return {VARIANT: variant} if variant else {}

    def _labels(self, cell: str, where: str) -> tuple[str, ...]:
        labels = {label for part in cell.split(self.settings.label_separator) if (label := part.strip())}
        if not labels:
            raise DataError(
                f"{where}: expected a label, the field is empty",
                hint="A good part is labelled too, `good` say: a blank may also mean that nobody looked.",
            )
        return tuple(sorted(labels))

    @classmethod
    def detect(cls, root: Path) -> CsvReader | None:
        """Fits if there is a table of the default name with the default columns."""
        settings = CsvReader(kind="csv")
        if not (root / settings.file).is_file():
            return None
        named = {settings.path_column, settings.label_column}
        text = read_text(root / settings.file)
        try:
            return settings if any(named <= set(_header(text, delimiter)) for delimiter in _DELIMITERS) else None
        except csv.Error:
            return None


def records(file: Path, named: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table, each with its place (file and line) and its fields by column.

    Args:
        file: The table.
        named: Columns that it must have.

    Raises:
        DataError: It cannot be read, has no rows or lacks a named column, or a row has too few or too many fields.
    """
    header, lines = _read(file, named)
    if not lines:
        raise DataError(f"{file}: expected a row for each image, found only the header", hint="Add the rows.")
    for where, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{where}: expected {len(header)} fields, got {len(cells)}",
                hint="Quote a field that holds the separator.",
            )
        yield where, dict(zip(header, (cell.strip() for cell in cells), strict=True))


def fault(file: Path) -> str:
    """Why a file cannot be read as a table with the usual columns; empty if it can."""
    settings = CsvReader(kind="csv")
    try:
        _read(file, [settings.path_column, settings.label_column])
    except DataError as error:
        return error.message
    return ""


def _header(text: str, delimiter: str) -> list[str]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [cell.strip() for cell in next((row for row in rows if row), [])]


def _read(file: Path, named: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The columns, and each further row with its place (file and line) and fields; blank lines are skipped.

    Raises:
        DataError: A named column is missing or stands there twice, or quotes are broken.
    """
    text = read_text(file)
    # The separator is the one that yields the named columns; for the error message, else the one that yields most.
    try:
        headers = {one: _header(text, one) for one in _DELIMITERS}
    except csv.Error as error:
        raise DataError(f"{file}, line 1: {error}", hint="Check the quotes.") from error
    delimiter = max(_DELIMITERS, key=lambda one: (sum(c in named for c in headers[one]), len(headers[one])))
    header = headers[delimiter]
    for column in named:
        if column not in header:
            raise DataError(
                f"{file}: expected a column {column!r}, found {listed([*map(shown, header)], 20)}",
                hint=f"{did_you_mean(column, header)} Columns are named under `data.reader` in the recipe.".strip(),
            )
        if header.count(column) > 1:
            raise DataError(f"{file}: the column {column!r} stands there twice", hint="Rename or remove one.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        lines = [(f"{file}, line {reader.line_num}", cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num}: {error}", hint="Check the quotes.") from error
    return header, lines[1:]


def _split(cell: str, where: str) -> Split | None:
    if not cell:
        return None
    if cell.casefold() not in _SPLITS:
        raise DataError(f"{where}: expected a split ({', '.join(Split)}) or nothing, got {shown(cell)}")
    return _SPLITS[cell.casefold()]
