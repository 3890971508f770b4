"""Fits anomalib's PatchCore, scores images with it and exports it: `python _anomalib_worker.py JOB.json`.

Runs inside the environment that `bench_anomaly` makes for anomalib, and knows nothing of Sightline. The job is a JSON
object: `train` and `test` (paths of images), `weights` (a state dictionary of torchvision's ResNet-18, complete as far
as layer 3), `size` (pixels), `coreset` (share of patches kept), `seed` and `out` (a folder).

Into `out` go `answers.npz` (scores, float32 (N,), and maps, float32 (N, size, size), in the order of `test`), the
exported models, and `events.jsonl`: one line for each step that is done, which whoever started this reads.

Everything is as anomalib's documentation has it: its engine, its batches of 32, its preprocessing. It is given no
images to normalise scores on, so these are distances, which nothing has clipped.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # the weights come from a file, and nothing else shall be fetched instead

import numpy as np
import torch
from anomalib.data import ImageBatch, ImageItem
from anomalib.data.utils.image import read_image
from anomalib.engine import Engine
from anomalib.models import Patchcore
from lightning.pytorch import seed_everything
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import Resize

BATCH = 32


class Images(Dataset[ImageItem]):
    """Images from a list of files, resized one by one as anomalib's data modules do it.

    Args:
        paths: The files.
        size: Height and width, in pixels.
    """

    def __init__(self, paths: Sequence[str], size: int) -> None:
        self._paths = paths
        self._resize = Resize((size, size), antialias=True)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._paths)

    def __getitem__(self, row: int) -> ImageItem:
        """One image, float32 (3, size, size) in 0 to 1."""
        image = self._resize(read_image(self._paths[row], as_tensor=True))
        return ImageItem(image=image, image_path=self._paths[row])


def main(job: dict[str, Any]) -> None:
    """Does the job."""
    out, size = Path(job["out"]), job["size"]
    seed_everything(job["seed"])
    model = patchcore(Path(job["weights"]), job["coreset"])
    # The engine writes a checkpoint that nobody asked for.
    with tempfile.TemporaryDirectory() as scratch, (out / "events.jsonl").open("w", encoding="utf-8") as events:

        def tell(step: str, **facts: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
            print(json.dumps({"step": step, **facts}), file=events, flush=True)

        engine = Engine(accelerator="cpu", logger=False, default_root_dir=scratch)
        tell("ready")
        start = time.monotonic()
        engine.fit(model, train_dataloaders=loader(job["train"], size))
        tell("fit", seconds=time.monotonic() - start, patches=len(model.model.memory_bank))
        scored = engine.predict(model, dataloaders=loader(job["test"], size))
        scores = torch.cat([batch.pred_score.reshape(-1) for batch in scored])
        maps = torch.cat([batch.anomaly_map.reshape(-1, size, size) for batch in scored])
        np.savez(out / "answers.npz", scores=scores.numpy(), maps=maps.numpy())
        tell("scored")
        # As its documentation exports it, the file takes batches of two and no others; hence one for single frames.
        default = model.to_onnx(out / "default", input_size=(size, size))
        single = model.to_onnx(out / "single", input_size=(size, size), dynamic_axes=None)
        tell("exported", default=str(default), single=str(single))


def end_with_parent() -> None:
    """Ends this process when the one that started it is gone, which closes the pipe to it."""
    sys.stdin.read()
    os._exit(1)


def patchcore(weights: Path, coreset: float) -> Patchcore:
    """PatchCore on a ResNet-18 with the given weights, untouched otherwise: layers 2 and 3, nine neighbours."""
    model = Patchcore(
        backbone="resnet18",
        pre_trained=False,
        coreset_sampling_ratio=coreset,
        evaluator=False,
        visualizer=False,
    )
    backbone = model.model.feature_extractor.feature_extractor
    # timm calls torchvision's tensors by the same names, and the extractor ends with layer 3.
    missing, unexpected = backbone.load_state_dict(torch.load(weights, weights_only=True), strict=False)
    if missing or any(not name.startswith(("layer4.", "fc.")) for name in unexpected):
        raise ValueError(f"{weights}: expected a ResNet-18 as far as layer 3, without {missing} and with {unexpected}")
    return model


def loader(paths: Sequence[str], size: int) -> DataLoader[ImageItem]:
    """The images in batches, in their order."""
    return DataLoader(Images(paths, size), batch_size=BATCH, collate_fn=ImageBatch.collate)


if __name__ == "__main__":
    # Lightning takes the signals that would end it otherwise.
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
