"""Recipes and other settings: YAML in, frozen pydantic models out, every mistake said at once with its line.

Example:
    ::

        recipe = load(Path("configs/steel-strip.yaml"), ["train.epochs=3"])
        recipe.train.epochs  # 3
        print(dump(recipe))  # with every default written out
"""

from sightline.config.loader import digest, dump, load, load_as, schema
from sightline.config.preprocess import Preprocess
from sightline.config.recipe import Augmentation, Recipe

__all__ = ["Augmentation", "Preprocess", "Recipe", "digest", "dump", "load", "load_as", "schema"]
