"""A folder per class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from sightline.config.readers import FoldersReader
from sightline.dataset.readers.layout import Layout, counted, images, listed, logger, subfolders
from sightline.errors import DataError
from sightline.index import Sample

_PARTS = frozenset({"train", "training", "val", "valid", "validate", "validation", "test", "testing"})


class Folders(Layout[FoldersReader]):
    """One folder per class, named by it; images may lie deeper inside."""

    def rows(self) -> Iterator[Sample]:
        """Finds the images, each labelled with the topmost folder that it lies in."""
        classes = subfolders(self.root)
        if classes and all(name.casefold() in _PARTS for name in classes):
            raise DataError(
                f"expected a folder per class in {self.root}, found {listed(classes)}, which are parts of a data set",
                hint="Where the classes' folders lie inside train and test, read them with `data.reader.kind=mvtec`.",
            )
        empty, stray = set(classes), list[str]()
        shared = Counter[str]()
        for path in images(self.root):
            name = self.relative(path)
            shared[name.removesuffix(path.suffix)] += 1
            label, inside, _ = name.partition("/")
            if not inside:
                stray.append(name)
                continue
            empty.discard(label)
            yield Sample(path=name, labels=(label,))
        if twice := sorted(name for name, count in shared.items() if count > 1):
            logger.warning(
                "%s of the same name as another, but with another ending (%s): if they are masks, move them out of the "
                "folders, or read them with data.reader.kind=masks",
                counted(len(twice), "image"),
                listed(twice, 3),
            )
        if stray and not classes:
            raise no_class_folder(self.root, stray)
        if stray:
            names = listed(sorted(stray), 3)
            logger.warning("%s in no class folder of %s, left out: %s", counted(len(stray), "image"), self.root, names)
        for label in sorted(empty):
            logger.warning("the class folder %s holds no image", self.root / label)

    @classmethod
    def detect(cls, root: Path) -> FoldersReader | None:
        """Fits wherever images lie in folders, so it is asked only when nothing more specific fits."""
        return FoldersReader(kind="folders") if any(path.parent != root for path in images(root)) else None


def no_class_folder(root: Path, stray: Sequence[str]) -> DataError:
    """What to say of images, named from the root, that lie in no folder of a class."""
    return DataError(
        f"expected a folder per class in {root}, found {counted(len(stray), 'image')} without one: "
        f"{listed(sorted(stray), 3)}",
        hint="Sort the images into folders named by their class, or list them in a table (`data.reader.kind=csv`); "
        "if all are of good parts, say `data.reader.kind=good`.",
    )
