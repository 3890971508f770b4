"""Augmentation: the recipe's albumentations transforms as one pure function of image and seed."""

from __future__ import annotations

import inspect
import os
import re
import warnings
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Read by albumentations when it is imported: otherwise it asks a server for its latest version.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations

from sightline.boxes import Boxes
from sightline.config import Augmentation, Preprocess, Recipe
from sightline.dataset import marks as marked
from sightline.errors import ConfigError, did_you_mean

_IN_GRAPH = ("Normalize", "ToFloat", "FromFloat", "ToTensorV2", "ToTensor3D")

_MARKS = {"mask", "bboxes"}
_TRIALS = 8
_VISIBLE = 0.3  # share of a box that must stay in the image, or it is left out


class Pipeline:
    """Transforms in order. The same image and seed give the same result, in any process and in any order of calls.

    They see the preprocessed image, at the model's input size: so every image is decoded and resized once and stays in
    memory, and a blur or shift means as many pixels as the model sees. A transform that magnifies has no more detail to
    show than that.

    Args:
        augmentations: The recipe's section; empty changes nothing.
        preprocess: The recipe's; its height and width are those of the images.
        marks: Whether `scene` will be called, so that each transform must be fit for what is marked, too.

    Raises:
        ConfigError: A name or parameter albumentations does not know, a result that is no uint8 image of that size, or
            a transform that moves an image but not what is marked on it.
    """

    def __init__(self, augmentations: Sequence[Augmentation], preprocess: Preprocess, *, marks: bool = False) -> None:
        probe = np.random.default_rng(0).integers(0, 256, (preprocess.height, preprocess.width, 3), np.uint8)
        for number, settings in enumerate(augmentations):
            _try(f"augment.{number}", settings, probe)
            if marks:
                _try_marks(f"augment.{number}", settings, probe)
        transforms = [_transform(f"augment.{number}", settings) for number, settings in enumerate(augmentations)]
        self._compose = albumentations.Compose(transforms) if transforms else None
        self._scenes = _with_marks(transforms) if transforms else None

    @classmethod
    def of_recipe(cls, recipe: Recipe) -> Pipeline:
        """The pipeline of a recipe: of its patches, with what is marked on them, where it learns where defects are.

        Raises:
            ConfigError: As the constructor.
        """
        crop = recipe.localise.crop if recipe.dense else None
        size = recipe.input.model_copy(update={"height": crop, "width": crop}) if crop else recipe.input
        return cls(recipe.augment, size, marks=recipe.dense)

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Augments one image, uint8 (H, W, 3); the result has the same type and shape."""
        if self._compose is None:
            return image
        self._compose.set_random_seed(seed)
        changed: NDArray[np.uint8] = self._compose(image=image)["image"]
        return changed

    def scene(
        self,
        image: NDArray[np.uint8],
        template: NDArray[np.uint8] | None,
        types: NDArray[np.uint8],
        boxes: Boxes,
        seed: int,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray[np.uint8], Boxes]:
        """Augments an image with its template, map of types (H, W) and boxes: all move alike, the image alone changes.

        albumentations encloses a box that it turned, and all that the box could hold, in a larger one. Where a box is
        drawn around pixels of its type in the map of types, and it alone, it is drawn around them anew. Where boxes
        alone are known the larger one stays; ``rotate_method: ellipse`` of Affine or Rotate keeps it tighter.

        Returns:
            Image, template, map and boxes as they were given, turned; boxes of which little is left are left out.
        """
        if self._scenes is None:
            return image, template, types, boxes
        self._scenes.set_random_seed(seed)
        own, slack = marked.owned(types, boxes)
        given = {"image": image, "mask": types, "own": own} | ({} if template is None else {"template": template})
        made = self._scenes(**given, bboxes=boxes.corners, numbers=np.arange(len(boxes)))
        corners = np.array(made["bboxes"], np.float32).reshape(-1, 4)
        rows = np.array(made["numbers"], np.int64)
        if len(rows):
            fits = [marked.refitted(c, made["own"], slack[n], int(n)) for c, n in zip(corners, rows, strict=True)]
            corners = np.stack(fits)
        left = Boxes(corners, np.ones(len(corners), np.float32), boxes.classes[rows])
        return made["image"], made.get("template"), made["mask"], left


def _with_marks(transforms: Sequence[albumentations.BasicTransform]) -> albumentations.Compose:
    """Applies transforms to an image with all that lies on it or beside it.

    What changes pixels alone changes the frame's alone: the edge compares frames in any light with one template.
    """
    boxes = albumentations.BboxParams(
        format="pascal_voc",
        label_fields=["numbers"],
        min_visibility=_VISIBLE,
        clip=True,
        filter_invalid_bboxes=True,  # too thin for the shares of the image that albumentations reckons in
    )
    knows_boxes = albumentations.NoOp(p=0)  # without one that does, albumentations warns
    made = albumentations.Compose([*transforms, knows_boxes], bbox_params=boxes, additional_targets={"own": "mask"})
    for transform in transforms:
        if not isinstance(transform, albumentations.ImageOnlyTransform):
            transform.add_targets({"template": "image"})
    return made


def _try(key: str, settings: Augmentation, probe: NDArray[np.uint8]) -> None:
    """Applies a transform to a made-up image, so that a recipe fails before an hour of training."""
    transform = _transform(key, settings.model_copy(update={"p": 1.0}))
    try:
        # Some seed turns by 90 degrees, another by 180, which changes no size.
        results = [albumentations.Compose([transform], seed=seed)(image=probe)["image"] for seed in range(_TRIALS)]
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, cv2.error) as error:
        raise ConfigError(f"{key}: {settings.name} cannot be applied to an image alone: {_line(error)}") from error
    for result in results:
        if isinstance(result, np.ndarray) and result.dtype == np.uint8 and result.shape == probe.shape:
            continue
        got = f"{result.dtype} {tuple(result.shape)}" if hasattr(result, "dtype") else type(result).__name__
        raise ConfigError(
            f"{key}: expected uint8 images of unchanged size {probe.shape} from {settings.name}, got {got}",
            hint="`input` sets the size, in training and at the edge alike.",
        )


def _try_marks(key: str, settings: Augmentation, probe: NDArray[np.uint8]) -> None:
    """Applies a transform to a made-up image with marks: they must go where the image goes, and stay what they are."""
    transform = _transform(key, settings.model_copy(update={"p": 1.0}))
    if not isinstance(transform, albumentations.ImageOnlyTransform) and not set(transform.targets) >= _MARKS:
        raise ConfigError(
            f"{key}: {settings.name} moves an image, but not the masks and boxes on it",
            hint="Leave it out: tasks segment and detect learn where defects are.",
        )
    try:
        masks = [_marks_after(transform, probe, seed) for seed in range(_TRIALS)]
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, cv2.error) as error:
        raise ConfigError(f"{key}: {settings.name} cannot be applied to masks and boxes: {_line(error)}") from error
    if not all(np.isin(mask, (0, marked.UNKNOWN)).all() and mask.shape == probe.shape[:2] for mask in masks):
        raise ConfigError(
            f"{key}: expected {settings.name} to keep the values of masks, for they are types, got others",
            hint="Leave out mask_interpolation and fill_mask.",
        )


def _marks_after(transform: albumentations.BasicTransform, probe: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """What a transform makes of a mask of 0 and 255, with a template beside the image and a box on it."""
    types = np.zeros(probe.shape[:2], np.uint8)
    top, left = (side // 4 for side in probe.shape[:2])
    bottom, right = probe.shape[0] - top, probe.shape[1] - left
    types[top:bottom, left:right] = marked.UNKNOWN
    compose = _with_marks([transform])
    compose.set_random_seed(seed)
    given = {"image": probe, "template": probe, "mask": types, "own": types}
    made = compose(**given, bboxes=np.array([[left, top, right, bottom]], np.float32), numbers=np.zeros(1, np.int64))
    mask: NDArray[np.uint8] = made["mask"]
    return mask


def _transform(key: str, settings: Augmentation) -> albumentations.BasicTransform:
    kind = _kind(key, settings.name)
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.parameters.items()}
    known = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    for name in given:
        # albumentations would only warn, and train without what was asked for.
        if name not in known:
            raise ConfigError(
                f"{key}.{name}: {settings.name} has no parameter {name!r}",
                hint=did_you_mean(name, known) or f"It has: {', '.join(known)}.",
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made: albumentations.BasicTransform = kind(**given)
    except (TypeError, UserWarning, ValueError) as error:
        raise ConfigError(f"{key}: {settings.name} refuses its parameters: {_line(error)}") from error
    return made


def _kind(key: str, name: str) -> Any:  # noqa: ANN401 - a class of albumentations, which is not typed
    if name in _IN_GRAPH:
        raise ConfigError(
            f"{key}.name: {name} is no augmentation here: images stay uint8 until they are in the model's graph",
            hint="Set mean and standard deviation in `model.normalise`, so that the edge does the same.",
        )
    kinds = {
        n: kind
        for n, kind in vars(albumentations).items()
        if isinstance(kind, type) and issubclass(kind, albumentations.BasicTransform)
    }
    if name not in kinds:
        raise ConfigError(
            f"{key}.name: albumentations {albumentations.__version__} has no transform {name!r}",
            hint=did_you_mean(name, kinds) or "Such as HorizontalFlip, Affine or RandomBrightnessContrast.",
        )
    return kinds[name]


def _line(error: Exception) -> str:
    """The reason in one line, without pydantic's links and count."""
    return " ".join(
        re.sub(r"\[type=.*|For further information.*|\d+ validation errors? for \w+", "", str(error)).split()
    )
