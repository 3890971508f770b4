"""Which place finds which defect, what a place's answer means, and a loss that falls when the answer is right."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.train.tasks.detect import assigned, boxes_of, loss, places

STRIDE, SIDE = 8, 64


def truth(*rows):
    return torch.tensor([rows], dtype=torch.float32)


def middles():
    return places(torch.zeros(1, 1, SIDE // STRIDE, SIDE // STRIDE), STRIDE)


def test_places_lie_in_the_middle_of_their_squares():
    assert middles()[:2].tolist() == [[4, 4], [12, 4]]
    assert middles()[8].tolist() == [4, 12]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 60), st.integers(1, 60))
def test_every_defect_inside_has_a_place_that_finds_it(left, top, width, height):
    corners = (left, top, min(left + width, SIDE), min(top + height, SIDE))
    number = assigned(middles(), truth((*corners, 0)), STRIDE)[0]
    assert (number == 0).any()
    centre = torch.tensor([(corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2])
    assert (middles()[number == 0] - centre).abs().max() <= 1.5 * STRIDE


def test_of_two_the_smaller_defect_is_found_and_filling_by_none():
    both = truth((0, 0, 64, 64, 1), (28, 28, 36, 36, 0), (-1, -1, -1, -1, -1))
    number = assigned(middles(), both, STRIDE)[0].reshape(8, 8)
    assert number[3, 3] == 1
    assert set(number.unique().tolist()) <= {-1, 0, 1}


def perfect(corners, kind, types=2):
    """The answer of a network that is sure and right, for one defect."""
    answer = torch.full((1, types + 4, 8, 8), -9.0)
    number = assigned(middles(), truth((*corners, kind)), STRIDE)[0].reshape(8, 8)
    for row, column in torch.nonzero(number >= 0).tolist():
        x, y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        sides = torch.tensor([x - corners[0], y - corners[1], corners[2] - x, corners[3] - y]) / (2 * STRIDE)
        answer[0, types:, row, column] = torch.log(torch.expm1(sides.clamp(min=1e-3)))
        answer[0, kind, row, column] = 9.0
    return answer


def test_a_right_answer_is_the_box():
    corners = (10.0, 20.0, 40.0, 44.0)
    logits, boxes = boxes_of(perfect(corners, 1), 2, STRIDE)
    sure = logits[0, :, 1] > 0
    assert sure.any()
    assert torch.allclose(boxes[0, sure], torch.tensor(corners).expand(int(sure.sum()), 4), atol=1e-3)


def test_the_loss_is_least_where_type_and_box_are_right():
    corners = (10.0, 20.0, 40.0, 44.0)
    right = loss(perfect(corners, 1), truth((*corners, 1)), types=2, stride=STRIDE)
    assert right < 0.05
    assert loss(perfect(corners, 0), truth((*corners, 1)), types=2, stride=STRIDE) > 5
    assert loss(perfect((10.0, 20.0, 34.0, 44.0), 1), truth((*corners, 1)), types=2, stride=STRIDE) > right
    assert loss(perfect(corners, 1), truth((-1, -1, -1, -1, -1)), types=2, stride=STRIDE) > 1


def test_a_batch_without_any_defect_has_a_loss_too():
    answer = torch.zeros(2, 6, 8, 8, requires_grad=True)
    value = loss(answer, torch.zeros(2, 0, 5), types=2, stride=STRIDE)
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(answer.grad).all()


@pytest.mark.parametrize("corners", [(0, 0, 1, 1), (63, 63, 64, 64), (0, 0, 64, 64)])
def test_the_smallest_and_the_largest_defect_have_gradients(corners):
    answer = torch.zeros(1, 5, 8, 8, requires_grad=True)
    loss(answer, truth((*corners, 0)), types=1, stride=STRIDE).backward()
    assert torch.isfinite(answer.grad).all()
    assert answer.grad[:, 1:].abs().sum() > 0
