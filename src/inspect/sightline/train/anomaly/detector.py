"""The network that every anomaly model is: a backbone, a judge of its features, and the frame's score."""

from __future__ import annotations

from torch import Tensor, nn

from sightline.config import Preprocess
from sightline.config.recipe import Model
from sightline.train.anomaly.bank import frame_scores
from sightline.train.networks.backbone import extract
from sightline.train.networks.network import Seeing

STRIDE = 16
"""Pixels of the input a step of the feature map, where the recipe names no layer: deep enough to know what it sees,
fine enough to point at it. Of ResNets that is ``layer3``, which alone does better than with ``layer2`` beside it."""


class Detector(Seeing):
    """uint8 images in; how unlike good parts they are, and where, out.

    Args:
        seeing: The backbone.
        judge: Features [B, C, h, w] to heat [B, 1, h, w], 0 or more.
        worst: Share of the places whose mean heat is the frame's score.
    """

    def __init__(self, seeing: Seeing, judge: nn.Module, worst: float) -> None:
        super().__init__(seeing.features, seeing.normalise)
        self.judge = judge
        self.worst = worst

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [B, H, W, 3] to scores, float32 [B, 1], and heat, float32 [B, 1, h, w]; 0 or more."""
        heat = self.judge(self.see(image))
        return frame_scores(heat, self.worst), heat


def backbone(model: Model, preprocess: Preprocess) -> Seeing:
    """The backbone that a recipe asks for, with random weights, in evaluation mode.

    Raises:
        TrainError: torchvision has no such classification model or layer, or it cannot take the input's shape.
    """
    features = extract(model.backbone, (preprocess.height, preprocess.width), model.layer, stride=STRIDE)
    seeing = Seeing(features, model.normalise)
    return seeing.eval().requires_grad_(False)
