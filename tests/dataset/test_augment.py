"""Augmentation hangs on image and seed alone, and a recipe that asks for nonsense is told so at once."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.config import Augmentation, Preprocess
from sightline.dataset.augment import Pipeline
from sightline.errors import ConfigError

SPEC = Preprocess(height=48, width=48)
ALL = (
    Augmentation(name="HorizontalFlip", p=0.5),
    Augmentation(name="RandomRotate90", p=0.5),
    Augmentation(name="Affine", translate_percent=[-0.05, 0.05], scale=[0.9, 1.1], border_mode=4, p=0.8),
    Augmentation(name="RandomBrightnessContrast", brightness_limit=0.2, contrast_limit=[-0.2, 0.1], p=0.8),
    Augmentation(name="GaussNoise", std_range=[0.01, 0.03], p=0.5),
)


def picture(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (48, 48, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline(ALL, SPEC)


@given(seed=st.integers(0, 2**32 - 1), others=st.lists(st.integers(0, 2**32 - 1), max_size=3))
@settings(deadline=None, max_examples=25)
def test_is_a_function_of_image_and_seed(pipeline, seed, others):
    before = Pipeline(ALL, SPEC)(picture(), seed)
    for other in others:
        pipeline(picture(1), other)
    after = pipeline(picture(), seed)
    assert np.array_equal(before, after)
    assert after.dtype == np.uint8
    assert after.shape == (48, 48, 3)


def test_seeds_differ(pipeline):
    results = {pipeline(picture(), seed).tobytes() for seed in range(20)}
    assert len(results) > 15


def test_the_image_itself_is_left_alone(pipeline):
    image = picture()
    for seed in range(10):
        pipeline(image, seed)
    assert np.array_equal(image, picture())


def test_nothing_to_do_changes_nothing():
    assert np.array_equal(Pipeline((), SPEC)(picture(), 1), picture())


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        ({"name": "HorizontalFlop"}, "Did you mean `HorizontalFlip`"),
        ({"name": "horizontalflip"}, "Did you mean `HorizontalFlip`"),
        ({"name": "Compose"}, "has no transform"),
        ({"name": "GaussNoise", "std_ragne": [0.1, 0.2]}, "Did you mean `std_range`"),
        ({"name": "HorizontalFlip", "probability": 0.5}, "has no parameter"),
        ({"name": "HorizontalFlip", "p": 2}, "refuses its parameters"),
        ({"name": "GaussianBlur", "blur_limit": "much"}, "refuses its parameters"),
        ({"name": "Normalize"}, "model.normalise"),
        ({"name": "ToFloat"}, "model.normalise"),
        ({"name": "RandomCrop", "height": 16, "width": 16}, "unchanged size"),
        ({"name": "ToGray", "num_output_channels": 1}, "unchanged size"),
        ({"name": "FDA", "reference_images": []}, "FDA"),
    ],
)
def test_refuses_what_cannot_be_done_and_names_the_place(augmentation, said):
    with pytest.raises(ConfigError) as refused:
        Pipeline([Augmentation(name="VerticalFlip"), Augmentation(**augmentation)], SPEC)
    assert "augment.1" in refused.value.message
    assert said in str(refused.value)
    assert "errors.pydantic.dev" not in str(refused.value)


def test_a_quarter_turn_fits_a_square_only():
    turn = [Augmentation(name="RandomRotate90")]
    Pipeline(turn, SPEC)
    with pytest.raises(ConfigError, match=r"unchanged size \(48, 64, 3\)"):
        Pipeline(turn, Preprocess(height=48, width=64))
