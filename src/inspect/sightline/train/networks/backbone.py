"""torchvision's classification models by name, cut open where their last feature map is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model, get_model_builder, list_models
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from sightline.errors import TrainError, did_you_mean

_OTHER_TASKS = {
    "detection": "object detection",
    "segmentation": "segmentation",
    "video": "video",
    "optical_flow": "optical flow",
    "quantization": "classification with quantised weights",
}

# The last layers of these names map features to ImageNet's classes; no feature map is taken from inside them.
_CLASSIFIERS = ("classifier", "fc", "head", "heads")

INCEPTIONS = ("googlenet", "inception_v3")
"""They pick their input's three channels apart, so a template has no place beside a frame."""


class Layout(Enum):
    """How a backbone's features lie in memory; a new kind is turned into NCHW by :class:`Features`."""

    CHANNELS_FIRST = "[batch, channels, rows, columns]"
    CHANNELS_LAST = "[batch, rows, columns, channels]"
    TOKENS = "[batch, class token and rows * columns, channels]"


@dataclass(frozen=True)
class Level:
    """One feature map of a backbone.

    Attributes:
        node: Where the backbone gives it.
        layout: How it lies in memory there.
        channels: C.
        grid: h and w for the input's shape that the backbone was made for.
    """

    node: str
    layout: Layout
    channels: int
    grid: tuple[int, int]


