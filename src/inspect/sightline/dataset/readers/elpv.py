"""The layout of elpv-dataset: solar cells with a probability that each is defective."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sightline.config.explain import shown
from sightline.config.readers import ElpvReader
from sightline.dataset.readers.layout import Layout, clean_path, read_text
from sightline.errors import DataError
from sightline.index import Sample

DEFECTIVE = "defective"


class Elpv(Layout[ElpvReader]):
    """``labels.csv`` without a header: path, probability of a defect and cell type, divided by blanks."""

    def rows(self) -> Iterator[Sample]:
        """Reads the rows: above 0.5 is defective, and how far from 0.5 is how sure the experts were."""
        file = self.root / self.settings.file
        text = read_text(file)
        if not text.strip():
            raise DataError(f"{file}: expected a row for each image, the file is empty")
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            where = f"{file}, line {number}"
            fields = _fields(line)
            if fields is None:
                raise DataError(
                    f"{where}: expected a path, a probability in 0..1 and a cell type, got {shown(line.strip())}",
                    hint="Mend the line; a table with a header is read with `data.reader.kind=csv`.",
                )
            path, probability, cell = fields
            chance = float(probability)
            yield Sample(
                path=clean_path(path, self.root, where=where),
                labels=(DEFECTIVE,) if chance > 0.5 else (),
                certainty=max(chance, 1 - chance),
                attributes={"probability": probability, "cell": cell},
            )

    @classmethod
    def detect(cls, root: Path) -> ElpvReader | None:
        """Fits if the first line of the table is one of elpv's."""
        settings = ElpvReader(kind="elpv")
        return settings if fits(root / settings.file) else None


def fits(file: Path) -> bool:
    """Whether the first line of a file is one of elpv's.

    Raises:
        DataError: The file is there and cannot be read.
    """
    first = read_text(file).lstrip().partition("\n")[0] if file.is_file() else ""
    return _fields(first) is not None


def _fields(line: str) -> tuple[str, str, str] | None:
    """Path, probability and cell type, or None if the line is no such row."""
    match line.rsplit(maxsplit=2):
        case [path, probability, cell]:
            try:
                inside = 0 <= float(probability) <= 1
            except ValueError:
                inside = False
            return (path, probability, cell) if inside else None
        case _:
            return None
