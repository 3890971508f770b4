"""What does not go together in a recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sightline.config.recipe import Recipe


def refuse(recipe: Recipe) -> None:
    """Looks for settings that do not fit the task, or each other.

    Raises:
        ValueError: Some do not; the message names the setting and says what to do.
    """
    for wrong, why in _MISFITS:
        if wrong(recipe):
            raise ValueError(why)
    if recipe.model.views == 8 and recipe.input.height != recipe.input.width:
        size = f"{recipe.input.height} x {recipe.input.width}"
        raise ValueError(f"model.views: 8 needs a square input, got {size}; 4 takes any")


def _aligns(recipe: Recipe) -> bool:
    return recipe.input.align is not None


_MISFITS: tuple[tuple[Callable[[Recipe], bool], str], ...] = (
    (
        lambda r: r.task == "classify" and r.decide.rule == "overkill",
        "decide.rule: overkill needs a task that knows good parts or localises; task classify chooses by f1, or fixed",
    ),
    (lambda r: r.one_class and bool(r.multi_label), "multi_label: this task names no types, so leave it out"),
    (lambda r: r.dense and r.multi_label is False, "multi_label: a frame may show several defects, so leave it out"),
    (lambda r: r.one_class and bool(r.augment), "augment: this task learns from images as they are; leave it out"),
    (
        lambda r: r.model.views > 1 and r.task not in ("classify", "anomaly"),
        "model.views: tasks classify and anomaly can answer with the mean over views, this one cannot",
    ),
    (lambda r: r.task == "compare" and not r.pair, "template: task compare compares each frame with one; state it"),
    (
        lambda r: r.pair and r.task in ("classify", "anomaly"),
        "template.compared: tasks segment, detect and compare show it to the network; set it to false to align alone",
    ),
    (lambda r: _aligns(r) and r.template is None, "input.align: expected a template to align to; state `template`"),
    (
        lambda r: r.template is not None and not r.pair and not _aligns(r),
        "template: it is neither compared nor aligned to; set template.compared or input.align",
    ),
    (
        lambda r: r.input.tiles is not None and r.task not in ("segment", "detect"),
        "input.tiles: tasks segment and detect can look at tiles, this one looks at whole frames",
    ),
    (
        lambda r: r.pair and r.localise.paste > 0,
        "localise.paste: what is pasted would not lie upon the template; leave it out where one is compared",
    ),
    (
        lambda r: r.input.tiles is not None and r.localise.crop is not None,
        "localise.crop: with input.tiles a patch is a tile, so leave it out",
    ),
    (
        lambda r: (
            r.template is not None and r.template.choose == "match" and len(r.template.variants) > 1 and not _aligns(r)
        ),
        "template.choose: a match is found by aligning; state input.align, or choose by name",
    ),
)
"""What does not go together: told of a recipe, and what is said then."""
