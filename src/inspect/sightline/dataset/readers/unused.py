"""Files that look like annotations and cannot be read: without a word of them, folders would be taken for labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

from sightline.dataset.readers import coco, cvat, elpv, labelme, table
from sightline.dataset.readers.layout import read_text
from sightline.errors import DataError

_PLACES = ("*.csv", "*.json", "*.xml", "annotations/*.csv", "annotations/*.json", "*/_annotations.coco.json")
_NAMED = re.compile(r"annotation|coco|instances|labels", re.IGNORECASE)
_KEYS = frozenset({"images", "annotations", "categories", "file_name", "image_id", "shapes", "shape_type", "imagePath"})
_KEY = re.compile(rf'"({"|".join(sorted(_KEYS))})"\s*:')


class Unused(NamedTuple):
    """A file that looks like annotations, and cannot be used.

    Attributes:
        fault: What is wrong with it.
        told: What to say of it, in one line.
        broken: Whether it is damaged, or holds annotations in part; else it may well be something else.
    """

    fault: str
    told: str
    broken: bool


def unused_annotations(root: Path, used: str = "", *, by_content: bool = False) -> list[Unused]:
    """Files of a data set that are called like annotations and cannot be read as such, damaged ones above all.

    Args:
        root: The folder of the data set.
        used: A file that its layout reads, named from the root; it is not looked into.
        by_content: Whether to look into JSON and XML files of other names too.
    """
    found = []
    for path in dict.fromkeys(path for place in _PLACES for path in sorted(root.glob(place))):
        name = path.relative_to(root).as_posix()
        named = bool(_NAMED.search(name))
        if name == used or path.name.startswith(".") or not (named or (by_content and path.suffix != ".csv")):
            continue
        kind, fault = _fault(path)
        broken = bool(fault) and _is_broken(path, named=named)
        if fault and (named or broken):
            looks = "broken annotations" if broken else "annotations"
            told = (
                f"{name} looks like {looks}, but cannot be used ({fault}); mend or remove it, or state how it is read: "
                f"data.reader.kind={kind} data.reader.file={name}"
            )
            found.append(Unused(fault, told, broken))
    return found


def _fault(path: Path) -> tuple[str, str]:
    """The reader that a file is for, and why that cannot read it; empty if it can."""
    if path.suffix == ".json":
        return "coco", "" if labelme.fits(path) else coco.fault(path)
    if path.suffix == ".xml":
        return "cvat", cvat.fault(path)
    return "csv", "" if elpv.fits(path) else table.fault(path)


def _is_broken(path: Path, *, named: bool) -> bool:
    """Whether a file that cannot be used holds annotations in part, or is called so and cannot be parsed."""
    if path.suffix == ".xml":
        return cvat.begins_well(path) or (named and cvat.is_damaged(path))
    if path.suffix == ".csv":  # a table of other columns may be of anything
        return False
    text = ""
    try:
        text = read_text(path)
        content = json.loads(text)
    except (DataError, ValueError, RecursionError):
        return named or len(set(_KEY.findall(text))) > 1
    return isinstance(content, dict) and len(_KEYS & content.keys()) > 1
