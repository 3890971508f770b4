"""Where commands may write a file: over nothing that they read, and nothing that they did not make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import DataError
from sightline.files import PNG_MARK

if TYPE_CHECKING:
    from sightline.config.recipe import Data
    from sightline.config.template import Template
    from sightline.index import Index


@dataclass(frozen=True)
class Kind:
    """What a command writes into one file.

    Attributes:
        name: What it is, for messages.
        suffixes: How its name may end, in small letters; the usual one first.
        mark: What tells such a file from all others.
        first: Whether it begins with the mark; else it holds it somewhere.
        last: What it ends with where it is written whole or not at all: one that does not was damaged by something
            else, and may be all that is left of somebody's labels.
    """

    name: str
    suffixes: tuple[str, ...]
    mark: bytes
    first: bool = True
    last: bytes = b""

    def made(self, file: Path) -> bool:
        """Whether a file is of this kind, or empty, so that nothing is lost with it.

        Raises:
            OSError: It cannot be read.
        """
        with file.open("rb") as stream:
            head = stream.read(len(self.mark)) if self.first else stream.read()
            stream.seek(max(0, file.stat().st_size - len(self.last)))
            is_whole = stream.read() == self.last
        return not head or (is_whole and (head == self.mark if self.first else self.mark in head))


INDEX = Kind("an index", (".jsonl",), b'{"format":"sightline-index"', last=b"}\n")
ANNOTATIONS = Kind("exported annotations", (".json",), b'{"info": {"description": "written by Sightline"}', last=b"]}")
PREDICTIONS = Kind("predicted annotations", (".json",), b'{"info": {"description": "predicted by Sightline"}')
SHEET = Kind("a preview", (".png",), PNG_MARK, first=False, last=b"IEND\xaeB`\x82")
REPORT = Kind("a report of verdicts", (".html", ".htm"), b"Made by Sightline", first=False)
VERDICTS = {
    "jsonl": Kind("verdicts", (".jsonl", ".ndjson"), b'{"frame": '),
    "csv": Kind("a table of verdicts", (".csv",), b"frame,outcome,defect"),
}


def check(option: str, path: Path, kind: Kind, *, device: bool = False) -> None:
    """Refuses a place that is no file of this kind, whether it is there already or not.

    Args:
        option: That names the place.
        path: The place.
        kind: What is to be written.
        device: Whether it may be a pipe or device, whatever its name.

    Raises:
        DataError: It is a folder, its name ends otherwise, or the file that is there is none of the command's.
    """
    where, there = f"{option} {path}", path.exists()
    if not path.name or path.is_dir():
        raise DataError(f"{where}: expected a file, got a folder", hint=f"Name a file that ends in {kind.suffixes[0]}.")
    if there and not path.is_file():
        if device:
            return
        raise DataError(f"{where}: expected a file, found a device")
    if path.suffix.lower() not in kind.suffixes:
        ends = " or ".join(kind.suffixes)
        raise DataError(
            f"{where}: expected a file that ends in {ends}, for {kind.name}, got {path.name}",
            hint=f"Name a file that ends in {kind.suffixes[0]}.",
        )
    if there and not _made(kind, path, where):
        raise DataError(
            f"{where}: the file that is there is not {kind.name} of Sightline's, or not whole, and is not replaced",
            hint="Name another file, or move this one: only what the command itself made, or nothing, is replaced.",
        )


def check_apart(path: Path, index: Index, data: Data, template: Template | None = None) -> None:
    """Refuses a file for ``-o`` that is one of those that an index was read from, or a picture among its images.

    Raises:
        DataError: It is.
    """
    from sightline.dataset.views import variant_files
    from sightline.image import SUFFIXES

    labels = [data.root / file] if (file := getattr(data.reader, "file", "")) else []
    if _is_one_of(path, [*_pictures(index), *labels, *variant_files(template).values()]):
        raise DataError(f"-o {path}: the command reads this file, and does not replace it", hint="Name another file.")
    if path.suffix.lower() not in SUFFIXES:
        return
    folders = {picture.parent for picture in _pictures(index)}
    everywhere = data.reader.kind == "good" and path.resolve().is_relative_to(data.root.resolve())
    if everywhere or any(folder.resolve() == path.parent.resolve() for folder in folders):
        hint = "Name a file in another folder."
        raise DataError(f"-o {path}: a picture there would be taken for one of the images", hint=hint)


def _made(kind: Kind, path: Path, where: str) -> bool:
    try:
        return kind.made(path)
    except OSError as error:
        raise DataError(f"{where}: the file that is there cannot be looked into ({error.strerror})") from error


def _pictures(index: Index) -> Iterable[Path]:
    """Images, masks and templates."""
    for sample in index.samples:
        yield from (index.root / name for name in (sample.path, sample.mask, sample.template) if name)


def _is_one_of(path: Path, files: Iterable[Path]) -> bool:
    if not path.exists():
        return False
    name = path.name.casefold()
    return any(file.name.casefold() == name and file.exists() and file.samefile(path) for file in files)
