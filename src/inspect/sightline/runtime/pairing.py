"""Which template belongs to which file, where each frame has one of its own on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.errors import DataError, ImageError, did_you_mean
from sightline.image import SUFFIXES

_FIELDS = ("stem", "parent", "suffix")
_FIELD = re.compile(r"\{([^{}-]*)(?:-([^{}]+))?\}")


class Pairing:
    """Finds the template of an image file.

        >>> Pairing("{parent}/{stem-_test}_temp.png").file(Path("boards/0017_test.png")).as_posix()
        'boards/0017_temp.png'

    Args:
        text: What tells the template: a file, which is every frame's; a folder, which holds one of each frame's name,
            or of its stem with another ending; or a pattern, in which ``{stem}`` is the frame's name without its
            ending, ``{stem-END}`` the same without ``END`` after it, ``{parent}`` its folder and ``{suffix}`` its
            ending with the dot. What is there as a file or folder is no pattern.
        bits: Significant bits of templates stored with 16 bits a channel.

    Raises:
        DataError: The file cannot be read, or it is neither a file, nor a folder, nor a pattern.
    """

    def __init__(self, text: str, *, bits: int = 16) -> None:
        self._text, self._path, self._bits = text, Path(text), bits
        self._only: NDArray[np.uint8] | None = None
        self._folder = self._path.is_dir()
        if self._folder:
            return
        if "{" in text and not self._path.exists():
            _check(text)
            return
        try:
            self._only = image.read(self._path, bits=bits)  # once for all frames, and before the first of them
        except ImageError as error:
            raise DataError(
                f"--template {error.message}",
                hint="It is a file, a folder, or a pattern such as 'templates/{stem}.png'.",
            ) from error

    def __call__(self, path: Path) -> NDArray[np.uint8]:
        """The template, RGB, uint8 (H, W, 3), of an image file.

        Raises:
            ImageError: There is none, or it cannot be decoded.
        """
        if self._only is not None:
            return self._only
        file = self.file(path)
        try:
            return image.read(file, bits=self._bits)
        except ImageError as error:
            raise ImageError(f"the template of {path.name}: {error.message}") from error

    def file(self, path: Path) -> Path:
        """The file that holds the template of an image file; a pattern's may not be there.

        Raises:
            ImageError: The folder holds none or several, or the file's name does not end as the pattern says.
        """
        if self._folder:
            return self._in_folder(path)
        if self._only is not None:
            return self._path
        return Path(_FIELD.sub(lambda field: _filled(field, path), self._text))

    def _in_folder(self, path: Path) -> Path:
        own = self._path / path.name
        if own.exists():
            return own
        found = [file for suffix in sorted(SUFFIXES) if (file := self._path / f"{path.stem}{suffix}").exists()]
        if len(found) != 1:
            got = "none" if not found else " and ".join(file.name for file in found)
            raise ImageError(f"expected a template named {path.stem} in {self._path}, got {got}")
        return found[0]


def _check(text: str) -> None:
    """Refuses a pattern that could fit no frame."""
    rest = _FIELD.sub("", text)
    names = [name for name, _ in _FIELD.findall(text)]
    wrong = [name for name, end in _FIELD.findall(text) if name not in _FIELDS or (end and name != "stem")]
    if wrong or not names or "{" in rest or "}" in rest:
        got = f"{{{wrong[0]}}}" if wrong else repr(text)
        raise DataError(
            f"--template {text}: expected {{stem}}, {{stem-END}}, {{parent}} or {{suffix}} in braces, got {got}",
            hint=did_you_mean(wrong[0], _FIELDS) if wrong else "",
        )


def _filled(field: re.Match[str], path: Path) -> str:
    name, end = field.groups()
    if name == "parent":
        return str(path.parent)
    if name == "suffix":
        return path.suffix
    if end and not (path.stem.endswith(end) and path.stem != end):
        raise ImageError(f"{path.name} has no template: expected a name that ends with {end}{path.suffix}")
    return path.stem.removesuffix(end or "")
