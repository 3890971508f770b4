"""Progress of work in stages: a bar where a person watches, nothing where a log is written."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from tqdm import tqdm


class Bars:
    """One bar a stage, each in the place of the one before; call it with the stage, what is done, and what there is."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm | None = None  # type: ignore[type-arg]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Shows that so many of so many steps of a stage are done."""
        if not sys.stderr.isatty():
            return
        if stage != self._stage or self._bar is None:
            self._close()
            self._stage = stage
            self._bar = tqdm(total=total, desc=stage, leave=False, dynamic_ncols=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
