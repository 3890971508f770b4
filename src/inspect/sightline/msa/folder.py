"""The folder of a study on the disk: made whole, never written over, and checked each time it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import sightline
from sightline.errors import DataError
from sightline.msa.parts import Checked, Part, read_pictures, tells
from sightline.msa.plan import Plan, make_plan, numbered, write_plan
from sightline.msa.study import read_key
from sightline.verdict import Outcome

RECORD, KEY, SHEETS, IMAGES, MODELS = "study.json", "key.csv", "sheets", "images", "models"

_CONTENTS = """\
what-is-here.txt   this list
images/            the parts, under numbers: for the appraisers
sheets/            one sheet for each appraiser and trial: look at the parts in the order of the sheet, one sheet at a
                   time, and write OK or NG into the column verdict
key.csv            what each part is: NOT for the appraisers
study.json         the same with the names and SHA-256 of the images, and how the study was planned: NOT for them either
models/            what a bundle answered, once it took part (sightline msa run)

An appraiser needs images/ and the sheets of one trial, and should not see those of earlier trials again.
"""


class Document(BaseModel):
    """A JSON file of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Shown(Document):
    """One image of a part.

    Attributes:
        file: Below the study's folder.
        source: What it was called before.
        sha256: Of its bytes, in hex.
    """

    file: str
    source: str
    sha256: str


class Planned(Document):
    """One part.

    Attributes:
        reference: What it was when the study was planned, OK or NG.
        images: All that show it.
    """

    reference: Outcome
    images: tuple[Shown, ...] = Field(min_length=1)


class Record(Document):
    """How a study was planned.

    Attributes:
        made: When, in ISO 8601 with the zone.
        sightline: The version that planned it.
        seed: Of the numbers and orders.
        trials: How often each appraiser looks at each part.
        appraisers: The people.
        parts: Number -> part.
    """

    format: Literal["sightline-msa-study"] = "sightline-msa-study"
    version: Literal[1] = 1
    made: str
    sightline: str
    seed: int
    trials: int
    appraisers: tuple[str, ...]
    parts: dict[str, Planned]


@dataclass(frozen=True)
class StudyFolder:
    """A study that was planned.

    Attributes:
        path: Its folder.
        record: How it was planned.
        reference: What each part is, as the key says now: experts may have settled a part since.
    """

    path: Path
    record: Record
    reference: Mapping[str, Outcome]

    @classmethod
    def open(cls, path: Path) -> StudyFolder:
        """Reads a study, and looks whether its images are those that were planned.

        Raises:
            DataError: It is none, its key or an image is not what it was, or one cannot be read.
        """
        if not (path / RECORD).is_file():
            raise DataError(
                f"expected the folder of a study, but {path} holds no {RECORD}",
                hint="`sightline msa plan` makes one.",
            )
        record = read_document(Record, path / RECORD)
        reference = read_key(path / KEY)
        if unknown := [part for part in reference if part not in record.parts]:
            raise DataError(
                f"{path / KEY}: expected parts that were planned, got {', '.join(unknown[:5])}",
                hint="Plan a new study to add parts.",
            )
        study = cls(path, record, reference)
        for part in reference:
            for shown in record.parts[part].images:
                _check(path / shown.file, shown)
        return study

    @property
    def key(self) -> Path:
        """The key."""
        return self.path / KEY

    @property
    def sheets(self) -> list[Path]:
        """The sheets of people, whatever they are called now."""
        return sorted((self.path / SHEETS).glob("*.csv"))

    @property
    def settled(self) -> list[str]:
        """Parts whose reference was changed after planning."""
        return [part for part, outcome in self.reference.items() if outcome is not self.record.parts[part].reference]

    @property
    def left_out(self) -> list[str]:
        """Parts that were taken out of the key after planning."""
        return [part for part in self.record.parts if part not in self.reference]

    def images(self, part: str) -> list[Path]:
        """The images of a part."""
        return [self.path / shown.file for shown in self.record.parts[part].images]


