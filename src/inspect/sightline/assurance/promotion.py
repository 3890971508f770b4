"""The gate before a run's bundle takes the place of the one in use: the registry's alias moves only if it passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sightline import workflow
from sightline.assurance.comparison import Comparison, compare, words
from sightline.assurance.comparison.report import write_report
from sightline.bundle import Bundle
from sightline.config.promotion import Promotion
from sightline.config.readers import IndexReader
from sightline.config.recipe import Data
from sightline.errors import ConfigError, TrackingError
from sightline.index import Split
from sightline.labelled import Answered, answered
from sightline.risk import Kind, Photographs
from sightline.runs import Progress, RunFolder
from sightline.tracking import Tracker
from sightline.tracking.client import shown
from sightline.tracking.registry import Registered
from sightline.verdict import Outcome, Policy

_TAG = "promote"
_UNASKED = "track.promote.not_worse: false asks for no comparison"


@dataclass(frozen=True)
class Condition:
    """One condition of the gate.

    Attributes:
        name: Such as ``max_escape`` or ``not_worse.auroc``.
        holds: Whether it is kept; one that cannot be judged is not.
        words: Its figures, and what was asked.
    """

    name: str
    holds: bool
    words: str


@dataclass(frozen=True)
class Decision:
    """What the gate decided.

    Attributes:
        model: Name of the registered model.
        alias: That moves if all conditions hold.
        version: The run's version of the model.
        before: The version that had the alias; None if none had.
        conditions: What was asked; empty if there was nothing to be asked.
    """

    model: str
    alias: str
    version: int
    before: int | None
    conditions: tuple[Condition, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the version has the alias now."""
        return all(condition.holds for condition in self.conditions)

    def tags(self) -> dict[str, str]:
        """The decision as tags of the model version."""
        beside = "none" if self.before is None else f"version {self.before}"
        told = {f"{_TAG}.{one.name}": f"{_word(one.holds)}: {one.words}" for one in self.conditions}
        return {_TAG: _word(self.passed), f"{_TAG}.alias": self.alias, f"{_TAG}.beside": beside, **told}


def promote(run: RunFolder, *, progress: Progress) -> Decision:
    """Judges a run's bundle by the gate of its recipe, on its test part, and moves the alias if it passes.

    The comparison with the version in use is added to the run's artifacts, and the decision to the version's tags.

    Args:
        run: The run, whose bundle is registered.
        progress: Told the stage, images done and images in all.

    Raises:
        ConfigError: The gate's alias is the one that training moves by itself.
        BundleError: The run was not exported, or a bundle is damaged.
        DataError: The test part is empty, or its images cannot be read any more.
        TrackingError: Nothing is tracked, the bundle is not registered, or the server cannot be reached or refuses.
    """
    gate = run.recipe.track.promote
    registered = _registered(run)
    before = registered.holder(gate.alias)
    if before == registered.version:
        return Decision(registered.name, gate.alias, registered.version, before)
    with TemporaryDirectory() as folder:
        champion = None if before is None else registered.fetch(before, Path(folder, "champion"))
        conditions, compared = _judged(run, gate, champion, progress)
        decision = Decision(registered.name, gate.alias, registered.version, before, tuple(conditions))
        if compared is not None:
            page = Path(folder, "comparison.html")
            for file in (write_report(compared, page), page):
                workflow.attach(run, file)
    registered.note(decision.tags(), below=_TAG)
    if decision.passed:
        registered.take(gate.alias)
    return decision


