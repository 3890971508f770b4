"""What the computer offers: instructions, processors, disk, and the GPU as torch sees it."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from sightline.doctor.check import Check

SECTION = "Machine"
LOW_DISK = 2 * 10**9  # bytes; a training run with its checkpoints and bundle takes some hundred megabytes

# Starts torch with all it loads, and so shows a torchvision that does not fit: importing it registers its operators.
_ASK_TORCH = """
import json, torch, torchvision
print(json.dumps([torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]))
"""


def check_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """The instructions that decide how fast a network runs and how exact its 8-bit form is.

    Args:
        cpuinfo: Linux's description of the processors; other systems have none.
    """
    try:
        lines = [line.partition(":") for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return Check(SECTION, "processor", "ok", f"{platform.machine()}, instructions unknown on {platform.system()}")
    facts: dict[str, str] = {}
    for key, _, value in lines:
        facts.setdefault(key.strip(), value.strip())
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    name = facts.get("model name", platform.machine())
    if "asimd" in flags:  # 64-bit ARM
        return Check(
            SECTION, "processor", "ok", f"{name}; dot product {_yes('asimddp' in flags)}, i8mm {_yes('i8mm' in flags)}"
        )
    vnni = bool(flags & {"avx512_vnni", "avx_vnni"})
    told = f"{name}; AVX2 {_yes('avx2' in flags)}, AVX-512 {_yes('avx512f' in flags)}, VNNI {_yes(vnni)}"
    if "avx2" not in flags:
        return Check(SECTION, "processor", "warn", told, "without AVX2 a frame takes several times as long")
    if not vnni:
        return Check(
            SECTION, "processor", "warn", told, "without VNNI 8-bit models may lose accuracy: prefer model.onnx here"
        )
    return Check(SECTION, "processor", "ok", told)


def check_threads() -> Check:
    """The threads that an inspector would use here."""
    try:
        # Only now: the runtime cannot be imported where its packages are broken, which is what is being found out.
        from sightline.runtime.threads import available_cpus, cpu_quota, default_threads  # noqa: PLC0415
    except ImportError:
        return Check(SECTION, "threads", "warn", "unknown, for the runtime cannot be imported")
    quota = cpu_quota()
    limit = "no quota" if quota is None else f"a quota of {quota:g}"
    return Check(SECTION, "threads", "ok", f"{default_threads()} (may run on {available_cpus()} processors, {limit})")


def check_disk(folder: Path) -> Check:
    """The space left where a command started here would write.

    Args:
        folder: An existing folder.
    """
    free = shutil.disk_usage(folder).free
    found = f"{free / 1e9:.1f} GB in {folder}"
    if free < LOW_DISK:
        return Check(SECTION, "free disk", "warn", found, "make room: training fails when the disk is full")
    return Check(SECTION, "free disk", "ok", found)


def ask_torch(section: str) -> Check:
    """The GPUs that torch sees, asked of torch itself in a process of its own; takes some seconds.

    Args:
        section: Where it is reported.
    """
    command = [sys.executable, "-c", _ASK_TORCH]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=120)
    except subprocess.TimeoutExpired:
        return Check(section, "GPU", "warn", "torch did not start within two minutes")
    if answer.returncode:
        reason = (answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"])[-1]
        advice = "install both from the same place: pip install --force-reinstall torch torchvision -c constraints.txt"
        return Check(section, "GPU", "warn", f"torch and torchvision do not start: {reason}", advice)
    names: list[str] = json.loads(answer.stdout.splitlines()[-1])
    return Check(section, "GPU", "ok", ", ".join(names) or "none; training uses the processor")


def _yes(there: bool) -> str:
    return "yes" if there else "no"
