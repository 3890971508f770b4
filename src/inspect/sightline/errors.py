"""The family of errors that Sightline raises on purpose.

    SightlineError
    ├── ConfigError      a recipe, station file or override cannot be used
    ├── DataError        images, labels or masks cannot be used
    │   └── ImageError   one image cannot be decoded or is not fit to be inspected
    ├── BundleError      a bundle is incomplete, altered or made for another runtime
    ├── TrainError       training cannot start or go on
    ├── ExportError      a gate refused to write a bundle
    ├── TrackingError    the tracking server cannot be reached or refuses
    └── MissingExtra     an optional part of the installation is absent

Each says what was expected, what came, and (the hint) what to do. Only ``cli`` turns one into an exit code.
"""

from __future__ import annotations

from collections.abc import Iterable


class SightlineError(Exception):
    """Base of every error raised on purpose.

    Args:
        message: What was expected and what came, in one or more lines.
        hint: What the user can do about it; empty if there is nothing to add.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ConfigError(SightlineError):
    """A recipe, station file or override cannot be used."""


class DataError(SightlineError):
    """Images, labels or masks cannot be used."""


class ImageError(DataError):
    """One image cannot be decoded or is not fit to be inspected."""


class BundleError(SightlineError):
    """A bundle is incomplete, altered or made for another runtime."""


class TrainError(SightlineError):
    """Training cannot start or go on."""


class ExportError(SightlineError):
    """A gate refused to write a bundle."""


class TrackingError(SightlineError):
    """The tracking server cannot be reached or refuses."""


class MissingExtra(SightlineError):  # noqa: N818 - it names what is missing
    """An optional part of the installation is absent."""


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A hint that names the known word nearest to a misspelt one, whatever the case; empty if none is near."""
    import difflib  # noqa: PLC0415 - rarely needed, and every start of the runtime would wait for it

    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(str(word).casefold(), by_folded, n=1)
    return f"Did you mean `{by_folded[near[0]]}`?" if near else ""
