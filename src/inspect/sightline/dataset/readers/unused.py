"""Files that look like annotations and cannot be read: without a word of them, folders would be taken for labels."""

from __future__ import annotations

import re
from pathlib import Path

from sightline.dataset.readers import coco, cvat, elpv, labelme, table

_PLACES = ("*.csv", "*.json", "*.xml", "annotations/*.csv", "annotations/*.json", "*/_annotations.coco.json")
_NAMED = re.compile(r"annotation|coco|instances|labels", re.IGNORECASE)


def unused_annotations(root: Path, used: str = "") -> dict[str, str]:
    """Files of a data set that are called like annotations and cannot be read as such, damaged ones above all.

    Args:
        root: The folder of the data set.
        used: A file that its layout reads, named from the root; it is not looked into.

    Returns:
        What is wrong with a file -> what to say of it, in one line.
    """
    told = {}
    for path in dict.fromkeys(path for place in _PLACES for path in sorted(root.glob(place))):
        name = path.relative_to(root).as_posix()
        if name == used or path.name.startswith(".") or not _NAMED.search(name):
            continue
        kind, fault = _fault(path)
        if fault:
            told[fault] = (
                f"{name} looks like annotations, but cannot be used ({fault}); mend or remove it, or state how it is "
                f"read: data.reader.kind={kind} data.reader.file={name}"
            )
    return told


def _fault(path: Path) -> tuple[str, str]:
    """The reader that a file is for, and why that cannot read it; empty if it can."""
    if path.suffix == ".json":
        return "coco", "" if labelme.fits(path) else coco.fault(path)
    if path.suffix == ".xml":
        return "cvat", cvat.fault(path)
    return "csv", "" if elpv.fits(path) else table.fault(path)