def _registered(run: RunFolder) -> Registered:
    settings = run.recipe.track
    if not settings.enabled:
        raise TrackingError(
            f"{run.path}: track.enabled is false, so nothing of the run is registered",
            hint="Set it to true in the run's recipe.yaml, and register the bundle with `sightline track RUN`.",
        )
    if settings.promote.alias == settings.alias:
        raise ConfigError(
            f"track.promote.alias: expected another alias than track.alias, which each training moves by itself, got "
            f"{settings.alias} for both",
            hint="Give the gate an alias of its own, such as champion.",
        )
    bundle, tracker = Bundle.open(run.bundle), Tracker(run)
    if tracker.run_id is None:
        raise TrackingError(
            f"{run.path} was never sent to MLflow at {shown(tracker.uri)}",
            hint="Register its bundle with `sightline track RUN`; `track.uri` or MLFLOW_TRACKING_URI names the server.",
        )
    return Registered.find(tracker.uri, settings.register_as or run.recipe.name, tracker.run_id, bundle)


def _judged(
    run: RunFolder, gate: Promotion, champion: Path | None, progress: Progress
) -> tuple[list[Condition], Comparison | None]:
    """The conditions, and the comparison with the version in use where there is one."""
    # With the split of its index; the labels there are as the recipe has them already.
    saved = IndexReader(kind="index", file="index.jsonl")
    data = Data(root=run.path, reader=saved, split=run.recipe.data.split)
    found: Answered | None = None
    compared: Comparison | None = None
    if champion is not None:
        compared = compare(champion, run.bundle, data, part=Split.TEST, progress=progress, say=lambda _: None)
        found = compared.b.found
    elif gate.max_escape is not None or gate.max_overkill is not None:
        found = answered(run.bundle, data, part=Split.TEST, progress=progress, say=lambda _: None)
    conditions = [] if found is None else list(_limits(gate, found))
    if gate.guarantee:
        conditions.append(_guaranteed(Bundle.open(run.bundle).manifest.policy))
    if gate.not_worse and compared is not None:
        conditions += _beside(compared, gate.margin)
    return conditions, compared


def _limits(gate: Promotion, found: Answered) -> Iterator[Condition]:
    """What is asked of the bundle alone, on all images of the part that it can inspect."""
    scored = found.scored
    photographs = Photographs([sample.unit for sample in scored.samples], scored.defective)
    outcomes = np.array([verdict.outcome for verdict in scored.verdicts])
    for name, limit, kind, outcome in (
        ("max_escape", gate.max_escape, Kind.DEFECTIVE, Outcome.OK),
        ("max_overkill", gate.max_overkill, Kind.GOOD, Outcome.NG),
    ):
        if limit is None:
            continue
        if not photographs.parts(kind):
            yield Condition(name, holds=False, words=f"the test part holds no {kind} part, so nothing is known")
            continue
        rate = photographs.rate(outcomes == outcome, kind)
        told = f"{words.interval(rate)} of photographs of {photographs.parts(kind):,} {kind} parts are {outcome}"
        yield Condition(name, rate.high <= limit, f"{told}; at most {limit:g} is asked of the upper end")


def _guaranteed(policy: Policy) -> Condition:
    proofs = [proof.words for proof in policy.guarantees if proof.of == "escape"]
    return Condition("guarantee", bool(proofs), "; ".join(proofs) or "no largest escape rate is guaranteed")


def _beside(compared: Comparison, margin: float) -> Iterator[Condition]:
    """What is asked beside the version in use, which is A."""
    for name in ("escape", "overkill", "auroc"):
        of, where = compared.of(name), f"not_worse.{name}"
        if of is None:
            why = "; ".join(compared.remarks)
            yield Condition(where, holds=False, words=f"cannot be compared: {why}; {_UNASKED}")
        elif of.balance is None:
            told = f"difference {words.difference(of)}; at least {-margin:g} is asked of the lower end"
            yield Condition(where, of.difference.low >= -margin, told)
        else:
            a, b, p = of.balance
            told = f"{of.a:.4f} before, {of.b:.4f} now; worse on {b:,} parts and better on {a:,}"
            yield Condition(where, words.significant(of.balance) <= 0, f"{told}, p = {words.probability(p)}")


def _word(holds: bool) -> str:
    return "passed" if holds else "failed"
