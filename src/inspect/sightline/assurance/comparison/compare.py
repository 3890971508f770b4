"""Scores the same labelled images with two bundles, and compares what they answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from sightline.assurance.comparison.changes import Change
from sightline.bundle import Bundle
from sightline.config.readers import IndexReader
from sightline.config.recipe import Data
from sightline.dataset import readers
from sightline.dataset.prepare import settled
from sightline.errors import DataError
from sightline.index import Index, Sample, Split
from sightline.labelled import Answered, answered
from sightline.risk import Kind, Paired, Photographs
from sightline.runs import Progress
from sightline.verdict import Outcome
from sightline.workflow import Say


@dataclass(frozen=True, eq=False)
class Side:
    """What one of the two answered on the images in common.

    Attributes:
        found: All its answers.
        rows: (N,) numbers of the images in common among them.
    """

    found: Answered
    rows: NDArray[np.int64]

    @property
    def bundle(self) -> Bundle:
        """The bundle."""
        return self.found.bundle

    @property
    def passes(self) -> bool:
        """Whether it ever answers OK."""
        return self.found.manifest.policy.good_known

    @property
    def ranks(self) -> bool:
        """Whether its scores tell defective from good parts; those of types alone add up to 1 on every frame."""
        return self.passes or not self.found.manifest.policy.exclusive

    @cached_property
    def outcomes(self) -> NDArray[np.str_]:
        """(N,) its verdicts."""
        return np.array([self.found.scored.verdicts[row].outcome.value for row in self.rows])

    @cached_property
    def scores(self) -> NDArray[np.floating]:
        """(N,) its defect scores."""
        return self.found.manifest.policy.defect_score(self.found.outputs.scores[self.rows])

    @cached_property
    def defective(self) -> NDArray[np.bool_]:
        """(N,) whether the image shows a defect where the bundle looks, and one large enough to count."""
        return self.found.scored.defective[self.rows]


@dataclass(frozen=True)
class Line:
    """One figure of both.

    Attributes:
        name: ``escape``, ``overkill``, ``error`` (either), ``review`` or ``auroc``.
        of: Of A and B.
    """

    name: str
    of: Paired


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two bundles on the same images.

    Attributes:
        a: One.
        b: The other; differences are its figures less those of A.
        samples: The N images in common.
        photographs: The same as photographs of parts.
        lines: The figures that can be compared.
        remarks: Which cannot, and why.
        changes: Changed verdicts: those for the worse, then those for the better, of either the gravest first.
        left_out: Images that cannot be read, or that one of the bundles cannot inspect.
    """

    a: Side
    b: Side
    samples: tuple[Sample, ...]
    photographs: Photographs
    lines: tuple[Line, ...]
    remarks: tuple[str, ...]
    changes: tuple[Change, ...]
    left_out: tuple[str, ...]

    def of(self, name: str) -> Paired | None:
        """A figure by its name; None if it cannot be compared."""
        return next((line.of for line in self.lines if line.name == name), None)

    def crossed(self, kind: Kind) -> Counter[tuple[Outcome, Outcome]]:
        """How many photographs of a kind got which verdicts of A and B."""
        rows = self.photographs.of(kind)
        pairs = zip(self.a.outcomes[rows], self.b.outcomes[rows], strict=True)
        return Counter((Outcome(one), Outcome(other)) for one, other in pairs)


def compare(
    a: Path, b: Path, data: Data, *, part: Split | None = None, seed: int = 0, progress: Progress, say: Say
) -> Comparison:
    """Scores labelled images with two bundles and compares the answers.

    To either, a defect is a defect, also one of a type that it does not know.

    Args:
        a: One bundle's folder, or a zip of it.
        b: The other's.
        data: The images.
        part: Of them those alone that the index file itself puts into this part; all if None.
        seed: Of the bootstrap.
        progress: Told the stage, images done and images in all.
        say: Told which images do not fit their template, and why: no figure counts those.

    Raises:
        BundleError: A bundle is damaged.
        DataError: The images or their labels cannot be used, the part is empty, or the bundles inspect none in common.
    """
    data = settled(data)
    index = readers.read(data)
    asked = index.samples if part is None else index.part(part)
    both = []
    for bundle in (a, b):
        said = list[str]()
        both.append(_answered(bundle, data, index, part, progress, said.append))
        for line in said[1:]:  # before it comes how well the files would serve to train on
            say(line)
    return _compared(both[0], both[1], asked, seed)


