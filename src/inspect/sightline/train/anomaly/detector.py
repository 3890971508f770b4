"""The network that every anomaly model is: a backbone, a judge of its features, and the frame's score."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sightline.config import Preprocess
from sightline.config.recipe import Model
from sightline.train.anomaly.judge import Judge
from sightline.train.networks.backbone import extract
from sightline.train.networks.network import Seeing

STRIDE = 16
"""Pixels of the input a step of the feature map, where the recipe names no layer: deep enough to know what it sees,
fine enough to point at it. Of ResNets that is ``layer3``, which alone does better than with ``layer2`` beside it."""


class Detector(Seeing):
    """uint8 images in; how unlike good parts they are, and where, out.

    Args:
        seeing: The backbone.
        judge: What a method learned.
    """

    def __init__(self, seeing: Seeing, judge: Judge) -> None:
        super().__init__(seeing.features, seeing.normalise)
        self.judge = judge

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 [B, H, W, 3] to scores, float32 [B, 1], and heat, float32 [B, 1, h, w]; 0 or more."""
        scores, heat = self.judge(*self.scales(image))
        return scores, heat


def backbone(model: Model, preprocess: Preprocess) -> Seeing:
    """The backbone that a recipe asks for, with random weights, in evaluation mode: nothing in it will learn.

    Raises:
        TrainError: torchvision has no such classification model or layer, or it cannot take the input's shape.
    """
    shape = (preprocess.height, preprocess.width)
    features = extract(model.backbone, shape, model.layer, stride=STRIDE, finer=1)
    seeing = Seeing(features, model.normalise)
    return seeing.eval().requires_grad_(False)


def settle(seeing: Seeing) -> Seeing:
    """Makes a backbone as small as it can be: batch normalisation joins the convolutions, and weights become float16's.

    Everything after is learned from what this backbone sees, so nothing is lost by it, and a file of half the size
    holds the very same numbers.
    """
    body = seeing.features.body
    if isinstance(body, GraphModule):
        _join_norms(body)
    with torch.no_grad():
        for tensor in seeing.features.parameters():
            tensor.copy_(tensor.half().float())
    return seeing


def _join_norms(body: GraphModule) -> None:
    """Puts each batch normalisation into the convolution that it alone follows, in the graph or inside a block."""
    for block in body.modules():
        if isinstance(block, nn.Sequential):
            for number, (convolution, norm) in enumerate(pairwise(block)):
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    block[number], block[number + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    modules = dict(body.named_modules())
    for node in list(body.graph.nodes):
        before = node.args[0] if node.args else None
        if node.op != "call_module" or not isinstance(before, Node) or len(before.users) > 1:
            continue
        first, second = modules.get(str(before.target)), modules[str(node.target)]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            body.set_submodule(str(before.target), fuse_conv_bn_eval(first, second))
            node.replace_all_uses_with(before)
            body.graph.erase_node(node)
    body.delete_all_unused_submodules()
    body.recompile()
