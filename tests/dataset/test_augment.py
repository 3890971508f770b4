"""Augmentation hangs on image and seed alone, and a recipe that asks for nonsense is told so at once."""

import albumentations
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightline.boxes import Boxes
from sightline.config import Augmentation, Preprocess, Recipe
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
        ({"name": "OneOf"}, "has no transform"),
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


def turned(*augmentations, template=None, seed=0, types=None, corners=((10, 20, 34, 26),), classes=None, image=None):
    """A scene after some transforms: image, template, map of types and boxes."""
    made = Pipeline([Augmentation(**{"p": 1.0, **one}) for one in augmentations], SPEC, marks=True)
    corners = np.array(corners, np.float32).reshape(-1, 4)
    numbers = np.arange(len(corners)) if classes is None else np.array(classes, np.int64)
    boxes = Boxes(corners, np.ones(len(corners), np.float32), numbers.astype(np.int64))
    types = np.zeros((48, 48), np.uint8) if types is None else types
    return made.scene(picture() if image is None else image, template, types, boxes, seed)


def streak():
    """A map of types with a diagonal streak of the first type, and the box around it."""
    types = np.zeros((48, 48), np.uint8)
    cv2.line(types, (14, 14), (34, 34), 1, 3)
    low, high = np.nonzero(types)[0][[0, -1]].tolist()
    return types, (low, low, high + 1, high + 1)


@pytest.mark.parametrize(
    "name", ["RandomBrightnessContrast", "GaussNoise", "GaussianBlur", "CLAHE", "ImageCompression"]
)
def test_what_changes_pixels_alone_leaves_the_marks_alone(name):
    types, around = streak()
    image, _, mask, boxes = turned({"name": name}, types=types, corners=[around])
    assert not np.array_equal(image, picture())
    assert np.array_equal(mask, types)
    assert boxes.corners.tolist() == [list(around)]


@pytest.mark.parametrize("name", ["RandomBrightnessContrast", "GaussNoise", "GaussianBlur"])
def test_a_template_keeps_its_light_and_noise_and_moves_with_its_frame(name):
    """As at the edge, where it was photographed once: what changes in both alike, nobody learns to overlook."""
    flip, pixels = {"name": "HorizontalFlip"}, {"name": name}
    for several in ([pixels, flip], [flip, pixels]):
        image, template, _, _ = turned(*several, template=picture())
        assert np.array_equal(template, picture()[:, ::-1])
        assert not np.array_equal(image, template)
        alone = turned(*several)[0]
        assert np.array_equal(image, alone), "a template beside it changes nothing that is drawn"


@pytest.mark.parametrize("name", ["HorizontalFlip", "VerticalFlip", "Transpose", "RandomRotate90", "D4"])
def test_what_turns_by_quarters_keeps_boxes_to_the_pixel(name):
    """The marked pixels are white in the image: so they must be afterwards, and the box must lie around them."""
    types, (x1, y1, x2, y2) = streak()
    image = np.where(types[..., None] > 0, np.uint8(255), np.uint8(9)).repeat(3, axis=2)
    loose = (x1 - 3, y1 - 1, x2 + 0.5, y2 + 4)
    for seed in range(4):
        shown, template, mask, boxes = turned(
            {"name": name}, types=types, corners=[loose], image=image, template=255 - image, seed=seed
        )
        assert np.array_equal(mask > 0, shown[..., 0] == 255)
        assert np.array_equal(template, 255 - shown)
        assert sorted(boxes.corners[0, 2:] - boxes.corners[0, :2]) == pytest.approx(
            [x2 - x1 + 3.5, y2 - y1 + 5], abs=1e-4
        )
        rows, columns = np.nonzero(mask)
        left, top, right, bottom = boxes.corners[0]
        margins = [columns.min() - left, right - columns.max() - 1, rows.min() - top, bottom - rows.max() - 1]
        assert sorted(margins) == pytest.approx([0.5, 1, 3, 4], abs=1e-4)


