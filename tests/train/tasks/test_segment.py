"""The loss of segmentation: rare types weigh more, what is not known does not count, and the right answer is best."""

import numpy as np
import pytest
import torch

from sightline.dataset.marks import UNKNOWN
from sightline.index import Index, Sample, Split
from sightline.train.tasks.segment import loss, one_hot, pixel_weights

ONES = torch.ones(2)


def types(*values):
    """A batch of one image, 8x8, whose left half shows the first value and its right half the second."""
    picture = torch.zeros(1, 8, 8, dtype=torch.uint8)
    picture[:, :, :4], picture[:, :, 4:] = values
    return picture


def answer(left, right):
    """Logits [1, 2, 8, 8] that are sure of a type (or of none) on each half."""
    logits = torch.full((1, 2, 8, 8), -9.0)
    for half, kind in ((np.s_[:, :, :, :4], left), (np.s_[:, :, :, 4:], right)):
        if kind:
            logits[half][:, kind - 1] = 9.0
    return logits


def test_types_become_a_map_each():
    shown, known = one_hot(types(2, UNKNOWN), 2)
    assert shown[0, 1, :, :4].all()
    assert not shown[0, 0].any()
    assert known[0, 0, :, :4].all()
    assert not known[0, 0, :, 4:].any()


def test_the_right_answer_has_the_least_loss():
    right = loss(answer(1, 0), types(1, 0), ONES)
    assert right < 0.1
    for wrong in (answer(0, 0), answer(2, 0), answer(1, 1), answer(0, 1)):
        assert loss(wrong, types(1, 0), ONES) > right + 0.2


def test_what_is_not_known_does_not_count():
    said = loss(answer(1, 2), types(1, UNKNOWN), ONES)
    assert said == pytest.approx(float(loss(answer(1, 0), types(1, UNKNOWN), ONES)))
    assert torch.isfinite(loss(answer(1, 2), types(UNKNOWN, UNKNOWN), ONES))


def test_a_map_is_enlarged_to_the_pixels():
    small = torch.nn.functional.avg_pool2d(answer(1, 0), 2)
    assert loss(small, types(1, 0), ONES) < loss(small, types(0, 1), ONES)


def test_missing_a_rare_type_costs_more():
    missed = loss(answer(0, 0), types(1, 0), torch.tensor([5.0, 1.0]))
    assert missed > loss(answer(0, 0), types(1, 0), ONES)


def test_a_type_that_is_not_there_weighs_as_sound_pixels_do():
    one, both = (loss(answer(0, 0)[:, :count], types(1, 0), ONES[:count]) for count in (1, 2))
    assert both == pytest.approx(float(one), rel=0.01)  # a mean over both types would halve what Dice's loss says


def test_rare_types_weigh_more(tmp_path):
    samples = [Sample(path=f"{n}", labels=("dent",) if n < 4 else ("tear",) if n < 36 else ()) for n in range(64)]
    index = Index.build(tmp_path, [sample.model_copy(update={"split": Split.TRAIN}) for sample in samples])
    assert pixel_weights(index, "none").tolist() == [1, 1]
    dent, tear = pixel_weights(index, "sqrt").tolist()
    assert (dent, tear) == pytest.approx((4, 2**0.5), rel=1e-5)
    assert pixel_weights(index, "balanced").tolist() == pytest.approx([16, 2], rel=1e-5)
