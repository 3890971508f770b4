"""The images that arguments on the command line stand for."""

from __future__ import annotations

import glob
import io
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sightline.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sightline.config.recipe import Data


def collect(arguments: Sequence[str], missing: list[str]) -> tuple[Iterable[str], int | None]:
    """The images' paths and how many they are, which is not known where a list comes on standard input.

    Args:
        arguments: As typed.
        missing: Takes up what holds no image.

    Raises:
        DataError: Standard input is closed, or there is no image at all.
    """
    if "-" in arguments:
        if sys.stdin is None:
            raise DataError("expected paths of images on standard input, which is closed")
        each = (_listed(missing) if argument == "-" else _expand(argument, missing) for argument in arguments)
        return itertools.chain.from_iterable(each), None
    paths = [path for argument in arguments for path in _expand(argument, missing)]
    if not paths:
        raise DataError(f"found no image in {some(arguments)}", hint=hint())
    return paths, len(paths)


def labelled(index: Path, overrides: Sequence[str]) -> Data:
    """The labelled images that an index file, or a folder, stands for.

    Args:
        index: The file or folder.
        overrides: KEY=VALUE of data.

    Raises:
        ConfigError: There is no such file or folder, or an override is wrong.
    """
    from sightline import config

    if not index.exists():
        raise ConfigError(f"expected an index or a folder of labelled images, but there is no {index}")
    values: dict[str, object] = {"root": str(index)}
    if index.is_file():
        values = {"root": str(index.absolute().parent), "reader": {"kind": "index", "file": index.name}}
    return config.build({"name": "images", "data": values}, overrides).data


def _expand(argument: str, missing: list[str]) -> list[str]:
    """The files that one argument stands for; what is not there stands for itself, and is answered as such."""
    from sightline.runtime.score import find_images

    path = Path(argument)
    if is_folder(argument):
        found = [str(file) for file in find_images(path)]
    elif glob.has_magic(argument) and not path.exists():
        names = glob.glob(argument, recursive=True)  # noqa: PTH207 - pathlib takes no absolute patterns
        found = [name for name in sorted(names) if not is_folder(name)]
    else:
        found = [argument]
        if not os.path.lexists(path):  # as likely a folder's name, mistyped, as an image that was lost
            missing.append(argument)
    if not found:
        print(f"note: no image in {argument}", file=sys.stderr)
        missing.append(argument)
    return found


def is_folder(name: str) -> bool:
    """Whether that is a folder, as far as can be seen."""
    try:
        return name != "" and Path(name).is_dir()
    except OSError:  # it lies in a folder that may not be entered
        return False


def some(names: Sequence[str]) -> str:
    """The first of many names."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def hint() -> str:
    """What an image is."""
    from sightline.image import SUFFIXES

    return f"Folders are searched for files that end in {', '.join(sorted(SUFFIXES))}."


def _listed(missing: list[str]) -> Iterator[str]:
    """The paths on standard input, as they come; a folder that cannot be searched stands for itself."""
    # Read without a buffer: a thread that waits in a buffered read would hold a lock that Python needs to end.
    with io.FileIO(sys.stdin.fileno(), closefd=False) as stream:
        for line in stream:
            name = os.fsdecode(line.rstrip(b"\r\n"))
            if not is_folder(name):
                yield from [name] if name else []
                continue
            try:
                yield from _expand(name, missing)
            except DataError as error:
                print(f"note: {error.message}", file=sys.stderr)
                missing.append(name)
                yield name
