"""What weights were trained from, kept beside them, so that nobody goes on with other settings or other data."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from sightline import config
from sightline.errors import ConfigError, TrainError
from sightline.runs import RunFolder

_MAY_CHANGE = {
    "version",
    "sector",
    "product",
    "decide",
    "track",
    "card",
    "model.views",
    "model.int8",
}  # no weight depends on them


def origin(run: RunFolder) -> dict[str, str]:
    """What weights were trained from; what is made of them later is checked against it."""
    return {"recipe": config.dump(run.recipe), "data": run.index.digest}


def check_same(run: RunFolder, state: Mapping[str, str]) -> None:
    """Refuses to go on with another recipe or other data than the weights were trained from.

    Args:
        run: As it is now.
        state: What `origin` gave when the weights were kept.

    Raises:
        TrainError: Something else is said now; every difference is named.
    """
    began, now = (config.flat(yaml.safe_load(text)) for text in (_today(state["recipe"]), config.dump(run.recipe)))
    changed = sorted(
        key
        for key in began.keys() | now.keys()
        if began.get(key) != now.get(key) and not {key, key.partition(".")[0]} & _MAY_CHANGE
    )
    if changed:
        listed = "\n".join(f"  {key}: began with {began.get(key)}, is now {now.get(key)}" for key in changed)
        raise TrainError(
            f"{run.path} was trained from another recipe:\n{listed}",
            hint="Put recipe.yaml back as it was, or train the changed recipe as a new run.",
        )
    if state["data"] != run.index.digest:
        raise TrainError(
            f"{run.path} was trained on other data: its index.jsonl was changed", hint="Train as a new run instead."
        )


def _today(recipe: str) -> str:
    """A recipe as it is written now: a setting that it did not know has its default."""
    try:
        return config.dump(config.build(yaml.safe_load(recipe), []))
    except ConfigError:  # it knew one that there is no more: that is a difference
        return recipe
