"""Files that are there whole or not at all, whatever happens to the process or to the power."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

PNG_MARK = b"tEXtSoftware\0Sightline preview"
"""What a PNG holds that `signed` has signed: the type and the content of a text chunk."""

_HEADER = 33  # bytes of a PNG before its second chunk: the signature, and the header with length, type and check


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Writes aside, waits until the disk has it, and renames: nobody ever reads half of it.

    Args:
        path: The file, which is replaced if it is there; the folders above it are made.
        data: All that it shall hold.

    Raises:
        OSError: It cannot be written, or is a folder. The file that was there before is whole, and nothing is left
            beside it.
    """
    if not path.name or path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "expected a file, got a folder", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".part")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise


def signed(png: bytes) -> bytes:
    """The same picture as PNG, with a text chunk that tells it from all that Sightline did not draw."""
    chunk = struct.pack(">I", len(PNG_MARK) - 4) + PNG_MARK + struct.pack(">I", zlib.crc32(PNG_MARK))
    return png[:_HEADER] + chunk + png[_HEADER:]
