"""What labels mean: which say good, which go by another name, and which images are left out."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from sightline.config.explain import shown
from sightline.config.recipe import Data
from sightline.dataset.readers.layout import listed
from sightline.errors import DataError, did_you_mean
from sightline.index import GOOD, Box, Polygon, Sample

_MarkT = TypeVar("_MarkT", Box, Polygon)


def map_labels(rows: Iterable[Sample], data: Data) -> list[Sample]:
    """Applies ``ignore``, then ``rename``, then ``good`` of a recipe to rows as a layout found them.

    Args:
        rows: Rows with labels as found.
        data: The recipe's part that says what labels mean.

    Returns:
        The rows that are kept; a good image has no label, and no box or outline says good.

    Raises:
        DataError: A label is empty or not printable, a label that the recipe names is not there, an image is both good
            and defective, or two labels differ in case only.
    """
    tidied = [_relabel(row, {label: _tidy(label, row.path) for label in row.labels}) for row in rows]
    found = sorted({label for row in tidied for label in row.labels})
    rename = {_normal(old): _normal(new) for old, new in data.rename.items()}
    ignore = {_normal(label) for label in data.ignore}
    _refuse_unknown(rename, found, "data.rename")
    _refuse_unknown(ignore, found, "data.ignore")

    kept = [row for row in tidied if ignore.isdisjoint(row.labels)]
    good = {_normal(label).casefold() for label in data.good}
    new_names = {label: _tidy(rename.get(label, label), "data.rename") for label in found}
    meaning = {label: None if name.casefold() in good else name for label, name in new_names.items()}
    _refuse_unmet_good(data, kept, meaning)
    for row in kept:
        _refuse_contradiction(row, meaning)
    mapped = [_relabel(row, meaning) for row in kept]
    _refuse_confusable({label for row in mapped for label in row.labels})
    return mapped


def _normal(label: str) -> str:
    """One spelling for what looks the same: archives made on a Mac take accents apart."""
    return unicodedata.normalize("NFC", label).strip()


def _tidy(label: str, where: str) -> str:
    tidy = _normal(label)
    if not tidy or not tidy.isprintable():
        raise DataError(
            f"{where}: expected a label of printable text, got {shown(label)}",
            hint="Give it a label; a good part is labelled too, as `good` say.",
        )
    return tidy


def _relabel(row: Sample, meaning: dict[str, str | None] | dict[str, str]) -> Sample:
    """The row in other words; labels without a meaning vanish, and what they marked with them."""
    labels = tuple(sorted({new for label in row.labels if (new := meaning[label])}))
    told = {
        "labels": labels,
        "boxes": _remark(row.boxes, meaning),
        "polygons": _remark(row.polygons, meaning),
        "mask_values": {value: new for value, label in row.mask_values.items() if (new := meaning[label])},
    }
    return row if all(getattr(row, name) == value for name, value in told.items()) else row.model_copy(update=told)


def _remark(marks: Sequence[_MarkT], meaning: dict[str, str | None] | dict[str, str]) -> tuple[_MarkT, ...]:
    return tuple(mark.model_copy(update={"label": new}) for mark in marks if (new := meaning[mark.label]))


def _refuse_unknown(named: Iterable[str], found: Sequence[str], setting: str) -> None:
    for label in sorted(named):
        if label not in found:
            raise DataError(
                f"{setting} names the label {label!r}, which is not in the data",
                hint=did_you_mean(label, found) or f"There is: {listed(found)}.",
            )


def _refuse_unmet_good(data: Data, rows: Sequence[Sample], meaning: dict[str, str | None]) -> None:
    """A mistyped good label would turn good parts into a defect type, so a name of one's own must be met.

    The default's names promise nothing: data without good parts are welcome.
    """
    default: Collection[str] = type(data).model_fields["good"].default
    own = [label for label in data.good if label not in default]
    if own and all(meaning[label] for row in rows for label in row.labels) and all(row.labels for row in rows):
        raise DataError(
            f"data.good is {listed(data.good)}, but no image is labelled so",
            hint=did_you_mean(own[0], meaning) or f"There is: {listed(sorted(meaning))}.",
        )


def _refuse_contradiction(row: Sample, meaning: dict[str, str | None]) -> None:
    # Where things are marked one by one, a good one may lie beside a bad one.
    if row.boxes or row.polygons or row.mask_values or len({meaning[label] is None for label in row.labels}) < 2:
        return
    raise DataError(
        f"{row.path} is labelled good and defective at once: {listed(row.labels)}", hint="Keep one of the two."
    )


def _refuse_confusable(labels: Collection[str]) -> None:
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(labels):
        spellings[label.casefold()].append(label)
    for same in spellings.values():
        if len(same) > 1:
            raise DataError(
                f"the labels {' and '.join(map(repr, same))} differ in case only",
                hint=f"Rename one, in the data or in the recipe: `data.rename: {{{same[0]}: {same[1]}}}`.",
            )
    if GOOD in spellings:
        raise DataError(
            f"the label {spellings[GOOD][0]!r} stands for a defect here, but in an index {GOOD} means no defect",
            hint="Add it to `data.good`, or rename it with `data.rename`.",
        )
