"""Runs a program that fits a model, and ends it where that takes too long or too much memory."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from sightline.errors import SightlineError

_POLL = 0.1  # seconds


@dataclass(frozen=True)
class Seen:
    """What became of a program that fits a model.

    Attributes:
        steps: Name of each step that was done -> what was said of it.
        peak_bytes: Largest resident memory of the program and its children until `fit` was done.
        stopped: Why it was ended before that, or empty.
    """

    steps: dict[str, dict[str, Any]]
    peak_bytes: int
    stopped: str = ""


def watch(command: Sequence[str], folder: Path, limits: tuple[float, int]) -> Seen:
    """Runs a program that fits a model, and ends it where the fit takes too long or too much.

    The program appends a line of JSON to `events.jsonl` for every step that is done, an object with its name as `step`:
    first `ready` (imported, about to fit), then `fit`, then what it likes. What it prints goes into `worker.log`. Its
    input is a pipe that closes when this process ends, however it does: it should end then too.

    Args:
        command: The program and its arguments.
        folder: Where it writes.
        limits: Seconds from `ready` to `fit`, and bytes of memory.

    Raises:
        SightlineError: It failed.
    """
    log, peak, ready = folder / "worker.log", 0, math.inf
    seconds, memory = limits
    with (
        log.open("wb") as output,
        psutil.Popen(list(command), stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            while process.poll() is None and "fit" not in (steps := _steps(folder)):
                peak = max(peak, _resident(process))
                if "ready" in steps:
                    ready = min(ready, time.monotonic())
                taken = time.monotonic() - ready  # below zero until it is ready
                if taken > seconds:
                    return Seen(steps, peak, f"did not end in {seconds:g} s")
                if peak > memory:
                    return Seen(steps, peak, f"took more than {memory / 1e9:g} GB after {max(0, taken):.0f} s")
                time.sleep(_POLL)
            if process.wait():
                raise SightlineError(f"{' '.join(command)} failed:\n{_tail(log)}", hint=f"All it said is in {log}.")
        finally:
            _end(process)
    return Seen(_steps(folder), peak)


def _steps(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "events.jsonl"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = [line for line in text.splitlines(keepends=True) if line.endswith("\n")]  # the last may be half written
    return {step["step"]: step for step in map(json.loads, whole)}


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it ended meanwhile
    return total


def _end(process: psutil.Popen) -> None:
    """Ends a program and all it has started, if it still runs."""
    try:
        running = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for one in running:
        try:
            one.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
