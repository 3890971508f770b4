"""Run folders as training and export leave them, made on the spot."""

from pathlib import Path

import bundle_factory
from sightline.config import Recipe
from sightline.index import Index, Sample, Split
from sightline.runs import DatasetPart, RunFolder

IMAGES = {Split.TRAIN: 4, Split.VALIDATE: 2, Split.TEST: 3}


def start(folder: Path, **track) -> RunFolder:
    """A run folder as it is when training starts; settings go into the recipe's ``track``."""
    recipe = Recipe.model_validate(
        {"name": "colours", "version": "1.2.3", "data": {"root": str(folder)}, "track": track}
    )
    rows = [
        Sample(path=f"{split}/{number}.png", labels=("red",), split=split, digest=f"{number:064x}")
        for split, count in IMAGES.items()
        for number in range(count)
    ]
    run = RunFolder.create(folder / "runs", recipe, Index.build(folder, rows))
    run.params({"train.epochs": 2, "model.backbone": "none"})
    run.tags({"sector": "test", "data_digest": run.index.digest})
    for split in Split:
        part = run.index.with_samples(run.index.part(split))
        counts = dict(part.counts())
        run.dataset(DatasetPart(name="colours", digest=part.digest, context=split, source=str(folder), counts=counts))
    (run.artifacts / "data").mkdir()
    (run.artifacts / "data" / "check.md").write_text("fine", encoding="utf-8")
    run.artifact("data")
    return run


def train(run: RunFolder, epochs=2, first=0) -> None:
    """Records what some epochs record."""
    for epoch in range(first, first + epochs):
        run.metrics({"train/loss": 1 / (epoch + 1), "system/cpu_utilization_percentage": 50.0}, step=epoch)


def export(run: RunFolder, **changes) -> Path:
    """Records what an export records, and returns the bundle; changes go into its manifest."""
    bundle = bundle_factory.write_bundle(run.path / "bundle", **changes)
    (run.artifacts / "card.md").write_bytes((bundle / "card.md").read_bytes())
    run.metrics({"test/accuracy": 0.9}, step=0)
    run.artifact("card.md")
    return bundle
