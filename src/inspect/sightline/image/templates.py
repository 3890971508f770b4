"""Which template belongs to a frame: its own, that of a named variant, or the one that it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sightline.config import Preprocess
from sightline.errors import ImageError
from sightline.image.register import Registration, best

_Image = NDArray[np.uint8]

_SPARSE = 64  # every so many rows are compared first


class Templates:
    """The templates of a product's variants.

    Args:
        variants: Name -> picture, RGB, uint8; it may be none, then each frame brings its own.
        choose: Whether a frame names its variant, or shows the one that it fits best.
        spec: What frames go through.
    """

    def __init__(self, variants: Mapping[str, _Image], choose: Literal["name", "match"], spec: Preprocess) -> None:
        self._variants, self._choose, self._spec = dict(variants), choose, spec

    def of(self, frame: _Image, *, own: _Image | None = None, variant: str = "") -> tuple[_Image, Registration | None]:
        """The template of a frame, and how the frame lies on it where that was found on the way.

        Args:
            frame: RGB, uint8 (H, W, 3).
            own: The template that came with the frame, or None.
            variant: The variant that the frame is said to show; empty if nobody said.

        Raises:
            ImageError: There is no such template, or none that fits.
        """
        if own is not None:
            return own, None
        known = ", ".join(self._variants) or "none"
        if variant:
            if variant not in self._variants:
                raise ImageError(f"no template for the variant {variant!r}; there are templates of: {known}")
            return self._variants[variant], None
        if not self._variants:
            raise ImageError("expected a template with the frame, got none, and there are none of variants")
        if len(self._variants) == 1:
            return next(iter(self._variants.values())), None
        if self._choose == "name" or self._spec.align is None:
            raise ImageError(f"expected the name of the frame's variant, got none; there are templates of: {known}")
        name, registration = best(frame, self._variants, self._spec.align, self._spec)
        return self._variants[name], registration


def is_itself(frame: _Image, template: _Image) -> bool:
    """Whether a frame came with itself as its template, from which nothing can differ.

    No camera takes the same picture twice to the bit. Of pictures that hold two values alone it is no wonder: a perfect
    part equals its template once both are binarised.

    Args:
        frame: RGB, uint8 (H, W, 3).
        template: RGB, uint8 (h, w, 3), as it came.
    """
    some = np.s_[::_SPARSE]
    alike = np.array_equal(frame[some], template[some]) and np.array_equal(frame, template)
    return alike and not _binarised(frame)


def _binarised(picture: _Image) -> bool:
    """Whether each channel holds two values at most."""
    low, high = picture.min((0, 1)), picture.max((0, 1))
    return bool(((picture == low) | (picture == high)).all())
