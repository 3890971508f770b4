"""Keeps what a model said of many frames in bounded memory: maps of large frames are large, and a part has hundreds."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from typing import IO

import numpy as np

from sightline.errors import ExportError
from sightline.runtime.reader import Reading

_IN_MEMORY = 512 * 2**20  # bytes of maps; those beyond wait in a file


class Kept:
    """Readings in order; maps stay in memory as long as there is room, others in a file that goes with its last reader.

    It is to be closed once all are taken.
    """

    def __init__(self) -> None:
        self._readings: list[Reading] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._starts = dict[int, int]()  # number of a reading -> where its maps begin, in numbers

    def add(self, readings: Sequence[Reading]) -> None:
        """Takes the next readings.

        Raises:
            ExportError: Their maps have room neither in memory nor on disk.
        """
        for one in readings:
            self._bytes += one.maps.nbytes
            self._readings.append(one if self._bytes <= _IN_MEMORY else self._in_file(one))

    def readings(self) -> tuple[Reading, ...]:
        """All of them; maps in the file are read from there when they are looked at."""
        if self._file is None:
            return tuple(self._readings)
        held = np.memmap(self._file, np.float32, "r")
        for number, start in self._starts.items():
            one = self._readings[number]
            maps = held[start : start + one.maps.size].reshape(one.maps.shape)
            self._readings[number] = replace(one, maps=maps)
        return tuple(self._readings)

    def close(self) -> None:
        """Closes the file; maps that were given away can still be read."""
        if self._file is not None:
            self._file.close()

    def _in_file(self, one: Reading) -> Reading:
        """Writes the maps of a reading, and holds their place with zeros that take no memory."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - close() does
            self._starts[len(self._readings)] = self._file.tell() // np.dtype(np.float32).itemsize
            left = memoryview(one.maps.astype(np.float32, copy=False).tobytes())
            while left:  # unbuffered, so that nothing fails only when it is closed; one write may take a part
                left = left[self._file.write(left) :]
        except OSError as error:
            raise ExportError(
                f"the maps of a part cannot be kept in {tempfile.gettempdir()}: {error.strerror}",
                hint="Make room there, or name another folder in the environment variable TMPDIR.",
            ) from error
        return replace(one, maps=np.broadcast_to(np.float32(0), one.maps.shape))
