"""What every reader is, and what all of them share: walking a folder, reading text, naming things."""

from __future__ import annotations

import codecs
import logging
import os
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Generic, TypeVar

from sightline.bundle.manifest import MANIFEST
from sightline.config.explain import shown
from sightline.config.section import Section
from sightline.errors import DataError, did_you_mean
from sightline.image import LARGEST_FILE, SUFFIXES
from sightline.index import Sample

logger = logging.getLogger(__name__)

# What file managers, archives and network drives leave behind; hidden files are skipped by their dot.
_LITTER = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "Thumbs.db"})

# What MLflow writes beside the working directory, and the files that tell a run folder and a bundle.
_TRACKED = frozenset({"mlartifacts", "mlruns"})
_RUN, _RUN_ROWS = "recipe.yaml", ("index.jsonl", "events.jsonl")

_LONGEST_NAME = 200  # characters that a message shows of a path or label

SettingsT = TypeVar("SettingsT", bound=Section)


class Layout(ABC, Generic[SettingsT]):
    """One way in which images and their labels lie in a folder.

    A layout says what it finds, in the words of the folder. What the labels mean (good, renamed, ignored), whether the
    files are there and that no image is listed twice is looked after by ``readers.read``, for all layouts alike.

    Args:
        root: Folder that every path is relative to; absolute.
        settings: The reader's part of the recipe.
    """

    def __init__(self, root: Path, settings: SettingsT) -> None:
        self.root = root
        self.settings = settings

    @abstractmethod
    def rows(self) -> Iterable[Sample]:
        """Finds the images, each with its labels as found. No pixel of an image is decoded.

        Raises:
            DataError: The folder is not laid out like this, or an annotation is damaged (its file and line are named).
        """

    @classmethod
    @abstractmethod
    def detect(cls, root: Path) -> SettingsT | None:
        """The settings with which this layout fits the folder, or None if it does not."""

    def relative(self, path: Path) -> str:
        """The path as an index holds it: relative to the root, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def folder(self, name: str) -> Path:
        """A folder that a setting names.

        Raises:
            DataError: It is not there, or not below the root.
        """
        folder = self.root / clean_path(name, self.root, where="the reader's settings")
        if not folder.is_dir():
            raise DataError(
                f"expected a folder {name} in {self.root}, found {listed(subfolders(self.root))}",
                hint="Name the folder in the recipe under `data.reader`, or choose the reader that fits the layout.",
            )
        return folder


def walk(folder: Path, *, left_out: list[Path] | None = None) -> Iterator[Path]:
    """Every visible file below a folder. Links are followed, and each real folder is entered once: loops end.

    Run folders, bundles, what MLflow stores, and a folder of nothing else are not entered: their plots and pictures are
    no images of the product. The folder itself is, whatever it is.

    Args:
        folder: Where to begin.
        left_out: Is given the folders that were not entered.

    Raises:
        DataError: A folder cannot be listed, or a name is no valid text.
    """
    folders, links, seen = [folder], list[Path](), set[Path]()
    while folders or links:
        here = folders.pop() if folders else links.pop()
        real = here.resolve()
        if real in seen:
            continue
        seen.add(real)
        for entry in _visible(here):
            path = here / entry.name
            if _is_folder(entry):
                if _is_ours(path):
                    if left_out is not None:
                        left_out.append(path)
                    continue
                (links if entry.is_symlink() else folders).append(path)
            elif path.suffix.lower() not in SUFFIXES or path.is_file():
                yield path
            else:
                logger.warning("%s is a link to nothing and is left out", path)


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:  # far fewer questions to the disk than pathlib asks
            visible = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _LITTER]
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be listed: {error.strerror}") from error
    for entry in visible:
        try:
            entry.name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"the name of {entry.path!a} is not valid UTF-8",
                hint="Rename the file; an index holds names as text, so that it means the same on every machine.",
            ) from error
    return sorted(visible, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()  # DirEntry fails at a link to itself


def _is_ours(folder: Path) -> bool:
    """Whether Sightline or MLflow wrote all that is in a folder."""
    if _was_written(folder):
        return True
    inside = _visible(folder)
    return bool(inside) and all(_is_folder(entry) and _was_written(folder / entry.name) for entry in inside)


def _was_written(folder: Path) -> bool:
    if folder.name in _TRACKED or (folder / MANIFEST).is_file():
        return True
    return (folder / _RUN).is_file() and any((folder / name).is_file() for name in _RUN_ROWS)


def images(folder: Path) -> Iterator[Path]:
    """Every image file below a folder, told by its suffix."""
    return (path for path in walk(folder) if path.suffix.lower() in SUFFIXES)


def folder_of(root: Path, stated: str) -> Path | None:
    """The folder from which an annotation file names an image, found by looking; None if the image is nowhere."""
    name = stated.replace("\\", "/")
    path = next((path for path in images(root) if path.as_posix().endswith(f"/{name}")), None)
    return path.parents[name.count("/")] if path else None


def subfolders(folder: Path) -> list[str]:
    """Names of the visible folders directly inside a folder, sorted, without those that `walk` leaves out.

    There are none if it is no folder.
    """
    inside = _visible(folder) if folder.is_dir() else []
    return [entry.name for entry in inside if _is_folder(entry) and not _is_ours(folder / entry.name)]


def read_text(path: Path) -> str:
    """Reads a text file, with or without a byte order mark.

    Raises:
        DataError: It is missing, cannot be read or is not UTF-8; the line is named.
    """
    if path.is_dir():
        raise DataError(f"expected the file {path}, found a folder", hint="Name the file, in `data.reader` say.")
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(f"{path}: expected a file of at most {LARGEST_FILE / 2**30:g} GiB")
        data = path.read_bytes()
    except OSError as error:
        beside = _siblings(path)
        raise DataError(
            f"expected the file {path}, but it cannot be read: {error.strerror}",
            hint=did_you_mean(path.name, beside) or f"There is: {listed(beside)}.",
        ) from error
    try:
        return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}, line {line}: not UTF-8", hint="Save the file as UTF-8.") from error


def _siblings(path: Path) -> list[str]:
    return [other.name for other in _visible(path.parent)] if path.parent.is_dir() else []


def clean_path(text: str, root: Path, *, where: str) -> str:
    """Brings a path that a file states to the form of an index: relative to the root, with forward slashes.

    Args:
        text: As written, on any system.
        root: Folder that the path must lie in; absolute.
        where: The file and line, for the error message.

    Raises:
        DataError: It is empty or leads out of the root.
    """
    stated = text.strip()
    if Path(stated).is_relative_to(root):  # an absolute path, for the root is one
        stated = Path(stated).relative_to(root).as_posix()
    path = PurePosixPath(stated.replace("\\", "/"))
    if path.is_absolute() or PureWindowsPath(stated).drive or ".." in path.parts or not stated:
        raise DataError(
            f"{where}: expected a path inside {root}, got {shown(text)}",
            hint="Paths are relative to `data.root`; take a root that holds all images.",
        )
    return str(path)


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in one line; long lists and long names are cut."""
    cut = [name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…" for name in names[:most]]
    told = ", ".join(cut) or "nothing"
    return f"{told} and {len(names) - most:,} more" if len(names) > most else told


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 image, 1,200 images."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def refuse_shared(named: Iterable[tuple[Hashable, Path]], folder: Path) -> None:
    """Refuses files that go by one name: what belongs to the one would be given to the other too, or one would be lost.

    Args:
        named: What each file goes by, and the file.
        folder: The folder that all lie in, for the error message.

    Raises:
        DataError: Some share their name.
    """
    by_name = defaultdict[Hashable, list[str]](list)
    for name, path in named:
        by_name[name].append(path.relative_to(folder).as_posix())
    shared = [" and ".join(paths) for paths in by_name.values() if len(paths) > 1]
    if shared:
        raise DataError(
            f"expected files of one name each in {folder}, found {counted(len(shared), 'name')} of several: "
            f"{listed(shared, 3)}",
            hint="Remove one of each, or rename it and its annotations.",
        )
