"""How many threads this process may really use.

onnxruntime counts the machine's processors and ignores both the affinity mask and the quota of a container: given
sixteen threads on two processors' worth of time, each frame waits for threads that are not running.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_GROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def default_threads() -> int:
    """The number of threads that compute at once without waiting for each other.

    Returns:
        At least 1: the processors that this process may run on, or the whole processors that its quota is worth if
        these are fewer. A fraction is left unused, for a thread that runs dry stops all others until the next period.
    """
    quota = cpu_quota()
    cpus = available_cpus()
    return cpus if quota is None else max(1, min(cpus, math.floor(quota)))


def available_cpus() -> int:
    """Processors that this process may run on: those of its affinity mask, or all where there is none to be read."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(groups: Path = _GROUPS, membership: Path = _MEMBERSHIP) -> float | None:
    """The processor time that Linux control groups grant this process.

    Args:
        groups: Where the control groups are mounted.
        membership: The file that lists the groups of this process, one ``number:controllers:path`` a line.

    Returns:
        Seconds of processor time a second (1.5 is one processor and a half): the smallest grant from its own group up
        to the topmost one. None where nothing is limited, and on systems without control groups.
    """
    grants = [
        grant for folder in _folders(groups, membership) for grant in (_unified(folder), _legacy(folder)) if grant
    ]
    return min(grants, default=None)


def _folders(groups: Path, membership: Path) -> Iterator[Path]:
    """The folders of each group that can limit this process's time."""
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one tree, which stands in `unified` where both versions are in use. Inside a container the path
        # may be the host's, of which only the top can be seen: then the top is the container's own group.
        mounts = [groups / "cpu", groups / controllers] if controllers else [groups, groups / "unified"]
        path = PurePosixPath(name.lstrip("/"))
        inner = [] if ".." in path.parts else [path, *path.parents]
        yield from (mount / part for mount in mounts for part in inner or [PurePosixPath()])


def _unified(folder: Path) -> float | None:
    """The grant of a version 2 group: ``cpu.max`` holds quota (or max) and period, in microseconds."""
    return _grant(*_words(folder / "cpu.max"))


def _legacy(folder: Path) -> float | None:
    """The grant of a version 1 group: a quota of -1 is no limit."""
    return _grant(*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us"))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except OSError:
        return []


def _grant(*words: str) -> float | None:
    """Quota over period, or None if the group does not exist or sets no limit."""
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return None
    quota, period = map(int, words)
    return quota / period if quota and period else None
