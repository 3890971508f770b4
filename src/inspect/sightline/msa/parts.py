"""The parts of a study: which pictures show each, and what experts say that it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sightline import image
from sightline.errors import DataError, did_you_mean
from sightline.image import SUFFIXES
from sightline.msa.sheet import PART, REFERENCE, fold, outcome_of, read_table
from sightline.runtime.score import find_images
from sightline.verdict import Outcome

GOOD_FOLDERS = ("good", "ok")
"""Folders that hold good parts unless others are named; compared without case."""

_IMAGE = "image"
_SHOWN = 5


@dataclass(frozen=True)
class Picture:
    """One image file.

    Attributes:
        path: The file.
        source: How it is called below the folder of images, with forward slashes.
    """

    path: Path
    source: str


@dataclass(frozen=True)
class Part:
    """One part as it came.

    Attributes:
        name: Of the part where a table says it, else of its picture.
        reference: What it is, OK or NG.
        pictures: All that show it.
    """

    name: str
    reference: Outcome
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Checked:
    """A picture that was read and can be decoded.

    Attributes:
        picture: The file.
        data: Its bytes.
        sha256: Of the bytes, in hex.
        size: Width and height in pixels.
    """

    picture: Picture
    data: bytes
    sha256: str
    size: tuple[int, int]


def from_folders(folder: Path, good: Sequence[str] = ()) -> list[Part]:
    """Takes each image for a part, which is what the topmost folder that it lies in says.

    Args:
        folder: Holds a folder for each kind of part.
        good: Names of those that hold good parts, each of which must be there; `GOOD_FOLDERS` if none is named. What
            lies in all others is defective.

    Raises:
        DataError: There is no image, one lies in no folder, or no folder is called so.
    """
    pictures = _pictures(folder)
    stray = [picture.source for picture in pictures if "/" not in picture.source]
    if stray:
        raise DataError(
            f"expected each image in a folder that says what it shows, found {_some(stray)} in {folder} itself",
            hint="Sort them into folders (good, scratch …), or list them in a table (--reference).",
        )
    names = sorted({picture.source.partition("/")[0] for picture in pictures})
    known = {name.casefold() for name in names}
    wanted = [name for name in good if name.casefold() not in known]
    if wanted or not known & {name.casefold() for name in good or GOOD_FOLDERS}:
        word = wanted[0] if wanted else " or ".join(GOOD_FOLDERS)
        raise DataError(
            f"expected a folder called {word} in {folder}, found {', '.join(names)}",
            hint=did_you_mean(word, names) or "Name the folders of good parts: --good NAME …",
        )
    meant = {name.casefold() for name in good or GOOD_FOLDERS}
    return [
        Part(
            picture.source,
            Outcome.OK if picture.source.partition("/")[0].casefold() in meant else Outcome.NG,
            (picture,),
        )
        for picture in pictures
    ]


def from_table(folder: Path, table: Path) -> tuple[list[Part], list[str]]:
    """Takes the images that a table lists, with what it says of each.

    Args:
        folder: That the images' paths start from.
        table: CSV with the columns image and reference (OK or NG, in any of the usual words), and part where several
            images may show one part: those of a name are one.

    Returns:
        The parts in the order of the table, and the images of the folder that it does not list.

    Raises:
        DataError: It cannot be read, an image is not there or there twice, or two rows of a part contradict each other.
    """
    everything = _pictures(folder)
    rows: dict[str, tuple[str, Outcome, list[Picture], str]] = {}
    seen: dict[Path, str] = {}
    for where, row in read_table(table, (_IMAGE, REFERENCE), (PART,)):
        picture = _listed(folder, row[_IMAGE], where, everything)
        real = picture.path.resolve()
        if real in seen:
            raise DataError(f"{where}: the image {picture.source!r} stands there already, {seen[real]}")
        seen[real] = where
        name, reference = row[PART] or picture.source, outcome_of(row[REFERENCE], where)
        _, said, own, first = rows.setdefault(fold(name), (name, reference, [], where))
        if said is not reference:
            raise DataError(
                f"{where}: the part {name!r} is {reference.value} here and {said.value} above, {first}",
                hint="Let experts settle what the part is, or leave it out.",
            )
        own.append(picture)
    left = [picture.source for picture in everything if picture.path.resolve() not in seen]
    return [Part(name, reference, tuple(own)) for name, reference, own, _ in rows.values()], left


def read_pictures(parts: Iterable[Part]) -> Iterator[tuple[Part, list[Checked]]]:
    """Reads and decodes the pictures of each part: one that is damaged would be found when people look at it.

    Raises:
        DataError: A picture cannot be read or decoded, or is, byte by byte, that of another part or of the same.
    """
    seen: dict[str, str] = {}
    for part in parts:
        checked = []
        for picture in part.pictures:
            data = image.read_bytes(picture.path, name=picture.source)
            height, width = image.decode(data, name=picture.source).shape[:2]
            sha256 = hashlib.sha256(data).hexdigest()
            if sha256 in seen:
                raise DataError(
                    f"{picture.source} is a copy of {seen[sha256]}: one picture would count as two",
                    hint="Leave one of them out.",
                )
            seen[sha256] = picture.source
            checked.append(Checked(picture, data, sha256, (width, height)))
        yield part, checked


def tells(kinds: Mapping[Outcome, set[object]], what: str) -> str:
    """A warning where something that everybody sees tells good parts from defective ones; else empty.

    Args:
        kinds: What good and what defective parts show.
        what: In words.
    """
    good, bad = (kinds.get(outcome, set()) for outcome in (Outcome.OK, Outcome.NG))
    if not good or not bad or good & bad:
        return ""
    return f"{what} tells good parts ({_some(good)}) from defective ones ({_some(bad)}), and people will notice"


def _pictures(folder: Path) -> list[Picture]:
    if not folder.is_dir():
        raise DataError(f"expected a folder of images, got {folder}", hint="Name the folder that holds them.")
    found = [Picture(path, path.relative_to(folder).as_posix()) for path in find_images(folder)]
    if not found:
        ends = ", ".join(sorted(SUFFIXES))
        raise DataError(f"found no image in {folder}", hint=f"Folders are searched for files that end in {ends}.")
    return found


def _listed(folder: Path, cell: str, where: str, everything: Sequence[Picture]) -> Picture:
    if not cell:
        raise DataError(f"{where}: expected the path of an image, the cell is empty")
    source = cell.replace("\\", "/")  # as Windows writes it
    path = folder / source
    if not path.is_file():
        near = did_you_mean(source, [picture.source for picture in everything])
        raise DataError(
            f"{where}: there is no image {cell} in {folder}", hint=near or "Paths start from the folder of images."
        )
    return Picture(path, source)


def _some(values: Iterable[object]) -> str:
    told = sorted(map(str, values))
    return ", ".join(told[:_SHOWN]) + (f" and {len(told) - _SHOWN:,} more" if len(told) > _SHOWN else "")
