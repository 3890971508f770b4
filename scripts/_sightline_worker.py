"""Fits, exports and scores an anomaly model of ours: `python _sightline_worker.py JOB.json`.

The job is a JSON object: `index` (its train part is learned from, its calibrate part tells what scores mean, its test
part is scored), `recipe` (its values), `overrides` (`key.sub=value`, replacing some), `order` (paths of the index, in
the order in which they are scored) and `out` (a folder).

Into `out` go `answers.npz` and, of an int8 model, `answers-int8.npz` (scores, float32 (N,), and maps, float32
(N, h, w)), the run, and `events.jsonl`: one line for each step that is done.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import sightline.export.pipeline
import sightline.train.anomaly  # noqa: F401 - imports are no part of the fit
from sightline import config, train
from sightline.bundle import Bundle
from sightline.export import export
from sightline.export.sweep import Sweeper
from sightline.index import Index
from sightline.runs import RunFolder, silent
from sightline.runtime.session import Session


def main(job: dict[str, Any]) -> None:
    """Fits, exports, scores."""
    out, start = Path(job["out"]), time.monotonic()

    def tell(step: str, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
        with (out / "events.jsonl").open("a", encoding="utf-8") as events:
            events.write(json.dumps({"step": step, **facts}) + "\n")

    index = Index.load(Path(job["index"]))
    run = RunFolder.create(out / "runs", config.build(job["recipe"], job["overrides"]), index)
    tell("ready")
    start = time.monotonic()
    train.fit(run)
    tell("fit", seconds=time.monotonic() - start)
    folder = export(run)
    bundle = Bundle.open(folder)
    tell("exported", folder=str(folder), files=sorted(str(folder / name) for name in bundle.sizes))
    rows = {sample.path: sample for sample in index.samples}
    samples = [rows[path] for path in job["order"]]
    for precision in bundle.precisions:
        session = Session(bundle.model(precision).file)
        found = Sweeper.of(index, run.recipe, silent).sweep(session.run, samples, stage="score")
        name = "answers.npz" if precision == "fp32" else "answers-int8.npz"
        maps = np.stack([reading.maps[0] for reading in found.readings])
        np.savez(out / name, scores=found.scores[:, 0], maps=level(maps))
    tell("scored", precisions=list(bundle.precisions))


def level(score: NDArray[np.float32]) -> NDArray[np.float32]:
    """L of a score L / (1 + L): evenly fine, where scores crowd below 1."""
    return score / (1 - score)


def end_with_parent() -> None:
    """Ends this process when whoever started it ends: its input is a pipe that closes then."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
