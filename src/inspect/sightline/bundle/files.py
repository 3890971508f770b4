"""Reads the files of a bundle into memory, from a folder or a zip, and trusts neither.

Every file is read once. Hashes are checked, and the model's session is built, from those bytes, so nothing can change
in between and nothing outside the bundle is ever opened.
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from pathlib import Path

from sightline.bundle.manifest import MANIFEST
from sightline.errors import BundleError

MOST_BYTES = 2**31
"""Largest bundle, all files together; a single ONNX file cannot be larger."""

MOST_FILES = 1000
"""Most files in a bundle."""

_BOMB_RATIO = 100
_BOMB_FLOOR = 2**24


def read_files(path: Path) -> dict[str, bytes]:
    """Reads every file of a bundle.

    Args:
        path: The bundle's folder, or a zip of it.

    Returns:
        Name relative to the bundle, with forward slashes -> content.

    Raises:
        BundleError: It cannot be read, holds what is no regular file, or is larger than a bundle may be.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        if zipfile.is_zipfile(path):
            return _read_zip(path)
    except OSError as error:
        raise BundleError(f"{path}: the bundle cannot be read ({error.strerror or error})") from error
    found = "a file that is neither" if path.exists() else "nothing"
    raise BundleError(f"{path}: expected the folder of a bundle or a zip of it, found {found}")


def _read_folder(root: Path) -> dict[str, bytes]:
    found = _list_folder(root)
    _check_limits(str(root), len(found), sum(size for _, size in found))
    files = {}
    for path, size in found:
        with path.open("rb") as handle:
            files[path.relative_to(root).as_posix()] = handle.read(size)
    return files


def _list_folder(root: Path) -> list[tuple[Path, int]]:
    def fail(error: OSError) -> None:
        raise error

    found = []
    for folder, inside, names in os.walk(root, onerror=fail):
        for path in (Path(folder, name) for name in sorted([*inside, *names])):
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):
                found.append((path, facts.st_size))
            elif not stat.S_ISDIR(facts.st_mode):
                kind = "a symbolic link" if stat.S_ISLNK(facts.st_mode) else "a device, pipe or socket"
                raise BundleError(f"{path}: expected a regular file, found {kind}")
    return found


def _read_zip(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check_entries(path, entries)
            top = _top_folder([entry.filename for entry in entries])
            return {entry.filename.removeprefix(top): archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: the zip is damaged ({error})", hint="Copy or download it again.") from error


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    size = sum(entry.file_size for entry in entries)
    _check_limits(str(path), len(entries), size)
    if size > max(_BOMB_FLOOR, _BOMB_RATIO * path.stat().st_size):
        raise BundleError(f"{path}: {path.stat().st_size:,} bytes that unpack to {size:,} are no bundle but a zip bomb")
    seen = set()
    for entry in entries:
        mode = entry.external_attr >> 16
        if "\\" in entry.orig_filename or entry.filename.startswith("/") or ".." in entry.filename.split("/"):
            raise BundleError(f"{path}: {entry.filename!r} points outside the bundle")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise BundleError(f"{path}: expected {entry.filename!r} to be a regular file, found a link or device")
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(f"{path}: {entry.filename!r} is encrypted or packed by another method than deflate")
        if entry.filename in seen:
            raise BundleError(f"{path}: {entry.filename!r} is there twice")
        seen.add(entry.filename)


def _top_folder(names: list[str]) -> str:
    """The folder that the whole zip lies in, with its slash; empty if the manifest lies at the top."""
    if MANIFEST in names:
        return ""
    tops = {name.partition("/")[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 else ""


def _check_limits(where: str, count: int, size: int) -> None:
    if count > MOST_FILES or size > MOST_BYTES:
        raise BundleError(
            f"{where}: expected at most {MOST_FILES:,} files and {MOST_BYTES:,} bytes, found {count:,} and {size:,}",
            hint="Is this the folder of one bundle?",
        )
