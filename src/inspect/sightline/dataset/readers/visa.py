"""The layout of VisA: an object's normal and anomalous images, masks, and tables of defect types and of the split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from sightline.config.explain import shown
from sightline.config.readers import VisaReader
from sightline.dataset.readers.layout import Layout, clean_path, counted, images, listed, logger
from sightline.dataset.readers.table import records
from sightline.errors import DataError
from sightline.index import ANOMALY, Sample, Split

_NORMAL, _ANOMALOUS = "Data/Images/Normal", "Data/Images/Anomaly"
_MASKS = "Data/Masks/Anomaly"
_TYPES = "image_anno.csv"
_SPLIT = "split_csv/1cls.csv"  # beside the objects' folders
_PARTS = {"train": Split.TRAIN, "test": Split.TEST}

Row = tuple[str, str, dict[str, str]]
"""A table's row: its place (file and line), the image's name from the root, and its fields by column."""


class Visa(Layout[VisaReader]):
    """``Data/Images/{Normal,Anomaly}`` and ``Data/Masks/Anomaly`` in the folder of one object (Zou et al. 2022)."""

    def rows(self) -> Iterator[Sample]:
        """Finds the images; the defect types and the parts are those of the tables, where these are there."""
        found = {self.relative(path): False for path in images(self.folder(_NORMAL))}
        found |= {self.relative(path): True for path in images(self.folder(_ANOMALOUS))}
        masks = self._masks()
        types, parts = self._types(found), self._parts(found)
        bare = sum(defective and Path(name).stem not in masks for name, defective in found.items())
        if bare:
            logger.warning("%s in %s without a mask", counted(bare, "anomalous image"), self.root / _ANOMALOUS)
        for name, defective in found.items():
            yield Sample(
                path=name,
                labels=types.get(name, (ANOMALY,)) if defective else (),
                mask=masks.get(Path(name).stem) if defective else None,
                split=parts.get(name),
            )

    def _masks(self) -> dict[str, str]:
        """Masks by the image's name without its suffix."""
        folder = self.root / _MASKS
        return {path.stem: self.relative(path) for path in images(folder)} if folder.is_dir() else {}

    def _types(self, found: Mapping[str, bool]) -> dict[str, tuple[str, ...]]:
        """The defect types that the table tells of, by image; none if there is no table."""
        file = self.root / _TYPES
        if not file.is_file():
            return {}
        types = {}
        for where, name, row in self._listed(file, ["image", "label"], found):
            labels = {label for part in row["label"].split(",") if (label := part.strip())} - {"normal"}
            if bool(labels) != found[name]:
                raise DataError(
                    f"{where}: {name} is labelled {shown(row['label'])}, which its folder denies",
                    hint="Correct the label, or move the image.",
                )
            types[name] = tuple(sorted(labels))
        return types

    def _parts(self, found: Mapping[str, bool]) -> dict[str, Split]:
        """The authors' division by image; empty if it is not kept, or not there."""
        file = self.root.parent / _SPLIT
        if not self.settings.keep_split:
            return {}
        if not file.is_file():
            logger.warning("%s is not there: the images are divided as the recipe says", file)
            return {}
        parts = {}
        for where, name, row in self._listed(file, ["object", "split", "image"], found):
            if row["split"] not in _PARTS:
                raise DataError(f"{where}: expected train or test, got {shown(row['split'])}")
            parts[name] = _PARTS[row["split"]]
        return parts

    def _listed(self, file: Path, columns: list[str], found: Mapping[str, bool]) -> list[Row]:
        """The rows of this object in a table."""
        of_all = list(records(file, columns))
        rows = [
            (where, self._name(row["image"], where), row)
            for where, row in of_all
            if row.get("object", self.root.name) == self.root.name
        ]
        if not rows:
            raise DataError(
                f"{file}: expected rows of the object {self.root.name}, found those of "
                f"{listed(sorted({row['object'] for _, row in of_all}), 20)}",
                hint="Give the folder its object's name, or set `data.reader.keep_split=false`.",
            )
        missing = sorted({name for _, name, _ in rows} - found.keys())
        if missing:
            raise DataError(
                f"{counted(len(missing), 'image')} that {file} names not in {self.root}: {listed(missing, 3)}",
                hint="Unpack the images again, or remove the rows.",
            )
        unlisted = sorted(found.keys() - {name for _, name, _ in rows})
        if unlisted:
            logger.warning("%s not in %s: %s", counted(len(unlisted), "image"), file, listed(unlisted, 3))
        return rows

    def _name(self, text: str, where: str) -> str:
        """The image's name from the root; the tables name it from the folder above, whatever that object is called."""
        parts = clean_path(text, self.root, where=where).split("/")
        return "/".join(parts[parts.index("Data") :] if "Data" in parts else parts)

    @classmethod
    def detect(cls, root: Path) -> VisaReader | None:
        """Fits if there are the two folders of images."""
        return VisaReader(kind="visa") if all((root / name).is_dir() for name in (_NORMAL, _ANOMALOUS)) else None
