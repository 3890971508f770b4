"""Pretrained weights: torchvision's by name, or a file, into the backbone of a network."""

from __future__ import annotations

import pickle
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models.vision_transformer import interpolate_embeddings

from sightline.config.recipe import Model
from sightline.errors import TrainError, did_you_mean
from sightline.train.checkpoint import DAMAGED
from sightline.train.networks.backbone import paired
from sightline.train.networks.network import Seeing

_LEAST_SHARE = 0.5
_COUNTER = "num_batches_tracked"
_POSITIONS = "encoder.pos_embedding"


@dataclass(frozen=True)
class WeightReport:
    """What weights gave to a backbone, by torchvision's names of its tensors.

    Attributes:
        source: torchvision's name or the file.
        loaded: Tensors that were taken over.
        missing: Tensors of the backbone that the weights lack; they keep random values.
        shape_mismatch: Tensors that the weights have in another shape; they keep random values.
        layer: For ``model.layer``: the deepest module up to which every tensor was loaded, or empty.
    """

    source: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    shape_mismatch: tuple[str, ...]
    layer: str

    @property
    def whole(self) -> bool:
        """Whether every tensor of the backbone was loaded."""
        return not self.missing and not self.shape_mismatch

    def text(self) -> str:
        """One or two lines for a person."""
        lacking = self.missing + self.shape_mismatch
        total = len(self.loaded) + len(lacking)
        if self.whole:
            return f"{self.source}: all {total} tensors of the backbone loaded"
        some = ", ".join(lacking[:4]) + (f" and {len(lacking) - 4} more" if len(lacking) > 4 else "")
        hint = f"; `model.layer: {self.layer}` uses only what was loaded" if self.layer else ""
        return f"{self.source}: {len(self.loaded)} of {total} tensors of the backbone loaded; random stay {some}{hint}"


def load_weights(network: Seeing, model: Model) -> WeightReport | None:
    """Loads the weights that a recipe names into a network's backbone; a classifier among them is ignored.

    Weights that cover only a part are taken as long as they cover at least half of the backbone's tensors.

    Returns:
        What was loaded and what they lack, or None if the recipe asks for random weights.

    Raises:
        TrainError: The weights cannot be found, downloaded or read, or they belong to another network.
    """
    if model.weights is None:
        return None
    found = _read(model.weights, model.backbone)
    body = network.features.body
    wanted = {name: value for name, value in body.state_dict().items() if not name.endswith(_COUNTER)}
    found = _fit_pair(_fit_positions(found, wanted), wanted)
    matching = {name: found[name] for name in wanted if name in found and found[name].shape == wanted[name].shape}
    report = WeightReport(
        source=model.weights,
        loaded=tuple(matching),
        missing=tuple(name for name in wanted if name not in found),
        shape_mismatch=tuple(name for name in wanted if name in found and name not in matching),
        layer=_last_whole_layer(list(wanted), matching),
    )
    if len(matching) < _LEAST_SHARE * len(wanted):
        raise TrainError(
            f"model.weights: expected weights of {model.backbone}; {report.text()}",
            hint="Check that model.backbone is the architecture that the file was saved from.",
        )
    body.load_state_dict(matching, strict=False)
    return report


def is_download(model: Model) -> bool:
    """Whether the weights of a recipe are torchvision's, which it downloads when they are first asked for."""
    return model.backbone in list_models() and model.weights in get_model_weights(model.backbone).__members__


def _read(source: str, backbone: str) -> dict[str, Tensor]:
    known = get_model_weights(backbone).__members__
    if source in known:
        return _download(source, backbone)
    path = Path(source).expanduser()
    if path.is_file():
        return _read_file(path)
    names = ["DEFAULT", *known]
    raise TrainError(
        f"model.weights: expected a file, null or, for {backbone}, {' or '.join(dict.fromkeys(names))}; got {source!r}",
        hint=did_you_mean(source, names) or "There is no such file.",
    )


def _download(name: str, backbone: str) -> dict[str, Tensor]:
    try:
        model = get_model(backbone, weights=name)
    except (URLError, OSError, RuntimeError) as error:
        raise TrainError(
            f"torchvision's weights {name} of {backbone} could not be downloaded: {error}",
            hint="Without a network, name a file in model.weights, or null to start from random weights.",
        ) from error
    state: dict[str, Tensor] = model.state_dict()
    return state


def _read_file(path: Path) -> dict[str, Tensor]:
    if path.stat().st_size == 0:
        raise TrainError(f"model.weights: {path} is empty", hint="Download or copy it again.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise TrainError(
            f"model.weights: {path} is no file of torch.save, holds more than tensors, or is damaged; it was not "
            "opened any further",
            hint="Save it again with torch.save(model.state_dict(), ...).",
        ) from error
    except OSError as error:
        raise TrainError(f"model.weights: {path} cannot be read: {error.strerror or error}") from error
    except DAMAGED as error:
        raise TrainError(
            f"model.weights: expected a file of torch.save, but {path} is another kind of file, or cut off or damaged",
            hint="Download or copy it again, and compare its size with the original's.",
        ) from error
    if isinstance(content, Mapping):
        # Training scripts save more than the weights, and put the weights below one of these.
        content = next(
            (content[key] for key in ("state_dict", "model") if isinstance(content.get(key), Mapping)), content
        )
        tensors = {str(name).removeprefix("module."): v for name, v in content.items() if isinstance(v, Tensor)}
        if tensors:
            return tensors
    raise TrainError(f"model.weights: expected a dictionary of tensors in {path}, got {type(content).__name__}")


def _fit_positions(found: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Resizes a vision transformer's position embedding, which has one row a patch, to another image size."""
    have, want = found.get(_POSITIONS), wanted.get(_POSITIONS)
    if have is None or want is None or have.shape == want.shape or have.ndim != 3 or have.shape[2] != want.shape[2]:
        return found
    side = round((want.shape[1] - 1) ** 0.5)
    resized = interpolate_embeddings(image_size=side, patch_size=1, model_state={_POSITIONS: have})
    return {**found, **resized}


def _fit_pair(found: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Widens the first convolution's weights, as `Features.widen` does, where the network sees a template too."""
    first = next((name for name, value in wanted.items() if value.ndim == 4), "")
    have, want = found.get(first), wanted.get(first)
    if have is None or want is None or have.ndim != 4 or have.shape[1] * 2 != want.shape[1]:
        return found
    return {**found, first: paired(have)}


def _last_whole_layer(wanted: Sequence[str], loaded: Container[str]) -> str:
    """The deepest module up to which every tensor was loaded; empty if the first lacks already, or none does."""
    lacking = [name for name in wanted if name not in loaded]
    if not lacking or lacking[0] == wanted[0]:
        return ""
    parts = wanted[wanted.index(lacking[0]) - 1].split(".")
    modules = (".".join(parts[:depth]) for depth in range(1, len(parts)))
    return next((one for one in modules if not any(name.startswith(one + ".") for name in lacking)), "")
