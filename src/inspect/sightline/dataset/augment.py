"""Augmentation: the recipe's albumentations transforms as one pure function of image and seed. The only albumentations."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Read by albumentations when it is imported: otherwise it asks a server for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations

from sightline.config import Augmentation
from sightline.errors import ConfigError


class Pipeline:
    """Transforms in order. The same image and seed give the same result, in any process and in any order of calls.

    They see the preprocessed image, at the model's input size: decoded and resized once, images stay in memory.

    Args:
        augmentations: The recipe's section; empty changes nothing.

    Raises:
        ConfigError: A name or parameter albumentations does not know, or a result that is no uint8 image of that size.
    """

    def __init__(self, augmentations: Sequence[Augmentation]) -> None:
        transforms = [_transform(number, settings) for number, settings in enumerate(augmentations)]
        self._compose = albumentations.Compose(transforms) if transforms else None
        if self._compose is not None:
            self._try(augmentations)

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Augments one image, uint8 (H, W, 3); the result has the same type and shape."""
        if self._compose is None:
            return image
        self._compose.set_random_seed(seed)
        changed: NDArray[np.uint8] = self._compose(image=image)["image"]
        return changed

    def _try(self, augmentations: Sequence[Augmentation]) -> None:
        probe = np.zeros((64, 96, 3), np.uint8)
        for number, settings in enumerate(augmentations):
            alone = albumentations.Compose([_transform(number, settings, always=True)], seed=0)
            try:
                result = alone(image=probe)["image"]
            except Exception as error:  # noqa: BLE001 - a transform may raise anything
                raise ConfigError(f"augment.{number}: {settings.name} cannot be applied: {error}") from error
            if not isinstance(result, np.ndarray) or result.dtype != np.uint8 or result.shape != probe.shape:
                got = f"{result.dtype} {tuple(result.shape)}" if hasattr(result, "dtype") else type(result).__name__
                raise ConfigError(
                    f"augment.{number}: expected uint8 images of unchanged size from {settings.name}, got {got}",
                    hint="Size is set by `input`, normalisation by `model.normalise`; both are also done at the edge.",
                )


def _transform(number: int, settings: Augmentation, *, always: bool = False) -> Any:  # noqa: ANN401 - albumentations' base
    kind = getattr(albumentations, settings.name, None)
    if not isinstance(kind, type) or not issubclass(kind, albumentations.BasicTransform):
        names = [n for n, v in vars(albumentations).items() if isinstance(v, type) and issubclass(v, albumentations.BasicTransform)]
        close = difflib.get_close_matches(settings.name, names, n=3)
        raise ConfigError(
            f"augment.{number}.name: albumentations {albumentations.__version__} has no transform {settings.name!r}",
            hint=f"Did you mean {' or '.join(close)}?" if close else "",
        )
    parameters = {key: tuple(v) if isinstance(v, list) else v for key, v in settings.parameters.items()}
    if always:
        parameters["p"] = 1.0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns of parameters it does not know
            return kind(**parameters)
    except (TypeError, ValueError, UserWarning) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"augment.{number}: {settings.name} refuses its parameters: {reason}") from error
