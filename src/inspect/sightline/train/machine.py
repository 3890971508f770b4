"""The machine that trains: its load, and how it keeps memory."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import psutil
import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h of glibc


class Load:
    """Load of the machine, under the names that MLflow shows as system metrics.

    Args:
        folder: The disk that it lies on is watched.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._received, self._sent = _network()
        psutil.cpu_percent()  # its next call tells the load since this one

    def figures(self) -> dict[str, float]:
        """Figures now; processor load since the last call, network traffic since the start."""
        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._folder))
        received, sent = _network()
        found = {
            "cpu_utilization_percentage": psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / 1e6,
            "system_memory_usage_percentage": memory.percent,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / 1e6,
            "disk_available_megabytes": disk.free / 1e6,
            "network_receive_megabytes": (received - self._received) / 1e6,
            "network_transmit_megabytes": (sent - self._sent) / 1e6,
        }
        for number in range(torch.cuda.device_count()):
            found |= _gpu(number)
        return {f"system/{name}": float(value) for name, value in found.items()}


def keep_freed_memory() -> None:
    """Makes glibc's malloc keep freed memory instead of handing it back to the system and asking for it again.

    A training step frees and claims the same large blocks over and over; each time the system would clear every page.
    Half of the processor time of a MobileNetV2 step went there. Does nothing with another C library or on Windows.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    libc.mallopt(_M_TOP_PAD, 2**28)


def _network() -> tuple[int, int]:
    cards = psutil.net_io_counters(pernic=True).values()
    return sum(card.bytes_recv for card in cards), sum(card.bytes_sent for card in cards)


def _gpu(number: int) -> dict[str, float]:
    free, total = torch.cuda.mem_get_info(number)
    found = {
        f"gpu_{number}_memory_usage_megabytes": (total - free) / 1e6,
        f"gpu_{number}_memory_usage_percentage": 100 * (total - free) / total,
    }
    try:
        found[f"gpu_{number}_utilization_percentage"] = torch.cuda.utilization(number)
        found[f"gpu_{number}_power_usage_watts"] = torch.cuda.power_draw(number) / 1000
    except (ModuleNotFoundError, RuntimeError):  # NVIDIA's management library is absent or refuses: memory must do
        pass
    return found
