"""What the judgements look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sightline.config import Preprocess
from sightline.config.localise import Localise
from sightline.config.recipe import Data
from sightline.dataset.check.marked import Marked
from sightline.dataset.check.rows import by
from sightline.dataset.check.templates import TemplatesFound
from sightline.dataset.scan import Scan
from sightline.index import GOOD, Index, Sample, Split


@dataclass(frozen=True, eq=False)
class Found:
    """What the judgements look at.

    Attributes:
        index: Readable images with group and part.
        scan: What the files hold; its rows have the groups and parts that the reader gave.
        data: The recipe's section.
        preprocess: What the model will be shown, if it is known.
        one_class: Whether good parts are learned, and no types of defect.
        defects_teach: Whether defects are learned from.
        localise: The recipe's section if it is learned where defects are, else None.
        outlined: Whether it is learned which pixels show a defect.
        marked: What is marked on images, where that is learned.
        templates: What was found of the images' templates; None if the recipe states none.
    """

    index: Index
    scan: Scan
    data: Data
    preprocess: Preprocess | None
    one_class: bool
    defects_teach: bool
    localise: Localise | None
    outlined: bool
    marked: tuple[Marked, ...]
    templates: TemplatesFound | None

    @cached_property
    def groups(self) -> Mapping[str, Sequence[Sample]]:
        """Name -> the images that are kept together."""
        return by((s.group, s) for s in self.index.samples)

    @property
    def classes(self) -> tuple[str, ...]:
        """All class names, good first if there is any."""
        return (*([GOOD] if self.index.has_good else []), *self.index.classes)

    @property
    def together(self) -> list[Sequence[Sample]]:
        """The groups of two or more."""
        return [rows for rows in self.groups.values() if len(rows) > 1]

    def groups_of(self, name: str, part: Split | None = None) -> int:
        """How many groups show a class, in one part or in all."""
        return len({s.group for s in self.index.samples if name in s.names and part in (None, s.split)})