class Features(nn.Module):
    """A torchvision backbone up to one node: float [B, 3, H, W] to float [B, C, h, w].

    The parameters keep torchvision's names below ``body``, so that its weights load by name.

    Attributes:
        body: The graph up to the node.
        levels: Its feature map, and after it finer ones.
    """

    def __init__(self, body: nn.Module, levels: Sequence[Level]) -> None:
        super().__init__()
        self.body = body
        self.levels = tuple(levels)

    @property
    def channels(self) -> int:
        """Channels of the feature map."""
        return self.levels[0].channels

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the feature map."""
        return self.levels[0].grid

    def forward(self, image: Tensor) -> Tensor:
        """Computes the feature map."""
        return self.scales(image)[0]

    def scales(self, image: Tensor) -> tuple[Tensor, ...]:
        """Computes the feature map, and after it the finer ones, each [B, c, 2h, 2w] or one less of that before."""
        found = self.body(image)
        return tuple(_channels_first(found[level.node], level.layout, level.grid) for level in self.levels)

    def widen(self) -> None:
        """Lets the first convolution take twice as many channels: those of a template after those of the frame."""
        name, first = next((n, m) for n, m in self.body.named_modules() if isinstance(m, nn.Conv2d))
        wide = nn.Conv2d(
            2 * first.in_channels,
            first.out_channels,
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            bias=first.bias is not None,
        )
        with torch.no_grad():
            wide.weight.copy_(paired(first.weight))
            if wide.bias is not None and first.bias is not None:
                wide.bias.copy_(first.bias)
        self.body.set_submodule(name, wide)


def paired(weight: Tensor) -> Tensor:
    """Weights [O, 2 C, h, w] for a frame and its template, from weights [O, C, h, w] for a frame.

    Every second filter begins with the difference of the two, the others with the frame alone.
    """
    compares = (torch.arange(len(weight)) % 2).view(-1, 1, 1, 1)
    return torch.cat([weight, -compares * weight], 1)


def _channels_first(found: Tensor, layout: Layout, grid: tuple[int, int]) -> Tensor:
    if layout is Layout.CHANNELS_LAST:
        return found.permute(0, 3, 1, 2)
    if layout is Layout.TOKENS:
        places = found[:, found.shape[1] - grid[0] * grid[1] :]
        return torch.unflatten(places.transpose(1, 2), 2, grid)
    return found


def extract(
    name: str, shape: tuple[int, int], layer: str | None = None, *, stride: int | None = None, finer: int = 0
) -> Features:
    """Makes a backbone with random weights that ends at its last feature map, at that of a stride, or at ``layer``.

    The feature map is found by running the model on two sizes: what grows with the input is spatial. That tells feature
    maps from pooled ones and channels from rows, whatever the architecture.

    Args:
        name: As in ``torchvision.models``.
        shape: Height and width of the input.
        layer: Node to end at, or a module, whose last node is taken.
        stride: Pixels of the input a step of the feature map, where no layer is named; if no map has it, the last one.
        finer: How many maps to give beside it, each twice as fine as the one before and the last such on the way; fewer
            if there are no more.

    Raises:
        TrainError: The model or layer does not exist, gives no feature map, or cannot take the shape.
    """
    _check(name)
    try:
        model, small, large = _probe(name, shape)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise _unfit(name, shape, error) from error
    every = layouts = {node: layout for node, size in small.items() if (layout := _layout(size, large.get(node)))}
    grids = {node: _grid(layout, small[node], large[node]) for node, layout in every.items()}
    if layer is None and stride is not None:
        layouts = _of_stride(layouts, grids, shape, stride) or layouts
    node = _last_map(name, layouts) if layer is None else _named_map(name, layer, small, layouts)
    nodes = [node]
    while len(nodes) <= finer and (beside := _finer(every, grids, nodes[-1])):
        nodes.append(beside)
    body = create_feature_extractor(model, {one: one for one in nodes}, suppress_diff_warning=True)
    return Features(body, [_level(one, every[one], small[one], grids[one]) for one in nodes])


def _level(node: str, layout: Layout, size: torch.Size, grid: tuple[int, int]) -> Level:
    return Level(node, layout, size[1 if layout is Layout.CHANNELS_FIRST else -1], grid)


def _check(name: str) -> None:
    known = list_models(module=torchvision.models)
    if name in known:
        return
    if name in list_models():
        package = get_model_builder(name).__module__.split(".")[2]
        raise TrainError(
            f"model.backbone: expected a classification model, but {name} is for {_OTHER_TASKS.get(package, package)}",
            hint="Any classification model of torchvision will do, such as mobilenet_v3_small or resnet18.",
        )
    raise TrainError(
        f"model.backbone: expected a classification model of torchvision {torchvision.__version__}, got {name!r}",
        hint=did_you_mean(name, known) or "Such as mobilenet_v3_small or resnet18.",
    )


def _arguments(name: str, shape: tuple[int, int]) -> dict[str, Any]:
    """What a family's builder must be told."""
    if name in INCEPTIONS:
        # Without the auxiliary classifiers that only training from scratch uses, and with the input scaling that
        # torchvision's weights for these two were trained with.
        return {"aux_logits": False, "transform_input": True, "init_weights": True}
    if name.startswith("vit_"):
        if shape[0] != shape[1]:
            raise TrainError(f"{name} takes square images only, got {shape[0]} x {shape[1]} pixels")
        return {"image_size": shape[0]}
    if name.startswith("maxvit_"):
        return {"input_size": shape}
    return {}


_Shapes = Mapping[str, torch.Size]
_Grids = Mapping[str, tuple[int, int]]


def _probe(name: str, shape: tuple[int, int]) -> tuple[nn.Module, _Shapes, _Shapes]:
    """Makes a model and tells the shape of every node outside its classifier for an input and for twice its size."""
    twice = (2 * shape[0], 2 * shape[1])
    model = get_model(name, **_arguments(name, shape))
    nodes = _every_node(model)
    fixed = _arguments(name, shape) != _arguments(name, twice)
    nodes_twice = _every_node(get_model(name, **_arguments(name, twice))) if fixed else nodes
    return model, _shapes(nodes, shape), _shapes(nodes_twice, twice)


def _every_node(model: nn.Module) -> nn.Module:
    """The model as a graph that gives the value of every node which training and evaluation share, in order."""
    train_nodes, eval_nodes = get_graph_node_names(model, suppress_diff_warning=True)
    shared = set(train_nodes) - {"x"}
    nodes = [node for node in eval_nodes if node in shared and node.split(".")[0] not in _CLASSIFIERS]
    every: nn.Module = create_feature_extractor(model, nodes, suppress_diff_warning=True).eval()
    return every


