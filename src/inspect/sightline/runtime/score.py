"""Many images, one after another: several at work at once, answers in the order of the questions."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from sightline.errors import DataError
from sightline.image import SUFFIXES
from sightline.runtime.inspector import Inspection, Inspector, Source

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def score_images(
    inspector: Inspector, sources: Iterable[Source], *, at_once: int = 2
) -> Generator[Inspection, None, None]:
    """Inspects image files; a bad one gives a NOT_INSPECTED, and the rest goes on.

    Decoding, preprocessing and the model all run outside Python's lock, so threads keep the processors busy. An answer
    is given as soon as it and all before it are ready, also where ``sources`` is a stream that stalls.

    Args:
        inspector: The bundle at work.
        sources: Image files, with their templates where they have some; read only as far ahead as needed.
        at_once: Images at work at the same time; at most twice as many are held in memory.

    Yields:
        One inspection a source, in their order.
    """
    yield from map_ahead(inspector.examine, sources, threads=at_once, ahead=2 * at_once)


def find_images(folder: Path) -> list[Path]:
    """All image files of a folder and the folders below it, by their names' endings, sorted.

    Links to folders are followed, and each real folder is searched once: loops end.

    Raises:
        DataError: A folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename}: the folder cannot be searched ({error.strerror})") from error

    found, seen, tops = list[Path](), set[Path](), [folder]
    for top in tops:  # which grows: links come last, so that what is there without them keeps its own name
        for where, below, names in os.walk(top, onerror=fail):
            real = Path(where).resolve()
            if real in seen:
                below.clear()
                continue
            seen.add(real)
            found += (Path(where, name) for name in names)
            tops += (path for path in (Path(where, name) for name in sorted(below)) if path.is_symlink())
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def map_ahead(
    function: Callable[[_In], _Out], items: Iterable[_In], *, threads: int, ahead: int
) -> Generator[_Out, None, None]:
    """Applies a function in threads, ahead of who takes the results, in order.

    Args:
        function: What is done; an exception of it is raised where its result would have come.
        items: Taken by a thread of its own, so that waiting for the next one does not hold back results.
        threads: Calls at the same time.
        ahead: Results, finished or not, that may wait to be taken.

    Raises:
        DataError: ``items`` ended with an error.
    """
    waiting: SimpleQueue[Future[_Out] | None] = SimpleQueue()
    room = threading.Semaphore(ahead)
    feeding = threading.Lock()  # held while a call is handed to the pool, so that none is after the pool was closed
    closed = finished = False

    def feed() -> None:
        nonlocal finished
        try:
            for item in items:
                room.acquire()
                with feeding:
                    if closed:
                        return
                    waiting.put(pool.submit(function, item))
            finished = True
        finally:
            waiting.put(None)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="inspect")
    # A daemon: a stream of paths that never ends must not keep the program alive.
    feeder = threading.Thread(target=feed, name="feed", daemon=True)
    feeder.start()
    try:
        while (future := waiting.get()) is not None:
            result = future.result()
            room.release()
            yield result
            del future, result  # a frame is large; it is not kept while the next one is awaited
        if not finished:
            feeder.join()  # which prints the error where threads print theirs
            raise DataError("the list of images ended with an error")
    finally:
        with feeding:
            closed = True
        room.release()
        pool.shutdown(cancel_futures=True)
