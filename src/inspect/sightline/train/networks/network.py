"""What every network here begins with, and the one that every classifier is: pooling, dropout, one linear layer."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from sightline.config import Preprocess
from sightline.config.recipe import Model, Normalise
from sightline.train.networks.backbone import Features, extract

_MOMENTUM = 0.1  # torchvision's mobile networks have 0.01, for runs of 100,000 steps; statistics would stay behind here


class Seeing(nn.Module):
    """Base of every network: uint8 images in, normalised here, features of a torchvision backbone out.

    Attributes:
        features: float [B, 3, H, W] to float [B, C, h, w].
        normalise: What the weights were trained with.
    """

    def __init__(self, features: Features, normalise: Normalise) -> None:
        super().__init__()
        self.features = features
        self.normalise = normalise
        self.register_buffer("mean", 255 * torch.tensor(normalise.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(normalise.std).view(3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def see(self, image: Tensor) -> Tensor:
        """Features, float [B, C, h, w], of images uint8 [B, H, W, 3], RGB, preprocessed but not normalised."""
        return self.scales(image)[0]

    def scales(self, image: Tensor) -> tuple[Tensor, ...]:
        """The same, and after them the finer ones if the backbone gives some."""
        return self.features.scales(self.normalised(image))

    def normalised(self, image: Tensor) -> Tensor:
        """What the backbone takes, float [B, 3, H, W], of images uint8 [B, H, W, 3]."""
        return (image.permute(0, 3, 1, 2).float() - self.mean) / self.std


class Trained(Seeing):
    """Base of the networks whose backbone learns, beside what a task puts on it.

    Attributes:
        frozen_statistics: Whether the backbone's batch normalisation stays in evaluation mode while the rest trains.
    """

    def __init__(self, features: Features, settings: Model) -> None:
        super().__init__(features, settings.normalise)
        self.frozen_statistics = settings.batch_norm == "frozen"
        if not self.frozen_statistics:
            for norm in self.batch_norms():
                norm.momentum = max(norm.momentum or _MOMENTUM, _MOMENTUM)

    def train(self, mode: bool = True) -> Self:
        """Switches to training or evaluation; frozen batch normalisation stays in evaluation."""
        super().train(mode)
        if self.frozen_statistics:
            for norm in self.batch_norms():
                norm.eval()
        return self

    def batch_norms(self) -> list[_BatchNorm]:
        """Every batch normalisation of the backbone."""
        return [module for module in self.features.modules() if isinstance(module, _BatchNorm)]


class Network(Trained):
    """uint8 images in; logits and where they come from out.

    The maps are class activation maps (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization"): the
    last layer applied at every position of the feature map. Their mean over the positions is the logit.
    """

    def __init__(self, features: Features, outputs: int, settings: Model) -> None:
        super().__init__(features, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(features.channels, outputs)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        self.train()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Answers for a batch.

        Args:
            image: uint8 [B, H, W, 3], RGB, preprocessed but not normalised.

        Returns:
            Logits, float32 [B, K], and class activation maps, float32 [B, K, h, w]. In evaluation mode the logits are
            the means of the maps; in training mode dropout lies between.
        """
        found = self.see(image)
        logits = self.head(self.dropout(found.mean(dim=(2, 3))))
        maps = functional.conv2d(found, self.head.weight[:, :, None, None], self.head.bias)
        return logits.float(), maps.float()


def build(model: Model, outputs: int, preprocess: Preprocess) -> Network:
    """Makes the network that a recipe asks for, with random weights.

    Args:
        model: The recipe's section.
        outputs: Number of logits.
        preprocess: Its height and width are the input's.

    Raises:
        TrainError: torchvision has no such classification model or layer, or it cannot take the input's shape.
    """
    features = extract(model.backbone, (preprocess.height, preprocess.width), model.layer)
    return Network(features, outputs, model)
