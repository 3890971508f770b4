"""The index: one row an image, saved as JSON Lines so that any tool reads it.

The first line is a header (format, version, root of the images, classes); each further line is one image. Both sides of
the hinge read and write it: training makes it from a folder of images, the line will add what a person reviewed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sightline.errors import DataError
from sightline.files import write_whole

GOOD = "good"
"""What an image without a defect is called; no defect type has this name."""

ANOMALY = "anomaly"
"""A defect of no known type: what a label says that names none, and the one class of a model of good parts."""


class Split(StrEnum):
    """The four parts of a data set, each with one purpose."""

    TRAIN = "train"
    """fits the weights"""
    VALIDATE = "validate"
    """stops training and picks the best epoch"""
    CALIBRATE = "calibrate"
    """turns scores into probabilities and sets thresholds"""
    TEST = "test"
    """measures, and decides nothing"""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_RowT = TypeVar("_RowT", bound=_Row)


class Box(_Row):
    """An axis-aligned box around a defect, in pixels of the image; x2 and y2 are exclusive."""

    x1: float
    y1: float
    x2: float
    y2: float
    label: str


class Polygon(_Row):
    """The outline of a defect, in pixels of the image."""

    points: tuple[tuple[float, float], ...]
    label: str


class Sample(_Row):
    """One image and what is known about it.

    Attributes:
        path: Image file, relative to the index's root, with forward slashes.
        labels: Defect types seen on it, sorted; empty means a good part.
        certainty: How sure the annotator was of ``labels``, 0.5 (a coin's toss) to 1.
        mask: Mask file relative to the root, or None.
        mask_values: What a mask's values mean, value -> defect type; empty where all that is marked shows ``labels``.
        mask_above: The value above which a pixel of the mask is marked, where ``mask_values`` states none.
        template: Defect-free picture that the image is to be compared with, relative to the root, or None.
        boxes: Boxes around defects.
        polygons: Outlines of defects.
        group: Images of one group belong together: where the recipe decides the split, they lie in one part. A split
            that came with the images is kept, even if it divides a group. Empty until grouped, unless a reader knows it
            (part number).
        split: The part the image belongs to, or None until split.
        digest: SHA-256 of the file's bytes, in hex; empty until the file was read.
        mask_digest: Likewise of the mask's file.
        template_digest: Likewise of the template's file.
        width: Image width in pixels, 0 until the file was read.
        height: Image height in pixels, 0 until the file was read.
        attributes: Anything else a reader knows (cell type, exposure), as text.
    """

    path: str
    labels: tuple[str, ...] = ()
    certainty: float = Field(1.0, ge=0.5, le=1.0)
    mask: str | None = None
    mask_values: dict[int, str] = {}
    mask_above: int = Field(0, ge=0, le=65534)
    template: str | None = None
    boxes: tuple[Box, ...] = ()
    polygons: tuple[Polygon, ...] = ()
    group: str = ""
    split: Split | None = None
    digest: str = ""
    mask_digest: str = ""
    template_digest: str = ""
    width: int = 0
    height: int = 0
    attributes: dict[str, str] = {}

    @property
    def good(self) -> bool:
        """Whether the image shows no defect."""
        return not self.labels

    @property
    def unit(self) -> str:
        """What counts as one independent image: the group, or the image alone where it has none."""
        return self.group or self.path

    @property
    def names(self) -> tuple[str, ...]:
        """What the image shows: its defect types, or ``good``."""
        return self.labels or (GOOD,)


class _Header(_Row):
    format: Literal["sightline-index"] = "sightline-index"
    version: Literal[1] = 1
    root: str
    classes: tuple[str, ...]
    templates: dict[str, str] = {}


class Index(BaseModel):
    """The table of images.

    Attributes:
        root: Folder that every path is relative to.
        classes: Defect types, sorted; good is no class.
        samples: One row an image, in a stable order (by path).
        templates: Variant of the product -> SHA-256 of its template's file, in hex, where a recipe names some.
    """

    model_config = ConfigDict(frozen=True)

    root: Path
    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    templates: dict[str, str] = {}

    @classmethod
    def build(cls, root: Path, samples: Iterable[Sample]) -> Index:
        """Makes an index from rows: sorts them by path and derives the classes."""
        rows = tuple(sorted(samples, key=lambda s: s.path))
        return cls(root=root, classes=tuple(sorted({label for s in rows for label in s.labels})), samples=rows)

    def with_samples(self, samples: Iterable[Sample]) -> Index:
        """The same index with other rows; the classes stay."""
        return self.model_copy(update={"samples": tuple(sorted(samples, key=lambda s: s.path))})

    def part(self, split: Split) -> tuple[Sample, ...]:
        """The rows of one split."""
        return tuple(s for s in self.samples if s.split == split)

    def file(self, sample: Sample) -> Path:
        """Where the sample's image lies."""
        return self.root / sample.path

    @property
    def has_good(self) -> bool:
        """Whether any image shows a good part."""
        return any(s.good for s in self.samples)

    @property
    def multi_label(self) -> bool:
        """Whether any image shows more than one type of defect."""
        return any(len(s.labels) > 1 for s in self.samples)

    def counts(self, split: Split | None = None) -> Counter[str]:
        """Images per class (``good`` for images without a label), of one split or of all."""
        rows = self.samples if split is None else self.part(split)
        return Counter(label for s in rows for label in s.names)

    def divided(self) -> list[list[Sample]]:
        """Groups, or copies where no group is known, that lie in several parts."""
        together: dict[str, list[Sample]] = {}
        for sample in self.samples:
            together.setdefault(sample.group or sample.digest, []).append(sample)
        return [rows for rows in together.values() if len({s.split for s in rows} - {None}) > 1]

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of the rows, whatever their order and wherever the root lies.

        Each row's digest of the file, path, labels, split, group and certainty count, and boxes, outlines and the
        template's path where it has some; masks, sizes and attributes do not, and neither do the classes.
        """
        rows = sorted(json.dumps(_told(sample), ensure_ascii=False) for sample in self.samples)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Writes the index as JSON Lines; a half-written file never replaces a whole one.

        Raises:
            DataError: The file cannot be written.
        """
        header = _Header(root=self.root.as_posix(), classes=self.classes, templates=self.templates)
        empty = set() if self.templates else {"templates"}
        lines = [
            header.model_dump_json(exclude=empty),
            *(s.model_dump_json(exclude_defaults=True) for s in self.samples),
        ]
        try:
            write_whole(path, ("\n".join(lines) + "\n").encode())
        except OSError as error:
            raise DataError(f"the index cannot be written to {path}: {error.strerror}") from error

    @classmethod
    def load(cls, path: Path) -> Index:
        """Reads an index. Its root may be relative to the file.

        Raises:
            DataError: The file is missing, is no index, or a row is damaged (its line is named).
        """
        try:
            lines = path.read_text(encoding="utf-8").split("\n")  # JSON escapes no other line end
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"expected an index file, but {path} cannot be read: {error}") from error
        header = _parse(_Header, lines[:1], path, first=1)
        samples = _parse(Sample, lines[1:], path, first=2)
        if not header:
            raise DataError(f"expected an index, but {path} is empty")
        return cls(
            root=path.parent / header[0].root,
            classes=header[0].classes,
            samples=tuple(samples),
            templates=header[0].templates,
        )


def _told(s: Sample) -> list[object]:
    marks = [mark.model_dump(mode="json") for mark in (*s.boxes, *s.polygons)]
    rest = [marks, s.template] if marks or s.template else []
    return [s.digest, s.path, s.labels, s.split, s.group, s.certainty, *rest]


def _parse(kind: type[_RowT], lines: Sequence[str], path: Path, *, first: int) -> list[_RowT]:
    rows = []
    for number, line in enumerate(lines, start=first):
        if not line.strip():
            continue
        try:
            rows.append(kind.model_validate_json(line))
        except ValidationError as error:
            reason = error.errors()[0]
            where = ".".join(str(part) for part in reason["loc"])
            raise DataError(
                f"{path}, line {number}: {where + ': ' if where else ''}{reason['msg']}",
                hint="Make the index again with `sightline data index`.",
            ) from error
    return rows
