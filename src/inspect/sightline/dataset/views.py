"""Images of a data set as the model is to see them, each with its template where the recipe has some."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from sightline import image
from sightline.config import Preprocess
from sightline.config.template import Template
from sightline.dataset.scan import read_checked, read_same
from sightline.errors import DataError
from sightline.image import Templates, View
from sightline.index import Index, Sample

VARIANT = "variant"
"""The attribute of an image that names the variant of the product that it shows."""

_KEPT = 512 * 2**20  # bytes of templates in memory


class Views:
    """Makes the views of images.

    Args:
        index: Tells where the files lie.
        spec: What images go through.
        templates: Those of the variants; None if images have no templates.

    Attributes:
        spec: What images go through.
        templates: Those of the variants; None if images have no templates.
    """

    def __init__(self, index: Index, spec: Preprocess, templates: Templates | None) -> None:
        self._index, self.spec, self.templates = index, spec, templates
        self._read = _Pictures(spec.bits)

    @classmethod
    def of_recipe(cls, index: Index, spec: Preprocess, template: Template | None) -> Views:
        """Of a recipe's images, with the templates that it states.

        Raises:
            ImageError: A variant's template cannot be read.
            DataError: It was changed since the index was made.
        """
        if template is None:
            return cls(index, spec, None)
        read, digests = _Pictures(spec.bits), index.templates
        variants = {name: read(file, digests.get(name, "")) for name, file in variant_files(template).items()}
        return cls(index, spec, Templates(variants, template.choose, spec))

    def of(self, sample: Sample) -> View:
        """The view of one image.

        Raises:
            ImageError: The image or its template cannot be read, there is none, or they cannot be brought together.
            DataError: The image or its template was changed since it was scanned.
        """
        frame = read_checked(self._index, sample, bits=self.spec.bits)
        if self.templates is None:
            return image.view(frame, self.spec)
        try:
            template, registration = self.templates.of(frame, own=self.own(sample), variant=variant_of(sample))
            return image.view(frame, self.spec, template, registration=registration)
        except DataError as error:
            raise type(error)(f"{sample.path}: {error.message}", hint=error.hint) from error

    def own(self, sample: Sample) -> NDArray[np.uint8] | None:
        """The template that came with an image, RGB, uint8 (H, W, 3); None if none did.

        Raises:
            ImageError: It cannot be read.
            DataError: It was changed since it was scanned.
        """
        return (
            None if sample.template is None else self._read(self._index.root / sample.template, sample.template_digest)
        )


class _Pictures:
    """Reads pictures and keeps the latest; what is kept does not travel to loading processes."""

    def __init__(self, bits: int) -> None:
        self._bits, self._lock = bits, Lock()
        self._kept: dict[Path, NDArray[np.uint8]] = {}  # the latest last

    def __call__(self, path: Path, digest: str) -> NDArray[np.uint8]:
        with self._lock:
            if path in self._kept:
                self._kept[path] = self._kept.pop(path)
                return self._kept[path]
        picture = image.decode(read_same(path, digest, name=path.name), name=path.name, bits=self._bits)
        with self._lock:
            self._kept[path] = picture
            while sum(one.nbytes for one in self._kept.values()) > _KEPT:
                self._kept.pop(next(iter(self._kept)))
        return picture

    def __reduce__(self) -> tuple[type[_Pictures], tuple[int]]:
        return _Pictures, (self._bits,)


def variant_of(sample: Sample) -> str:
    """The variant that an image is said to show; empty if nothing is said."""
    return sample.attributes.get(VARIANT, "")


def variant_files(template: Template | None) -> dict[str, Path]:
    """Variant -> file of its template."""
    return {name: file.expanduser() for name, file in template.variants.items()} if template is not None else {}
