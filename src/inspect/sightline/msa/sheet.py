"""Tables that people fill in: CSV as spreadsheets write it, and the words for a verdict."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sightline.errors import DataError, did_you_mean
from sightline.files import write_whole
from sightline.verdict import Outcome

PART, REFERENCE, APPRAISER, TRIAL, ORDER, VERDICT = "part", "reference", "appraiser", "trial", "order", "verdict"

_DELIMITERS = (",", ";", "\t")
_SEPARATOR = re.compile(r"sep=.?", re.IGNORECASE)
"""The row by which some spreadsheets tell their separator."""

_WORDS = {
    Outcome.OK: "ok okay good pass passed accept accepted acceptable go io 1",
    Outcome.NG: "ng nok notok nogood bad fail failed reject rejected defect defective nogo nio 0",
    Outcome.REVIEW: "review",
    Outcome.NOT_INSPECTED: "notinspected",
}
_OUTCOMES = {word: outcome for outcome, words in _WORDS.items() for word in words.split()}


def fold(name: str) -> str:
    """The form in which names are compared: case, outer spaces, and zeros before a whole number do not count.

    A spreadsheet makes 7 of part 007.
    """
    plain = " ".join(name.split()).casefold()
    return plain.lstrip("0") or "0" if plain.isdecimal() else plain


def outcome_of(cell: str, where: str) -> Outcome:
    """The verdict that a cell states, in any of the usual words; 1 is OK and 0 is NG, as AIAG writes it.

    Args:
        cell: As written.
        where: The file and line, for the error message.

    Raises:
        DataError: It is empty, or no such word.
    """
    word = re.sub(r"[\W_]", "", cell.casefold())
    if word not in _OUTCOMES:
        came = f"got {cell!r}" if cell else "the cell is empty"
        raise DataError(
            f"{where}: expected a verdict (OK or NG), {came}",
            hint=did_you_mean(cell, _OUTCOMES)
            or "Also understood: pass and fail, good and bad, accept and reject, go and no-go, 1 (OK) and 0 (NG).",
        )
    return _OUTCOMES[word]


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a table that spreadsheets open as what it is: UTF-8, with the mark by which they know it.

    Raises:
        DataError: It cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows(rows)
    try:
        write_whole(path, text.getvalue().encode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}", hint="Name another folder.") from error


def read_table(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The rows of a table, each with its place (file and line) and the fields of the named columns, trimmed.

    Where an optional column is not there, its fields are empty.

    Comma, semicolon and tab are told apart by the header, whose case does not matter; blank rows are skipped, and empty
    cells that a spreadsheet left out at the end of a row are empty.

    Raises:
        DataError: It cannot be read, lacks a named column or has it twice, has no rows, or a row has too many fields.
    """
    header, filled = _parse(path, _read_text(path), columns)
    for column in (*columns, *optional):
        if column in columns and column not in header:
            raise DataError(
                f"{path}: expected a column {column!r}, found {', '.join(map(repr, header))}",
                hint=did_you_mean(column, header) or f"The columns are {', '.join(columns)}.",
            )
        if header.count(column) > 1:
            raise DataError(f"{path}: the column {column!r} stands there twice", hint="Rename or remove one.")
    if not filled:
        raise DataError(f"{path}: expected rows below the header, found none", hint="Hand in the file that was filled.")
    for where, cells in filled:
        if any(cells[len(header) :]):
            raise DataError(
                f"{where}: expected {len(header)} fields, got {len(cells)}",
                hint="Quote a field that holds a separator.",
            )
        row = dict(zip(header, [*cells, *[""] * len(header)], strict=False))
        yield where, {column: row.get(column, "") for column in (*columns, *optional)}


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"expected the file {path}, but it cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: not UTF-8", hint="Save the file as `CSV UTF-8`.") from error


def _parse(path: Path, text: str, columns: Sequence[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The columns, and each further row that is not blank with its place (file and line) and its trimmed fields."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text, columns), strict=True)
    try:
        rows = [(f"{path}, line {reader.line_num}", [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}", hint="Check the quotes.") from error
    told = [(where, cells) for where, cells in rows if any(cells) and not _SEPARATOR.fullmatch(cells[0])]
    if not told:
        raise DataError(f"{path}: expected the columns {', '.join(columns)}, the file is empty")
    return [cell.casefold() for cell in told[0][1]], told[1:]


def _delimiter(text: str, columns: Sequence[str]) -> str:
    """The separator that yields most of the named columns, in whichever row."""
    lines = text.casefold().splitlines()
    return max(_DELIMITERS, key=lambda one: max((_named(line.split(one), columns) for line in lines), default=0))


def _named(cells: Iterable[str], columns: Sequence[str]) -> int:
    return len({cell.strip(' "') for cell in cells} & set(columns))
