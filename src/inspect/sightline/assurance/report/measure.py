"""What a bundle says of labelled images today: figures, pictures, and how honest the images are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sightline.assurance.report import charts, pictures
from sightline.assurance.report.charts import Chart
from sightline.assurance.report.pictures import Misses
from sightline.bundle.manifest import Manifest, Metric
from sightline.config.recipe import Data
from sightline.export import tasks
from sightline.index import Index, Sample, Split
from sightline.labelled import Answered, answered
from sightline.runs import Progress
from sightline.verdict import Outcome


@dataclass(frozen=True)
class Counted:
    """How many images there are, and of how many parts: twins, and pictures of one part, are one."""

    images: int
    parts: int

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Counted:
        """Counts some images."""
        rows = list(samples)
        return cls(len(rows), len({sample.unit for sample in rows}))


@dataclass(frozen=True)
class Answers:
    """What came of good, or of defective, images.

    Attributes:
        all: Of them.
        outcomes: Those of each outcome.
    """

    all: Counted
    outcomes: dict[Outcome, Counted]


@dataclass(frozen=True, eq=False)
class Measured:
    """Labelled images with what the bundle says of them.

    Attributes:
        source: The index file, or the folder.
        part: The part that was scored; None if all images were.
        digest: Of the index as its file states it; empty of a folder.
        same_images: Whether the bundle states the same index, and so was measured on these very images.
        scored: The images that were scored.
        counts: Type, or good, -> part -> images and parts; a folder is one part, ``all``.
        divided: Groups of twins, or of pictures of one part, that lie in several parts of the index.
        left_out: Images that cannot be read, or that the line would not inspect, each with why.
        good: What came of good images.
        defective: What came of the others.
        figures: With intervals.
        charts: Pictures of them.
        escapes: The worst defective images that were answered OK.
        overkill: The worst good images that were answered NG.
    """

    source: Path
    part: Split | None
    digest: str
    same_images: bool
    scored: Counted
    counts: dict[str, dict[str, Counted]]
    divided: int
    left_out: tuple[str, ...]
    good: Answers
    defective: Answers
    figures: tuple[Metric, ...]
    charts: tuple[Chart, ...] = field(repr=False)
    escapes: Misses = field(repr=False)
    overkill: Misses = field(repr=False)


def measure(bundle: Path, manifest: Manifest, source: Path, data: Data, *, progress: Progress) -> Measured:
    """Scores labelled images: the test part of an index, as its file has it, or all images of a folder.

    Args:
        bundle: The bundle's folder, or a zip of it.
        manifest: What it says of itself.
        source: The index file, or the folder.
        data: The images.
        progress: Told the stage, images done and images in all.

    Raises:
        BundleError: The bundle is damaged.
        DataError: The images or their labels cannot be used, or there is no test part.
    """
    stated = Index.load(source) if source.is_file() else None
    own = stated is not None and stated.digest == manifest.data.digest
    said: list[str] = []
    part = Split.TEST if stated is not None else None
    found = answered(bundle, _grouped(data, stated), part=part, progress=progress, say=said.append)
    whole = stated is not None and len(found.scored.samples) == len(stated.part(Split.TEST))
    figures = tasks.figures(found.scored, found.outputs, found.index, manifest.locate)
    placed = _placed(found.index, stated)
    return Measured(
        source=source,
        part=part,
        digest=stated.digest if stated is not None else "",
        same_images=own and whole,
        scored=Counted.of(found.scored.samples),
        counts=_counts(placed),
        divided=len(placed.divided()),
        left_out=tuple(_left_out(*said)),
        good=_answers(found, defective=False),
        defective=_answers(found, defective=True),
        figures=figures,
        charts=charts.draw(found, figures),
        escapes=pictures.escapes(found, progress=progress),
        overkill=pictures.overkill(found, progress=progress),
    )


def _left_out(check: str, *refused: str) -> Iterator[str]:
    """What is counted nowhere: files that the check of the images left out, and images that fit no template."""
    warned = (line.removeprefix("warning: ") for line in check.splitlines() if line.startswith("warning: "))
    yield from (warning for warning in warned if warning.endswith("left out"))
    yield from refused


def _grouped(data: Data, stated: Index | None) -> Data:
    """The images with the groups of their index, if it states all: twins were looked for when it was made."""
    settled = stated is not None and all(sample.group for sample in stated.samples)
    if not settled or "near_duplicates" in data.split.model_fields_set:
        return data
    return data.model_copy(update={"split": data.split.model_copy(update={"near_duplicates": None})})


def _placed(index: Index, stated: Index | None) -> Index:
    """The images in the parts that their file states, and in none if there is no file."""
    splits = {sample.path: sample.split for sample in stated.samples} if stated is not None else {}
    return index.with_samples(sample.model_copy(update={"split": splits.get(sample.path)}) for sample in index.samples)


def _counts(index: Index) -> dict[str, dict[str, Counted]]:
    parts: dict[str, list[Sample]] = {}
    for sample in index.samples:
        parts.setdefault("all" if sample.split is None else sample.split.value, []).append(sample)
    order = [name for name in (*(split.value for split in Split), "all") if name in parts]
    names = sorted(index.counts())
    return {
        name: {part: Counted.of(one for one in parts[part] if name in one.names) for part in order} for name in names
    }


def _answers(found: Answered, *, defective: bool) -> Answers:
    scored = found.scored
    rows = [row for row, is_defective in enumerate(scored.defective) if is_defective == defective]
    by_outcome: dict[Outcome, list[Sample]] = {}
    for row in rows:
        by_outcome.setdefault(scored.verdicts[row].outcome, []).append(scored.samples[row])
    return Answers(
        Counted.of(scored.samples[row] for row in rows),
        {outcome: Counted.of(some) for outcome, some in by_outcome.items()},
    )
