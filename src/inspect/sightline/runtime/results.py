"""Verdicts as lines of text, one a frame, that are whole whatever happens."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sightline.errors import DataError
from sightline.verdict import Outcome, Verdict


def json_line(verdict: Verdict, overlay: Path | None = None) -> str:
    """A verdict as one line of JSON; ``overlay`` is added where there is one."""
    plain = verdict.to_dict()
    if overlay is not None:
        plain["overlay"] = str(overlay)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False)


_LOCATED = ("defects", "x1", "y1", "x2", "y2", "area", "area_mm2")


def csv_header(classes: Sequence[str], *, located: bool = False) -> str:
    """The names of the columns that `csv_line` fills."""
    scores = [f"score:{name}" for name in classes]
    places = _LOCATED if located else ()
    return _row(
        ["frame", "outcome", "defect", "score", "reasons", "bundle", "milliseconds", "overlay", *places, *scores]
    )


def csv_line(verdict: Verdict, classes: Sequence[str], overlay: Path | None = None, *, located: bool = False) -> str:
    """A verdict as one line of CSV: the most probable named defect, and every type's score.

    Args:
        verdict: The answer.
        classes: The bundle's types.
        overlay: The picture of it, or None.
        located: Whether the bundle locates defects: then it is told how many there are, and box (in pixels of the
            frame) and area of the most probable one.
    """
    top = verdict.defects[0] if verdict.defects else None
    scores = [verdict.scores.get(name, "") for name in classes]
    return _row(
        [
            verdict.frame,
            verdict.outcome.value,
            top.label if top else "",
            top.score if top else "",
            "; ".join(verdict.reasons).replace("\n", " "),
            verdict.bundle,
            f"{verdict.milliseconds:.3f}",
            "" if overlay is None else str(overlay),
            *(_place(verdict) if located else ()),
            *scores,
        ]
    )


def _place(verdict: Verdict) -> list[object]:
    """What `_LOCATED` names; empty where it is not known."""
    count = "" if verdict.outcome is Outcome.NOT_INSPECTED else len(verdict.defects)
    top = verdict.defects[0].to_dict() if verdict.defects else {}
    return [count, *top.get("box", [""] * 4), top.get("area", ""), top.get("area_mm2", "")]


def _row(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


class Lines:
    """A file or pipe that takes whole lines: each is handed to the system before the next frame is scored.

    If the program is killed, every line that was written is there. If the disk is full, the part of a line that did fit
    is taken back where that is possible, so that the file ends with a whole one.

    Args:
        stream: Where to.
        name: For messages.
        mend: Whether the stream may be cut: to nothing before the first line, and back to the last whole one.

    Attributes:
        count: Lines written.
    """

    def __init__(self, stream: BinaryIO, name: str, *, mend: bool = False) -> None:
        self._stream = stream
        self._name = name
        self._mend = mend
        self.count = 0

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Iterator[Lines]:
        """Opens a file for new lines and closes it at the end.

        What it held is kept until the first new line is there. It is written in place, not aside, because each line is
        to be on the disk as soon as it is known.

        Raises:
            DataError: It cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            stream = path.open("ab", buffering=0)
        except OSError as error:
            raise DataError(f"{path}: the results cannot be written ({error.strerror})") from error
        lines = cls(stream, str(path), mend=path.is_file())
        try:
            with stream:
                yield lines
        finally:
            if new and not lines.count:
                path.unlink(missing_ok=True)

    def write(self, line: str) -> None:
        """Writes one line.

        Raises:
            DataError: The disk is full or the file cannot be written any more.
            BrokenPipeError: Who read the pipe has gone.
        """
        # A file name that is no UTF-8 is spelt with escapes, which in JSON are the escapes of JSON.
        rest = memoryview((line + "\n").encode("utf-8", "backslashreplace"))
        start = self._stream.tell() if self._mend and self.count else 0
        try:
            if self._mend and not self.count:
                self._stream.truncate(0)
            while rest:  # an unbuffered file may take only a part
                rest = rest[self._stream.write(rest) :]
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            if self._mend:
                self._stream.truncate(start)
            kept = f"the {self.count:,} lines before are whole" if self.count else "nothing was written before"
            raise DataError(f"{self._name}: the results cannot be written ({error.strerror}); {kept}") from error
        self.count += 1