def make_study(
    parts: Sequence[Part], appraisers: Sequence[str], trials: int, *, seed: int, folder: Path
) -> tuple[Plan, list[str]]:
    """Plans a study and writes its folder: key, sheets, and the images under numbers, byte by byte as they are.

    Args:
        parts: Good and defective ones.
        appraisers: Names of the people.
        trials: How often each looks at each part.
        seed: The same seed draws the same numbers and orders.
        folder: New or empty.

    Returns:
        The plan, and warnings: what else tells people which parts are good.

    Raises:
        DataError: The folder holds something, a picture cannot be used, the parts make no study, or the disk is full.
    """
    numbers = numbered([part.name for part in parts], seed=seed)
    ordered = sorted(parts, key=lambda part: numbers[part.name])
    plan = make_plan({numbers[part.name]: part.reference for part in ordered}, appraisers, trials, seed=seed)
    endings: dict[Outcome, set[object]] = {}
    sizes: dict[Outcome, set[object]] = {}
    planned = {}
    with new_folder(folder) as aside:
        (aside / IMAGES).mkdir()
        for part, pictures in read_pictures(ordered):
            number = numbers[part.name]
            planned[number] = Planned(reference=part.reference, images=_copied(pictures, number, aside))
            endings.setdefault(part.reference, set()).update(_ending(one) for one in pictures)
            sizes.setdefault(part.reference, set()).update(f"{one.size[0]} x {one.size[1]}" for one in pictures)
        write_plan(plan, aside)
        record = Record(
            made=now(),
            sightline=sightline.__version__,
            seed=seed,
            trials=trials,
            appraisers=tuple(appraisers),
            parts=planned,
        )
        (aside / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (aside / "what-is-here.txt").write_text(_CONTENTS, encoding="utf-8")
    return plan, [told for told in (tells(endings, "the ending"), tells(sizes, "the size in pixels")) if told]


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that is there whole or not at all: filled aside, and given its name at the end.

    Raises:
        DataError: Something is there already, or it cannot be written.
    """
    path = path.absolute()
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(
                f"{path} is there already, and is not written over: it may hold what people filled in",
                hint="Name another folder, or remove this one.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent, ignore_cleanup_errors=True) as place:
            aside = Path(place) / path.name
            aside.mkdir()
            yield aside
            if path.exists():
                path.rmdir()  # it is empty, and Windows renames onto nothing
            aside.rename(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}", hint="Name another folder.") from error


_Document = TypeVar("_Document", bound=Document)


def read_document(kind: type[_Document], path: Path) -> _Document:
    """Reads one of the JSON files.

    Raises:
        DataError: It cannot be read, or is not what this version writes.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        reason = error.errors()[0]
        where = ".".join(str(part) for part in reason["loc"])
        raise DataError(
            f"{path} is not as Sightline wrote it: {where + ': ' if where else ''}{reason['msg']}",
            hint="Take it from a copy; it is not to be edited.",
        ) from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Raises:
        DataError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def now() -> str:
    """The time with its zone, to the second."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _copied(pictures: Sequence[Checked], number: str, aside: Path) -> tuple[Shown, ...]:
    shown = []
    for place, one in enumerate(pictures, start=1):
        name = number if len(pictures) == 1 else f"{number}-{place}"
        file = f"{IMAGES}/{name}{_ending(one)}"
        (aside / file).write_bytes(one.data)
        shown.append(Shown(file=file, source=one.picture.source, sha256=one.sha256))
    return tuple(shown)


def _ending(one: Checked) -> str:
    return one.picture.path.suffix.lower()


def _check(path: Path, shown: Shown) -> None:
    if sha256_of(path) != shown.sha256:
        raise DataError(
            f"{path} is not the image that was planned ({shown.source}): its SHA-256 is another",
            hint="Put the image back: answers on another one mean nothing. Or plan a new study.",
        )
