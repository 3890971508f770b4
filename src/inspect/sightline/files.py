"""Files that are there whole or not at all, whatever happens to the process or to the power."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Writes aside, waits until the disk has it, and renames: nobody ever reads half of it.

    Args:
        path: The file, which is replaced if it is there; the folders above it are made.
        data: All that it shall hold.

    Raises:
        OSError: It cannot be written. The file that was there before is whole, and nothing is left beside it.
    """
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