def _shapes(nodes: nn.Module, shape: tuple[int, int]) -> _Shapes:
    with torch.no_grad():
        values = nodes(torch.zeros(1, 3, *shape))
    return {node: value.shape for node, value in values.items() if isinstance(value, Tensor)}


def _layout(small: torch.Size, large: torch.Size | None) -> Layout | None:
    """What a node's output is, told from its shapes for a smaller and a larger input; None if it is no feature map."""
    if large is None or len(small) != len(large):
        return None
    grown = tuple(a < b for a, b in zip(small, large, strict=True))
    return {
        (False, False, True, True): Layout.CHANNELS_FIRST,
        (False, True, True, False): Layout.CHANNELS_LAST,
        (False, True, False): Layout.TOKENS,
    }.get(grown)


def _token_grid(small: int, large: int) -> tuple[int, int]:
    """Rows and columns of a square of tokens, told from two counts: n² + c for an input and (2n)² + c for twice it."""
    side = round(((large - small) / 3) ** 0.5)
    return side, side


def _grid(layout: Layout, size: torch.Size, large: torch.Size) -> tuple[int, int]:
    """Rows and columns of a feature map, told from its sizes for an input and for twice that input."""
    if layout is Layout.TOKENS:
        return _token_grid(size[1], large[1])
    return (size[2], size[3]) if layout is Layout.CHANNELS_FIRST else (size[1], size[2])


def _of_stride(layouts: Mapping[str, Layout], grids: _Grids, shape: tuple[int, int], stride: int) -> dict[str, Layout]:
    """The maps at the end of a block that take so many pixels of the input a step."""
    wanted = (-(-shape[0] // stride), -(-shape[1] // stride))
    return {node: layouts[node] for node in _ends(layouts) if grids[node] == wanted}


def _ends(layouts: Mapping[str, Layout]) -> list[str]:
    """The last map of each block: what lies inside of one was not made to be looked at by others.

    A block is a name up to its first numbered part: ``layer3``, ``features.13``, ``encoder.layers.encoder_layer_4``.
    """
    last: dict[str, str] = {}
    for node in layouts:
        parts = node.split(".")
        numbered = next((n for n, part in enumerate(parts, start=1) if any(map(str.isdigit, part))), len(parts))
        last[".".join(parts[:numbered])] = node
    return list(last.values())


def _finer(layouts: Mapping[str, Layout], grids: _Grids, node: str) -> str | None:
    """The last map at the end of a block before a node that is twice as fine, up to one row and column."""
    before = list(layouts)[: list(layouts).index(node)]
    halved = {n: tuple(-(-side // 2) for side in grids[n]) for n in _ends(layouts) if n in before}
    fine = [n for n, half in halved.items() if half == grids[node]]
    return fine[-1] if fine else None


def _last_map(name: str, layouts: Mapping[str, Layout]) -> str:
    if not layouts:
        raise TrainError(f"{name} gives no feature map that could be pooled")
    return list(layouts)[-1]


def _named_map(name: str, layer: str, nodes: _Shapes, layouts: Mapping[str, Layout]) -> str:
    below = [node for node in nodes if node == layer or node.startswith(layer + ".")]
    if not below:
        parts = {".".join(node.split(".")[: n + 1]) for node in nodes for n in range(node.count(".") + 1)}
        tops = dict.fromkeys(node.split(".")[0] for node in nodes)
        raise TrainError(
            f"model.layer: expected a node of {name}, got {layer!r}",
            hint=did_you_mean(layer, sorted(parts)) or f"At the top it has: {', '.join(tops)}.",
        )
    node = below[-1]
    if node not in layouts:
        kinds = ", ".join(kind.value for kind in Layout)
        raise TrainError(
            f"model.layer: expected a feature map, one of {kinds}; {node} of {name} gives {list(nodes[node])}",
            hint="Leave model.layer out to take the last feature map.",
        )
    return node


def _unfit(name: str, shape: tuple[int, int], error: Exception) -> TrainError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return TrainError(
        f"{name} cannot take images of {shape[0]} x {shape[1]} pixels: {reason}",
        hint="Choose another input.height and input.width, such as 224, or another model.backbone.",
    )
