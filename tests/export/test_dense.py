"""What places say becomes scores, maps and boxes of the contract, the same in torch and once exported."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sightline.boxes import Boxes, overlaps
from sightline.config import Preprocess
from sightline.export import calibrate
from sightline.export.dense import BoxAnswer, RegionAnswer
from sightline.export.graph import ContractModel, to_onnx
from sightline.runtime.session import Session

TYPES, STRIDE = 3, 8
SHAPE = (64, 96)


class Colours(nn.Module):
    """A network of one convolution, with random weights."""

    def __init__(self, outputs: int, *, pair: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pair = pair
        self.see = nn.Conv2d(3, outputs, STRIDE, STRIDE)
        nn.init.normal_(self.see.weight, std=0.6)

    def forward(self, image: Tensor, template: Tensor | None = None) -> Tensor:
        """Raw answers of places."""
        shown = image.float() if template is None else image.float() - template.float()
        return self.see((shown / 255).permute(0, 3, 1, 2))


def _calibrator(scale: float, bias: float) -> calibrate.Calibrator:
    return calibrate.of_types(np.full(TYPES, scale), np.full(TYPES, bias), 9)


def _model(kind: str, *, pair: bool = False) -> ContractModel:
    if kind == "regions":
        meaning = RegionAnswer(_calibrator(0.7, -1), _calibrator(0.5, 0.2))
        return ContractModel(Colours(TYPES, pair=pair), meaning, pair=pair)
    boxes = BoxAnswer(_calibrator(0.7, -1), stride=STRIDE, shape=SHAPE, candidates=20, overlap=0.4)
    return ContractModel(Colours(TYPES + 4, pair=pair), boxes, pair=pair, boxed=True)


def _frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE, 3), np.uint8)


def test_a_frame_scores_as_its_highest_place() -> None:
    scores, maps, boxes = _model("regions").answer(_frames(3))
    assert boxes is None
    assert maps.shape == (3, TYPES, SHAPE[0] // STRIDE, SHAPE[1] // STRIDE)
    places = np.log(maps / (1 - maps)).max((2, 3))  # calibrated logits
    expected = 1 / (1 + np.exp(-(0.5 * (places + 1) / 0.7 + 0.2)))
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_a_frame_scores_as_its_surest_box_of_each_type() -> None:
    scores, maps, rows = _model("boxes").answer(_frames(3))
    np.testing.assert_array_equal(scores, maps.max((2, 3)))
    for score, table in zip(scores, rows, strict=True):
        found = Boxes.of_rows(table)
        assert (np.diff(found.scores) <= 0).all()
        for number in range(TYPES):
            of_type = found.only(found.classes == number)
            if len(of_type):
                assert of_type.scores.max() == pytest.approx(score[number], abs=1e-6)


def test_boxes_lie_in_the_frame_and_those_of_one_type_are_apart() -> None:
    _, _, rows = _model("boxes").answer(_frames(4))
    for table in rows:
        found = Boxes.of_rows(table)
        assert found.corners.min() >= 0
        assert (found.corners.max(0) <= [SHAPE[1], SHAPE[0], SHAPE[1], SHAPE[0]]).all()
        for number in range(TYPES):
            corners = found.corners[found.classes == number]
            shared, sizes = overlaps(corners, corners), np.prod(corners[:, 2:] - corners[:, :2], axis=1)
            iou = shared / np.maximum(sizes[:, None] + sizes[None] - shared, 1e-9)
            np.fill_diagonal(iou, 0)
            assert (iou <= 0.4 + 1e-5).all()


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("kind", ["regions", "boxes"])
def test_exported_it_says_the_same_alone_and_in_a_batch(kind: str, pair: bool) -> None:
    model = _model(kind, pair=pair)
    session = Session(to_onnx(model, Preprocess(height=SHAPE[0], width=SHAPE[1])))
    assert (session.pair, session.boxed) == (pair, kind == "boxes")
    frames, templates = _frames(3), _frames(3, seed=1) if pair else None
    trained, exported = model.answer(frames, templates), session.run(frames, templates)
    alone = session.run(frames[:1], None if templates is None else templates[:1])
    np.testing.assert_allclose(exported.scores, trained.scores, atol=1e-5)
    np.testing.assert_allclose(exported.maps, trained.maps, atol=1e-4)
    np.testing.assert_allclose(alone.scores, exported.scores[:1], atol=1e-5)
    if trained.boxes is not None and exported.boxes is not None and alone.boxes is not None:
        np.testing.assert_allclose(exported.boxes[..., 4], trained.boxes[..., 4], atol=1e-5)
        np.testing.assert_allclose(exported.boxes[..., :4], trained.boxes[..., :4], atol=0.5)
        np.testing.assert_array_equal(exported.boxes[..., 5], trained.boxes[..., 5])
        np.testing.assert_allclose(alone.boxes, exported.boxes[:1], atol=1e-3)


def test_a_small_input_gives_as_many_boxes_as_it_has_places() -> None:
    meaning = BoxAnswer(_calibrator(1, 0), stride=STRIDE, shape=(16, 16), candidates=100, overlap=0.5)
    _, _, boxes = meaning(torch.zeros(2, TYPES + 4, 2, 2))
    assert boxes.shape == (2, 2 * 2 * TYPES, 6)
