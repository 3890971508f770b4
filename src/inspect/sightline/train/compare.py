"""Task compare: what a frame shows that its template does not, learned from good pairs alone.

A frozen backbone sees both; at each place their features are subtracted, and each channel is divided by how much good
frames differ from their templates there by themselves. What one lies aside of the other by up to a place is forgiven:
each place of the frame is compared with the nine around it on the template, and the most alike counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from sightline.config import Recipe
from sightline.dataset.views import Views
from sightline.errors import TrainError
from sightline.index import Sample, Split
from sightline.runs import Progress, RunFolder
from sightline.train import checkpoint
from sightline.train.anomaly.detector import backbone, settle
from sightline.train.anomaly.fit import loaded
from sightline.train.anomaly.judge import frame_scores
from sightline.train.callbacks import BEST
from sightline.train.networks.network import Seeing
from sightline.train.origin import check_same, origin

_REACH = 1  # places to each side that a frame may lie aside
_LEAST = 1e-3  # of the largest deviation, that a channel has at least


class Comparer(Seeing):
    """Frames and templates uint8 in; how unlike they are, and where, out.

    Args:
        seeing: The backbone.
        deviation: Of each channel, how much good pairs differ, [C].
        worst: Share of the places whose mean is the frame's score.
    """

    def __init__(self, seeing: Seeing, deviation: Tensor, *, worst: float) -> None:
        super().__init__(seeing.features, seeing.normalise)
        self.worst = worst
        self.register_buffer("deviation", deviation.view(1, -1, 1, 1))
        self.deviation: Tensor

    def forward(self, image: Tensor, template: Tensor) -> tuple[Tensor, Tensor]:
        """Images and templates uint8 [B, H, W, 3] to scores [B, 1] and heat [B, 1, h, w], 0 or more."""
        heat = differences(self.see(image) / self.deviation, self.see(template) / self.deviation)
        return frame_scores(heat, self.worst), heat


def differences(frame: Tensor, template: Tensor) -> Tensor:
    """Root mean square over channels [B, 1, h, w] of features [B, C, h, w] less the most alike around them."""
    rows, columns = frame.shape[2:]
    around = functional.pad(template, [_REACH] * 4, mode="replicate")
    steps = range(2 * _REACH + 1)
    shifted = [around[:, :, y : y + rows, x : x + columns] for y in steps for x in steps]
    squares = [(frame - other).square().mean(1, keepdim=True) for other in shifted]
    return torch.stack(squares).amin(0).sqrt()


def fit(run: RunFolder, *, progress: Progress) -> None:
    """Learns how much good frames of the train part differ from their templates; nothing if that was done before.

    Raises:
        TrainError: Weights do not fit, or the disk is full.
        DataError: An image was changed since it was scanned, or has no template.
    """
    if (run.checkpoints / BEST).exists():
        load(run)  # refuses another recipe or other data
        return
    recipe, start = run.recipe, time.monotonic()
    run.forget_after(run.events_before_training())
    seeing = backbone(recipe.model, recipe.input)
    tqdm.write(loaded(seeing, recipe))
    settle(seeing)
    good = [sample for sample in run.index.part(Split.TRAIN) if sample.good]
    comparer = Comparer(seeing, _deviation(seeing, good, run, progress), worst=recipe.anomaly.worst)
    run.metrics({"train/images": len(good), "train/seconds": time.monotonic() - start}, step=0)
    checkpoint.save({"network": comparer.state_dict(), "run": origin(run)}, run.checkpoints / BEST)


@torch.no_grad()
def _deviation(seeing: Seeing, good: Sequence[Sample], run: RunFolder, progress: Progress) -> Tensor:
    """Root mean square of each channel's difference between good frames and their templates, [C]."""
    total, count = torch.zeros(seeing.features.channels, dtype=torch.float64), 0
    for done, (frames, templates) in enumerate(_pairs(good, run), start=1):
        apart = (seeing.see(frames) - seeing.see(templates)).double()
        total += apart.square().sum((0, 2, 3))
        count += apart[:, 0].numel()
        progress("pairs", min(done * run.recipe.input.batch, len(good)), len(good))
    deviation = (total / max(1, count)).sqrt()
    if not float(deviation.max()) > 0:
        raise TrainError(
            "expected good frames that differ a little from their templates, got pairs that are the same",
            hint="Give frames as the camera takes them, not copies of the template.",
        )
    return deviation.clamp(min=_LEAST * float(deviation.max())).float()


def _pairs(samples: Sequence[Sample], run: RunFolder) -> Iterator[tuple[Tensor, Tensor]]:
    views, batch = Views.of_recipe(run.index, run.recipe.input, run.recipe.template), run.recipe.input.batch
    for start in range(0, len(samples), batch):
        some = [views.of(sample) for sample in samples[start : start + batch]]
        beside = [view.template for view in some if view.template is not None]
        yield torch.from_numpy(np.stack([view.image for view in some])), torch.from_numpy(np.stack(beside))


def check(recipe: Recipe) -> None:
    """Refuses a recipe that could not be trained, before any image is read.

    Raises:
        TrainError: Backbone, layer or weights cannot be had, or there are none.
    """
    loaded(backbone(recipe.model, recipe.input), recipe)


def load(run: RunFolder) -> nn.Module:
    """The trained comparer, in evaluation mode.

    Raises:
        TrainError: The run was not trained to its end, its checkpoint is damaged, or what it was trained from changed.
    """
    content = checkpoint.load(run.checkpoints / BEST)
    check_same(run, content["run"])
    try:
        state = content["network"]
        seeing = settle(backbone(run.recipe.model, run.recipe.input))
        comparer = Comparer(seeing, state["deviation"].flatten(), worst=run.recipe.anomaly.worst)
        comparer.load_state_dict(state)
    except (KeyError, RuntimeError, TypeError) as error:
        raise TrainError(f"{run.checkpoints / BEST} holds other weights than the recipe's network has") from error
    return comparer.eval()
