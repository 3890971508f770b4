"""Recipes and other settings: YAML in, frozen pydantic models out, every mistake said at once with its line.

Example:
    ::

        recipe = load(Path("configs/steel-strip.yaml"), ["train.epochs=3"])
        recipe.train.epochs  # 3
        print(dump(recipe))  # with every default written out

The edge runtime needs `Preprocess` alone; the recipe and its loader are imported when they are first asked for.
"""

from typing import TYPE_CHECKING

from sightline.config.preprocess import Preprocess

if TYPE_CHECKING:
    from sightline.config.loader import build, digest, dump, flat, load, schema
    from sightline.config.recipe import Augmentation, Recipe

__all__ = ["Augmentation", "Preprocess", "Recipe", "build", "digest", "dump", "flat", "load", "schema"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sightline.config import loader, recipe  # noqa: PLC0415 - that is the point

    return getattr(recipe if name in ("Augmentation", "Recipe") else loader, name)
