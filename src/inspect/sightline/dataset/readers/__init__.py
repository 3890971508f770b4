"""From a folder of images to an index: one reader per layout, and the meaning of labels for all of them alike.

    >>> from pathlib import Path
    >>> from sightline.config.recipe import Data, FoldersReader
    >>> from sightline.dataset import readers
    >>> index = readers.read(Data(root=Path("parts"), reader=FoldersReader(kind="folders")))  # doctest: +SKIP
    >>> index.counts()  # doctest: +SKIP
    Counter({'good': 120, 'scratch': 14})

A reader is a ``Layout``: it says which images are there and how each is labelled, in the words of the folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightline.config.recipe import Data, Reader
from sightline.dataset.readers.coco import Coco
from sightline.dataset.readers.elpv import Elpv
from sightline.dataset.readers.folders import Folders
from sightline.dataset.readers.layout import Layout, counted, listed, subfolders, walk
from sightline.dataset.readers.mapping import map_labels
from sightline.dataset.readers.masks import Masks
from sightline.dataset.readers.mvtec import Mvtec
from sightline.dataset.readers.saved import Saved
from sightline.dataset.readers.table import Table
from sightline.dataset.readers.voc import Voc
from sightline.dataset.readers.yolo import Yolo
from sightline.errors import DataError
from sightline.image import SUFFIXES
from sightline.index import Index, Sample

__all__ = ["LAYOUTS", "Layout", "detect", "read"]

LAYOUTS: dict[str, type[Layout[Any]]] = {
    "folders": Folders,
    "csv": Table,
    "mvtec": Mvtec,
    "masks": Masks,
    "elpv": Elpv,
    "coco": Coco,
    "yolo": Yolo,
    "voc": Voc,
    "index": Saved,
}
"""The readers by the name that a recipe calls them (``data.reader.kind``)."""

# Images in folders are part of most layouts, and an index may lie beside the images that it was made from.
_WHEN_NOTHING_ELSE_FITS = ("folders", "index")


def read(data: Data) -> Index:
    """Reads the images and labels that a recipe names. No pixel is decoded.

    Returns:
        The index, with an absolute root: it means the same wherever it is saved.

    Raises:
        DataError: There is no image, a file that an annotation names is missing, an annotation is damaged, or the
            labels cannot be used (see ``map_labels``).
    """
    _refuse_no_folder(data.root)
    layout = LAYOUTS[data.reader.kind](data.root.absolute(), data.reader)
    rows = list(layout.rows())
    if not rows:
        raise _no_image(layout.root)
    _refuse_missing(layout.root, rows)
    _refuse_twice(rows)
    mapped = map_labels(rows, data)
    if not mapped:
        raise DataError(f"each of {counted(len(rows), 'image')} has an ignored label", hint="Shorten `data.ignore`.")
    return Index.build(layout.root, mapped)


def detect(root: Path) -> Reader:
    """Tells a folder's layout by what lies in it.

    Raises:
        DataError: No layout fits, or more than one does.
    """
    _refuse_no_folder(root)
    root = root.absolute()
    fitting = _fitting(root)
    if len(fitting) > 1:
        raise DataError(
            f"{root} can be read as {' and as '.join(fitting)}",
            hint=f"Choose one: `data.reader.kind={next(iter(fitting))}`, in a recipe or on the command line.",
        )
    if fitting:
        return next(iter(fitting.values()))
    _refuse_wrong_level(root)
    for kind in _WHEN_NOTHING_ELSE_FITS:
        settings = LAYOUTS[kind].detect(root)
        if settings is not None:
            found: Reader = settings
            return found
    raise _no_image(root)


def _refuse_no_folder(root: Path) -> None:
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise DataError(f"expected a folder of images at {root}, found {came}", hint="Check the path in `data.root`.")


def _no_image(root: Path) -> DataError:
    others = Counter(path.suffix.lower() or "no suffix" for path in walk(root))
    came = ", ".join(f"{count:,} {suffix}" for suffix, count in others.most_common(5)) or "no file at all"
    return DataError(
        f"expected images in {root}, found {came}",
        hint=f"Images end in {', '.join(sorted(SUFFIXES))}; the reader may be another one (`data.reader.kind`).",
    )


def _refuse_missing(root: Path, rows: Sequence[Sample]) -> None:
    named = [name for row in rows for name in (row.path, row.mask) if name is not None]
    missing = [name for name in named if not (root / name).is_file()]
    if missing:
        these = f"{len(missing):,} of {counted(len(named), 'file')} that the labels name"
        raise DataError(
            f"{these} not in {root}: {listed(missing, 3)}",
            hint="Check `data.root`, or the paths in the annotation file: they are relative to the root.",
        )


def _refuse_twice(rows: Sequence[Sample]) -> None:
    twice = [path for path, count in Counter(row.path for row in rows).items() if count > 1]
    if twice:
        raise DataError(
            f"{counted(len(twice), 'image')} listed more than once: {listed(twice, 3)}",
            hint="One row an image; several labels stand in one row, divided by the separator.",
        )


def _fitting(root: Path) -> dict[str, Reader]:
    """The layouts that leave traces of their own in a folder, with their settings."""
    named = {kind: layout for kind, layout in LAYOUTS.items() if kind not in _WHEN_NOTHING_ELSE_FITS}
    found: dict[str, Reader | None] = {kind: layout.detect(root) for kind, layout in named.items()}
    return {kind: settings for kind, settings in found.items() if settings is not None}


def _refuse_wrong_level(root: Path) -> None:
    """A folder per class is easily taken one level too high: then a class would be a whole data set."""
    inner = subfolders(root)
    whole = [name for name in inner if _fitting(root / name)]
    if whole:
        raise DataError(f"{root} is no data set itself, but holds some: {listed(whole)}", hint="Choose one of them.")
    if len(inner) == 1 and len(subfolders(root / inner[0])) > 1:
        raise DataError(
            f"{root} holds one folder only, {inner[0]}, and that holds {listed(subfolders(root / inner[0]))}",
            hint=f"If those are the classes, take {root / inner[0]}.",
        )
