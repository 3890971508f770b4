"""The layout of DeepPCB: tested boards with a defect-free template each, and text files of boxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sightline.config.explain import shown
from sightline.config.readers import DeeppcbReader
from sightline.dataset.readers.layout import (
    Layout,
    clean_path,
    counted,
    images,
    listed,
    logger,
    read_text,
    subfolders,
)
from sightline.dataset.readers.sizes import size_of
from sightline.dataset.within import box
from sightline.errors import DataError
from sightline.index import Box, Sample, Split

_INNER = "PCBData"
_TESTED, _TEMPLATE, _NOTES = "_test", "_temp", "_not"
_TYPES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")  # numbered from 1
_PARTS = {"trainval.txt": Split.TRAIN, "test.txt": Split.TEST}


class Deeppcb(Layout[DeeppcbReader]):
    """``group00041/00041/00041000_test.jpg`` with its template beside it, boxes in ``00041_not`` (Tang et al. 2019).

    The folder of the group is the board, an attribute. It is no group of the index: the authors' division takes some
    boards apart, though no template.
    """

    def __init__(self, root: Path, settings: DeeppcbReader) -> None:
        super().__init__(root, settings)
        self._base = root / _INNER if (root / _INNER).is_dir() else root

    def rows(self) -> Iterator[Sample]:
        """Finds the tested boards, reads their boxes, and takes their size from the files' headers."""
        found = {name: paths for board in subfolders(self._base) for name, paths in self._of_board(board).items()}
        if not found:
            raise DataError(
                f"expected pictures like group00041/00041/00041000_test.jpg in {self._base}, "
                f"found {listed(subfolders(self._base))}",
                hint="Take the folder PCBData, or the one that holds it.",
            )
        parts = self._parts(found) if self.settings.keep_split else {}
        for name, (tested, template, notes) in found.items():
            boxes = _boxes(notes, size_of(tested))
            yield Sample(
                path=self.relative(tested),
                labels=tuple(sorted({one.label for one in boxes})),
                boxes=boxes,
                template=self.relative(template),
                split=parts.get(name),
                attributes={"board": name.split("/")[0]},
            )

    def _of_board(self, board: str) -> dict[str, tuple[Path, Path, Path]]:
        """Tested board, template and boxes, by the name that the lists have, without its ending."""
        found, lacking = dict[str, tuple[Path, Path, Path]](), list[str]()
        folder = self._base / board
        for inner in (folder / name for name in subfolders(folder) if not name.endswith(_NOTES)):
            pictures = {path.with_suffix(""): path for path in images(inner)}
            for stem, tested in pictures.items():
                if not stem.name.endswith(_TESTED):
                    continue
                plain = stem.name.removesuffix(_TESTED)
                template = pictures.get(stem.with_name(plain + _TEMPLATE))
                notes = inner.with_name(inner.name + _NOTES) / f"{plain}.txt"
                if template is None or not notes.is_file():
                    lacking.append(f"{self.relative(tested)} ({'template' if template is None else 'text file'})")
                else:
                    name = stem.with_name(plain).relative_to(self._base).as_posix()
                    found[name] = tested, template, notes
        if lacking:
            raise DataError(
                f"{counted(len(lacking), 'picture')} of {folder} without a template or a text file of boxes: "
                f"{listed(lacking, 3)}",
                hint="Bring the files back, or remove the pictures.",
            )
        return found

    def _parts(self, found: dict[str, tuple[Path, Path, Path]]) -> dict[str, Split]:
        """The authors' division."""
        parts = dict[str, Split]()
        for file, part in ((self._base / name, part) for name, part in _PARTS.items()):
            if not file.is_file():
                logger.warning("%s is not there: its images are divided as the recipe says", file)
                continue
            for number, line in enumerate(read_text(file).splitlines(), start=1):
                if not line.strip():
                    continue
                where = f"{file}, line {number}"
                name = clean_path(line.split()[0], self._base, where=where).rpartition(".")[0]
                if name not in found:
                    raise DataError(
                        f"{where}: names {shown(line.split()[0])}, of which no picture is in {self._base}",
                        hint="Unpack the images again, or set `data.reader.keep_split=false`.",
                    )
                if parts.setdefault(name, part) is not part:
                    raise DataError(f"{where}: {name} is in {' and in '.join(_PARTS)}", hint="Keep one of the two.")
        if parts and (unlisted := sorted(found.keys() - parts.keys())):
            logger.warning("%s in no list of %s: %s", counted(len(unlisted), "image"), self._base, listed(unlisted, 3))
        return parts

    @classmethod
    def detect(cls, root: Path) -> DeeppcbReader | None:
        """Fits if folders ``group...`` hold folders of boxes beside those of pictures."""
        fits = any(any(root.glob(f"{above}group*/*{_NOTES}/*.txt")) for above in ("", f"{_INNER}/"))
        return DeeppcbReader(kind="deeppcb") if fits else None


def _boxes(file: Path, size: tuple[int, int]) -> tuple[Box, ...]:
    """The boxes of a text file: rows ``x1 y1 x2 y2 type`` in pixels."""
    boxes = []
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        match = re.fullmatch(r"\s*" + r"[\s,]+".join([r"(-?\d{1,9})"] * 5) + r"\s*", line)
        if match is None:
            raise DataError(
                f"{where}: expected whole numbers x1 y1 x2 y2 type, got {shown(line)}", hint="Mend or remove the line."
            )
        *corners, kind = map(int, match.groups())
        if not 1 <= kind <= len(_TYPES):
            raise DataError(
                f"{where}: no type has the number {kind}",
                hint=f"There is: {', '.join(f'{n} {name}' for n, name in enumerate(_TYPES, start=1))}.",
            )
        boxes.append(box(corners, _TYPES[kind - 1], size, where=where))
    return tuple(boxes)
