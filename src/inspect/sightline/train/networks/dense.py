"""Networks that answer for every place: a backbone, a decoder that brings its scales together, and a head."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.lraspp import LRASPPHead

from sightline.config import Recipe
from sightline.config.localise import Localise
from sightline.config.recipe import Model
from sightline.errors import TrainError
from sightline.train.networks.backbone import INCEPTIONS, Features, Layout, extract
from sightline.train.networks.network import Trained

_PRIOR = 0.01  # probability of a type that a new network begins with
_MOST = 4  # finer maps than the coarsest that a backbone may have


class Block(nn.Sequential):
    """A convolution, batch normalisation, and what is above 0 of it."""

    def __init__(self, channels: int, outputs: int, kernel: int = 3) -> None:
        super().__init__(
            nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Fpn(nn.Module):
    """From the coarsest map to the finest, each enlarged and added to the next.

    As in Lin et al. 2017, "Feature Pyramid Networks for Object Detection"; each sum is looked over once more before it
    goes on, as in a U-Net.

    Args:
        channels: Of each map, the coarsest first.
        width: Channels of the result.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(Block(count, width, 1) for count in channels)
        self.merges = nn.ModuleList(Block(width, width) for _ in channels[1:])

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps [B, c, h, w], the coarsest first, to one [B, width, h, w] of the finest's size."""
        found: Tensor = self.laterals[0](maps[0])
        for lateral, merge, finer in zip(list(self.laterals)[1:], self.merges, maps[1:], strict=True):
            found = merge(functional.interpolate(found, size=finer.shape[2:], mode="nearest") + lateral(finer))
        return found


class Lraspp(nn.Module):
    """torchvision's LR-ASPP (Howard et al. 2019, "Searching for MobileNetV3") over the coarsest and the finest map."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.inner = LRASPPHead(channels[-1], channels[0], width, inter_channels=2 * width)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """As `Fpn`."""
        found: Tensor = self.inner({"low": maps[-1], "high": maps[0]})
        return functional.relu(found)


class DeepLab(nn.Module):
    """torchvision's DeepLabV3 head (Chen et al. 2017, "Rethinking Atrous Convolution") over the coarsest map."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.inner = DeepLabHead(channels[0], width)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """As `Fpn`."""
        found: Tensor = self.inner(maps[0])
        return functional.relu(functional.interpolate(found, size=maps[-1].shape[2:], mode="bilinear"))


DECODERS = {"fpn": Fpn, "lraspp": Lraspp, "deeplabv3": DeepLab}
"""By the name that a recipe gives."""


class Dense(Trained):
    """uint8 images in, and templates beside them if it compares; an answer for each place out.

    Attributes:
        stride: Pixels of the input a step of the answer.
        head: What the task learns: a map [B, K, h, w] of the decoder's.
    """

    def __init__(self, features: Features, model: Model, settings: Localise, outputs: int, *, pair: bool) -> None:
        super().__init__(features, model)
        if pair:
            features.widen()
        self.pair = pair
        self.stride = settings.stride
        self.decoder = DECODERS[settings.decoder]([level.channels for level in features.levels], settings.width)
        self.head = nn.Sequential(
            *(Block(settings.width, settings.width) for _ in range(settings.depth)),
            nn.Dropout2d(model.dropout),
            nn.Conv2d(settings.width, outputs, 1),
        )

    def forward(self, image: Tensor, template: Tensor | None = None) -> Tensor:
        """Answers for a batch.

        Args:
            image: uint8 [B, H, W, 3], RGB, preprocessed but not normalised.
            template: The same of what it is compared with; given if, and only if, the network compares.

        Returns:
            Raw answers, float32 [B, K, h, w], with a step of `stride` pixels.
        """
        seen = self.normalised(image)
        if template is not None:
            seen = torch.cat([seen, self.normalised(template)], 1)
        answer: Tensor = self.head(self.decoder(self.features.scales(seen)))
        return answer.float()


def build(recipe: Recipe, types: int, *, beside: int = 0) -> Dense:
    """Makes the network that a recipe of a localising task asks for, with random weights.

    Args:
        recipe: The recipe.
        types: Defect types, of each of which every place has a logit.
        beside: Numbers of a place after those.

    Raises:
        TrainError: torchvision has no such classification model or layer, it cannot take the input's shape, or has no
            map as fine as the recipe asks for.
    """
    model, settings = recipe.model, recipe.localise
    shape = (recipe.input.height, recipe.input.width)
    features = extract(model.backbone, shape, model.layer, stride=settings.coarsest, finer=_MOST)
    wanted = (-(-shape[0] // settings.stride), -(-shape[1] // settings.stride))
    kept = next((n for n, level in enumerate(features.levels, start=1) if level.grid == wanted), None)
    if kept is None:
        finest = features.levels[-1].grid
        raise TrainError(
            f"localise.stride: expected a map of {wanted[0]} x {wanted[1]} places of {model.backbone} for a stride of "
            f"{settings.stride}, its finest has {finest[0]} x {finest[1]}",
            hint="Raise localise.stride, or choose another model.backbone.",
        )
    if recipe.pair and model.backbone in INCEPTIONS:
        raise TrainError(
            f"model.backbone: {model.backbone} cannot take a template beside each frame",
            hint="Choose another, such as resnet18, or set template.compared=false.",
        )
    if settings.crop and features.levels[0].layout is Layout.TOKENS:
        raise TrainError(
            f"localise.crop: {model.backbone} takes images of one size only", hint="Leave localise.crop out."
        )
    features.levels = features.levels[:kept]
    network = Dense(features, model, settings, types + beside, pair=recipe.pair)
    _begin(network.head[-1], types)
    return network


def _begin(last: nn.Module, types: int) -> None:
    """Lets a new network find every type improbable everywhere (Lin et al. 2017, "Focal Loss", section 3.3).

    It would else spend its first hundreds of steps on nothing but the many sound places.
    """
    bias = last.get_parameter("bias")
    nn.init.zeros_(bias)
    nn.init.constant_(bias[:types], math.log(_PRIOR / (1 - _PRIOR)))
