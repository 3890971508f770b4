"""Pascal VOC annotations: an XML file an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from sightline.config.explain import shown
from sightline.config.readers import VocReader
from sightline.dataset.readers.layout import Layout, counted, images, listed, refuse_shared, subfolders, walk
from sightline.dataset.readers.markup import finite, read_xml, side
from sightline.dataset.within import box
from sightline.errors import DataError
from sightline.index import Box, Sample

_KNOWN = (
    VocReader(kind="voc"),
    VocReader(kind="voc", images="images", annotations="annotations"),
    VocReader(kind="voc", images="IMAGES", annotations="ANNOTATIONS"),
)
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_ELEMENTS = frozenset({"folder", "filename", "path", "source", "owner", "size", "segmented", "object"})


class Voc(Layout[VocReader]):
    """Images and XML files in two folders, paired by name. An XML file without objects says good."""

    def rows(self) -> Iterator[Sample]:
        """Finds the images and reads the XML file of each."""
        pictures, notes = self.folder(self.settings.images), self.folder(self.settings.annotations)
        found, files = _paired(
            (pictures, list(images(pictures))), (notes, [p for p in walk(notes) if p.suffix.lower() == ".xml"])
        )
        if lonely := sorted(files.keys() - found.keys()):
            raise DataError(
                f"{counted(len(lonely), 'XML file')} in {notes} without an image in {pictures}: {listed(lonely, 3)}",
                hint="Bring the images back, or remove the XML files.",
            )
        bare = sorted(found.keys() - files.keys())
        if bare and self.settings.missing == "refuse":
            raise DataError(
                f"{counted(len(bare), 'image')} in {pictures} without an XML file in {notes}: {listed(bare, 3)}",
                hint="If they show good parts, set `data.reader.missing=good`; else annotate or remove them.",
            )
        for name, path in found.items():
            size, boxes = _marked(files[name]) if name in files else ((0, 0), ())
            labels = tuple(sorted({one.label for one in boxes}))
            yield Sample(path=self.relative(path), labels=labels, boxes=boxes, width=size[0], height=size[1])

    @classmethod
    def detect(cls, root: Path) -> VocReader | None:
        """Fits if one of the usual pairs of folders is there, with XML files."""
        names = set(subfolders(root))
        fits = (one for one in _KNOWN if {one.images, one.annotations} <= names)
        return next((one for one in fits if any((root / one.annotations).rglob("*.xml"))), None)


def _paired(*sides: tuple[Path, Sequence[Path]]) -> list[dict[str, Path]]:
    """Files by name without suffix; where a name comes twice, by their place in the folder too.

    Raises:
        DataError: Two differ in their suffix only.
    """
    unique = all(len({path.stem for path in paths}) == len(paths) for _, paths in sides)
    paired = []
    for folder, paths in sides:
        named = [(path.stem if unique else path.relative_to(folder).with_suffix("").as_posix(), path) for path in paths]
        refuse_shared(named, folder)
        paired.append(dict(named))
    return paired


def _marked(file: Path) -> tuple[tuple[int, int], tuple[Box, ...]]:
    """The size that an XML file states (width, height; 0 if it does not), and its objects as boxes.

    VOC counts pixels from 1 and takes xmax and ymax in.
    """
    root = read_xml(file, "annotation", hint="Remove the file if it is no annotation, or annotate its image again.")
    if len(root) and not any(item.tag in _ELEMENTS for item in root):
        raise DataError(
            f"{file}: expected a VOC annotation with elements such as filename, size and object, found "
            f"{listed([shown(item.tag) for item in root], 3)}",
            hint="Remove the file if it is of something else, or annotate its image again.",
        )
    size = (_side(root, "size/width", file), _side(root, "size/height", file))
    boxes = []
    for number, item in enumerate(root.iter("object"), start=1):
        where = f"{file}, object {number}"
        label = (item.findtext("name") or "").strip()
        if not label:
            raise DataError(f"{where}: expected a name, found none", hint="Name the object's class.")
        x1, y1, x2, y2 = (_number(item, f"bndbox/{corner}", where) for corner in _CORNERS)
        boxes.append(box((x1 - 1, y1 - 1, x2, y2), label, size, where=where))
    return size, tuple(boxes)


def _side(element: ET.Element, place: str, where: object) -> int:
    return side(element.findtext(place), place, where)


def _number(element: ET.Element, place: str, where: object) -> float:
    return finite(element.findtext(place), place, where)
