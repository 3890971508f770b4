"""What is true of synthetic images, as an index."""

from __future__ import annotations

import json
from pathlib import Path

from sightline.dataset.readers.layout import read_text
from sightline.errors import DataError
from sightline.index import Index, Sample
from sightline.synth import TRUTH


def true_index(folder: Path) -> Index:
    """The index of what ``synth.write`` wrote: labels, masks and boxes, and the severity among the attributes.

    Args:
        folder: The one that holds the truth.

    Returns:
        The index, with a root relative to the folder.

    Raises:
        DataError: The truth is missing or damaged; the line is named.
    """
    lines = read_text(folder / TRUTH).splitlines()
    return Index.build(Path(), [_sample(line, f"{folder / TRUTH}, line {n}") for n, line in enumerate(lines, start=1)])


def _sample(line: str, where: str) -> Sample:
    try:
        row = json.loads(line)
        attributes = {"severity": str(row.pop("severity"))}
        return Sample.model_validate({**row, "attributes": attributes})
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{where}: expected what is true of a synthetic image, got {line[:60]!r}") from error