def _answered(bundle: Path, data: Data, index: Index, part: Split | None, progress: Progress, say: Say) -> Answered:
    """The answers of a bundle, to which a type that it does not know goes by the name of its first one."""
    manifest = Bundle.open(bundle).manifest
    strange = set(index.classes) - set(manifest.classes)
    if not strange or manifest.method in ("anomaly", "compare"):
        return answered(bundle, data, part=part, progress=progress, say=say)
    with TemporaryDirectory() as folder:
        index.save(Path(folder, "index.jsonl"))
        renamed = data.model_copy(
            update={
                "root": Path(folder),
                "reader": IndexReader(kind="index", file="index.jsonl"),
                "rename": dict.fromkeys(strange, manifest.classes[0]),
                "ignore": (),
            }
        )
        return answered(bundle, renamed, part=part, progress=progress, say=say)


def _compared(one: Answered, other: Answered, asked: Sequence[Sample], seed: int) -> Comparison:
    paths = [[sample.path for sample in found.outputs.samples] for found in (one, other)]
    common = set(paths[0]) & set(paths[1])
    if not common:
        raise DataError(
            "expected images that both bundles can inspect, found none", hint="Look at the reasons above, one an image."
        )
    a, b = (
        Side(found, np.array([row for row, path in enumerate(own) if path in common]))
        for found, own in zip((one, other), paths, strict=True)
    )
    labels = {sample.path: sample.labels for sample in asked}
    rows = [one.outputs.samples[row] for row in a.rows]
    samples = tuple(sample.model_copy(update={"labels": labels[sample.path]}) for sample in rows)
    # What one of them is to look for is a defect, though the other may not look there.
    photographs = Photographs([sample.unit for sample in samples], a.defective | b.defective, seed=seed)
    return Comparison(
        a,
        b,
        samples,
        photographs,
        tuple(_lines(a, b, photographs)),
        tuple(_remarks(a, b, photographs)),
        _changes(a, b, samples, photographs),
        tuple(sample.path for sample in asked if sample.path not in common),
    )


def _lines(a: Side, b: Side, photographs: Photographs) -> Iterator[Line]:
    defective, good = photographs.of(Kind.DEFECTIVE), photographs.of(Kind.GOOD)
    ok, ng, review = (
        (a.outcomes == outcome.value, b.outcomes == outcome.value)
        for outcome in (Outcome.OK, Outcome.NG, Outcome.REVIEW)
    )
    if defective.any() and a.passes and b.passes:
        yield Line("escape", photographs.rates(*ok, Kind.DEFECTIVE))
    if good.any():
        yield Line("overkill", photographs.rates(*ng, Kind.GOOD))
    if defective.any() and good.any() and a.passes and b.passes:
        wrong = np.where(defective, ok, ng)
        yield Line("error", photographs.rates(wrong[0], wrong[1]))
    yield Line("review", photographs.rates(*review))
    if defective.any() and good.any() and a.ranks and b.ranks:
        yield Line("auroc", photographs.aurocs(a.scores, b.scores))


def _remarks(a: Side, b: Side, photographs: Photographs) -> Iterator[str]:
    """What cannot be compared, and why."""
    missing = [kind for kind in Kind if not photographs.parts(kind)]
    if Kind.GOOD in missing:
        yield "no image shows a good part: overkill, and with it AUROC, cannot be compared"
    if Kind.DEFECTIVE in missing:
        yield "no image shows a defective part: escapes, and with them AUROC, cannot be compared"
    for name, side in (("A", a), ("B", b)):
        if not side.passes:
            yield f"{name} never answers OK, for it has seen no good part: escapes cannot be compared"
        if not side.ranks and not missing:
            yield f"{name} tells types from each other, not defective parts from good ones: AUROC cannot be compared"


def _changes(a: Side, b: Side, samples: Sequence[Sample], photographs: Photographs) -> tuple[Change, ...]:
    changed = [
        Change(row, samples[row], bool(photographs.defective[row]), Outcome(a.outcomes[row]), Outcome(b.outcomes[row]))
        for row in np.flatnonzero(a.outcomes != b.outcomes).tolist()
    ]
    return tuple(sorted(changed, key=lambda change: change.order))