@given(angle=st.floats(-180, 180), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_a_turned_box_lies_close_around_its_defect(angle, seed):
    types, around = streak()
    turn = {"name": "Affine", "rotate": [angle, angle], "translate_percent": [-0.05, 0.05]}
    _, _, mask, boxes = turned(turn, types=types, corners=[around], seed=seed)
    rows, columns = np.nonzero(mask)
    extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert boxes.corners[0].tolist() == extent


def test_a_turned_box_of_which_no_pixels_are_known_is_enclosed():
    turn = {"name": "Affine", "rotate": [45, 45]}
    ((x1, y1, x2, y2),) = turned(turn, corners=[(14, 14, 34, 34)])[3].corners
    assert x2 - x1 == pytest.approx(20 * 2**0.5, abs=1)
    assert y2 - y1 == pytest.approx(20 * 2**0.5, abs=1)


def test_a_turned_box_keeps_to_its_own_type():
    types, around = streak()
    types[13:36, 42:46] = 2
    turn = {"name": "Affine", "rotate": [30, 30]}
    alone = turned(turn, types=np.where(types == 1, types, 0), corners=[around])[3]
    beside = turned(turn, types=types, corners=[around, (42, 13, 46, 36)])[3]
    assert beside.classes.tolist() == [0, 1]
    assert np.array_equal(beside.corners[0], alone.corners[0])


def test_the_same_image_and_seed_give_the_same_scene():
    several = [{"name": "Affine", "rotate": [-90, 90]}, {"name": "ElasticTransform"}, {"name": "GaussNoise"}]
    types, around = streak()
    first, again, other = (turned(*several, types=types, corners=[around], seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[2], again[2])
    assert np.array_equal(first[3].corners, again[3].corners)
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("corners", [[], [(1, 1, 5, 5)], [(20, 20, 20.00001, 30)]])
def test_where_no_box_is_left_the_types_of_none_are_numbers_still(corners):
    _, _, _, boxes = turned({"name": "Affine", "translate_px": {"x": [-30, -30], "y": [0, 0]}}, corners=corners)
    assert boxes.corners.shape == (0, 4)
    assert boxes.corners.dtype == np.float32
    assert boxes.classes.dtype == np.int64
    assert boxes.scores.shape == (0,)


def test_the_types_of_boxes_stay_with_them():
    boxes = turned({"name": "HorizontalFlip"}, corners=[(0, 0, 4, 4), (20, 20, 30, 30)], classes=[5, 2])[3]
    assert boxes.corners.tolist() == [[44, 0, 48, 4], [18, 20, 28, 30]]
    assert boxes.classes.tolist() == [5, 2]


def test_what_is_unknown_stays_unknown():
    types = np.full((48, 48), 255, np.uint8)
    mask = turned({"name": "Affine", "rotate": [20, 20], "scale": [1.3, 1.3]}, types=types, corners=[])[2]
    assert set(np.unique(mask)) <= {0, 255}
    assert mask[24, 24] == 255


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        ({"name": "Affine", "rotate": [10, 40], "mask_interpolation": 1}, "keep the values of masks"),
        ({"name": "PadIfNeeded", "min_height": 40, "min_width": 40, "fill_mask": 7}, None),
        ({"name": "CoarseDropout", "fill_mask": 7}, "keep the values of masks"),
    ],
)
def test_what_would_spoil_marks_is_refused_where_there_are_some(augmentation, said):
    Pipeline([Augmentation(**augmentation)], SPEC)
    if said is None:
        Pipeline([Augmentation(**augmentation)], SPEC, marks=True)
        return
    with pytest.raises(ConfigError, match=said) as refused:
        Pipeline([Augmentation(name="VerticalFlip"), Augmentation(**augmentation)], SPEC, marks=True)
    assert "augment.1" in refused.value.message


def test_what_moves_images_but_no_boxes_is_refused(monkeypatch):
    class Swirl(albumentations.Transpose):
        @property
        def targets(self):
            return {name: change for name, change in super().targets.items() if name != "bboxes"}

    monkeypatch.setattr(albumentations, "Swirl", Swirl, raising=False)
    with pytest.raises(ConfigError, match=r"augment\.0: Swirl moves an image, but not the masks and boxes on it"):
        Pipeline([Augmentation(name="Swirl")], SPEC, marks=True)


def test_a_recipes_patches_are_what_is_augmented():
    recipe = {
        "name": "a",
        "data": {"root": "."},
        "input": {"height": 48, "width": 64},
        "augment": [{"name": "RandomRotate90"}],
    }
    with pytest.raises(ConfigError, match="unchanged size"):
        Pipeline.of_recipe(Recipe.model_validate({**recipe, "task": "detect"}))
    with pytest.raises(ConfigError, match="unchanged size"):
        Pipeline.of_recipe(Recipe.model_validate({**recipe, "localise": {"crop": 48}}))
    Pipeline.of_recipe(Recipe.model_validate({**recipe, "task": "detect", "localise": {"crop": 48}}))
