"""The value that each examination yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        section: What it belongs to: edge runtime, machine, training or tracking.
        name: What was looked at.
        state: ``ok``; ``warn`` works but deserves a look; ``missing`` is an optional part that is absent; ``broken``
            keeps something needed from working, or is unsafe.
        found: What was found, in a few words.
        advice: What to do, a command where there is one; empty if nothing is to be done.
    """

    section: str
    name: str
    state: Literal["ok", "warn", "missing", "broken"]
    found: str
    advice: str = ""
