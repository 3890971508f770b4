"""From a folder of images to an index: one reader per layout, and the meaning of labels for all of them alike.

    >>> from pathlib import Path
    >>> from sightline.config.readers import FoldersReader
    >>> from sightline.config.recipe import Data
    >>> from sightline.dataset import readers
    >>> index = readers.read(Data(root=Path("parts"), reader=FoldersReader(kind="folders")))  # doctest: +SKIP
    >>> index.counts()  # doctest: +SKIP
    Counter({'good': 120, 'scratch': 14})

A reader is a ``Layout``: it says which images are there and how each is labelled, in the words of the folder.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sightline.config.readers import Reader
from sightline.config.recipe import Data
from sightline.dataset.readers.alone import GoodAlone
from sightline.dataset.readers.coco import Coco
from sightline.dataset.readers.cvat import Cvat
from sightline.dataset.readers.deeppcb import Deeppcb
from sightline.dataset.readers.elpv import Elpv
from sightline.dataset.readers.folders import Folders, no_class_folder
from sightline.dataset.readers.kolektor import Kolektor
from sightline.dataset.readers.labelme import Labelme
from sightline.dataset.readers.layout import Layout, counted, images, listed, logger, subfolders, walk
from sightline.dataset.readers.mapping import map_labels
from sightline.dataset.readers.masks import Masks
from sightline.dataset.readers.mvtec import Mvtec
from sightline.dataset.readers.saved import Saved
from sightline.dataset.readers.table import Table
from sightline.dataset.readers.unused import unused_annotations
from sightline.dataset.readers.visa import Visa
from sightline.dataset.readers.voc import Voc
from sightline.dataset.readers.yolo import Yolo
from sightline.errors import DataError
from sightline.image import SUFFIXES
from sightline.index import Index, Sample

__all__ = ["LAYOUTS", "Layout", "detect", "left_out", "read"]

LAYOUTS: dict[str, type[Layout[Any]]] = {
    "folders": Folders,
    "csv": Table,
    "mvtec": Mvtec,
    "visa": Visa,
    "kolektor": Kolektor,
    "masks": Masks,
    "elpv": Elpv,
    "coco": Coco,
    "yolo": Yolo,
    "voc": Voc,
    "labelme": Labelme,
    "cvat": Cvat,
    "deeppcb": Deeppcb,
    "good": GoodAlone,
    "index": Saved,
}
"""The readers by the name that a recipe calls them (``data.reader.kind``)."""

# Images in folders are part of most layouts, and an index may lie beside the images that it was made from.
_WHEN_NOTHING_ELSE_FITS = ("folders", "index")


_NAME_THEIR_IMAGES = ("csv", "elpv", "coco", "cvat", "index")


def read(data: Data) -> Index:
    """Reads the images and labels that a recipe names. No pixel of an image is decoded.

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
    return Index.build(layout.root, _marked_above(mapped, data.marked_above))


def left_out(data: Data) -> list[str]:
    """Folders below the root, named from it, in which a reader that looks for images did not look (see ``walk``)."""
    if data.reader.kind in _NAME_THEIR_IMAGES:
        return []
    root, found = data.root.absolute(), list[Path]()
    deque(walk(root, left_out=found), maxlen=0)
    return sorted(path.relative_to(root).as_posix() for path in found)


def detect(root: Path) -> Reader:
    """Tells a folder's layout by what lies in it, and warns of annotations that it does not use.

    Raises:
        DataError: No layout fits, more than one does, or annotations are broken: their images would be labelled by
            something else.
    """
    _refuse_no_folder(root)
    root = root.absolute()
    try:
        found = _detected(root)
    except DataError as error:
        unused = unused_annotations(root, by_content=True)
        more = [one.told for one in unused if one.fault not in error.message]
        raise DataError("\n".join([error.message, *more]), hint=error.hint) from error
    by_content = found.kind in _WHEN_NOTHING_ELSE_FITS
    unused = unused_annotations(root, getattr(found, "file", ""), by_content=by_content)
    if broken := [one.told for one in unused if one.broken]:
        raise DataError(
            "\n".join(broken), hint=f"To read the images without it, state the reader: `data.reader.kind={found.kind}`."
        )
    for one in unused:
        logger.warning("%s", one.told)
    return found


def _detected(root: Path) -> Reader:
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
    flat = [path.name for path in images(root)]
    raise no_class_folder(root, flat) if flat else _no_image(root)


def _marked_above(rows: Sequence[Sample], value: int) -> list[Sample]:
    """The rows with the value above which their masks mark a pixel; 0 keeps what they say.

    Raises:
        DataError: It is not 0, and no mask is one to which that means anything.
    """
    applies = [row.mask is not None and not row.mask_values for row in rows]
    if value and not any(applies):
        raise DataError(
            f"data.marked_above is {value}, but no image has a black and white mask",
            hint="Leave it out: it is of use only where pixels are marked by a mask that states no values.",
        )
    return [
        row.model_copy(update={"mask_above": value}) if value and applied else row
        for row, applied in zip(rows, applies, strict=True)
    ]


def _refuse_no_folder(root: Path) -> None:
    if not root.is_dir():
        came = "a file" if root.exists() else "nothing"
        raise DataError(f"expected a folder of images at {root}, found {came}", hint="Check the path in `data.root`.")


def _no_image(root: Path) -> DataError:
    own = list[Path]()
    others = Counter(path.suffix.lower() or "no suffix" for path in walk(root, left_out=own))
    pictures = sum(others[suffix] for suffix in SUFFIXES)
    if pictures:
        return DataError(
            f"expected images in {root} where the reader looks for them, found {counted(pictures, 'image')} elsewhere",
            hint="Choose the reader that fits the layout (`data.reader.kind`), or change its settings.",
        )
    came = ", ".join(f"{count:,} {suffix}" for suffix, count in others.most_common(5)) or "no file at all"
    if own:
        came += f" besides {listed([path.name for path in own], 3)}, which Sightline or MLflow wrote"
    return DataError(
        f"expected images in {root}, found {came}",
        hint=f"Images end in {', '.join(sorted(SUFFIXES))}; the reader may be another one (`data.reader.kind`).",
    )


def _refuse_missing(root: Path, rows: Sequence[Sample]) -> None:
    named = [name for row in rows for name in (row.path, row.mask, row.template) if name is not None]
    missing = [name for name in named if not os.path.isfile(root / name)]  # noqa: PTH113 - false for too long a name
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
