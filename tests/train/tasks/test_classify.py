"""What the outputs mean, and the loss and figures that follow."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sightline.index import Index, Sample
from sightline.train.tasks.classify import LabelSpace, class_weights, figures, loss

ONE = LabelSpace(("dent", "scratch"), good=True, multi_label=False)
NO_GOOD = LabelSpace(("dent", "scratch"), good=False, multi_label=False)
MANY = LabelSpace(("dent", "scratch"), good=True, multi_label=True)


@pytest.mark.parametrize(
    ("space", "labels", "certainty", "expected"),
    [
        (ONE, (), 1, [1, 0, 0]),
        (ONE, ("scratch",), 1, [0, 0, 1]),
        (ONE, ("dent",), 0.6, [0.2, 0.6, 0.2]),
        (NO_GOOD, ("dent",), 1, [1, 0]),
        (MANY, (), 1, [0, 0]),
        (MANY, ("dent", "scratch"), 1, [1, 1]),
        (MANY, ("scratch",), 0.75, [0.25, 0.75]),
    ],
)
def test_targets(space, labels, certainty, expected):
    target = space.target(Sample(path="a.png", labels=labels, certainty=certainty))
    assert target.dtype == np.float32
    np.testing.assert_allclose(target, expected, atol=1e-6)


def test_a_doubtful_solar_cell_is_shared_between_good_and_defective():
    space = LabelSpace(("defective",), good=True, multi_label=False)
    np.testing.assert_allclose(space.target(Sample(path="a", certainty=2 / 3)), [2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(space.target(Sample(path="a", labels=("defective",), certainty=2 / 3)), [1 / 3, 2 / 3])


def test_outputs_follow_from_the_index(tmp_path):
    rows = [Sample(path="a.png"), Sample(path="b.png", labels=("dent",)), Sample(path="c.png", labels=("dent", "tear"))]
    assert LabelSpace.of(Index.build(tmp_path, rows[:2])) == LabelSpace(("dent",), good=True, multi_label=False)
    assert LabelSpace.of(Index.build(tmp_path, rows)).outputs == 2
    assert LabelSpace.of(Index.build(tmp_path, rows[:2]), multi_label=True).multi_label


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.sampled_from(["none", "balanced", "sqrt"]))
def test_class_weights_leave_the_mean_loss_in_place(kinds, rule):
    targets = np.eye(4, dtype=np.float32)[kinds]
    weights = class_weights(targets, rule, multi_label=False).numpy()
    assert (targets @ weights).mean() == pytest.approx(1, rel=1e-4)


def test_rare_classes_are_lifted():
    targets = np.eye(2, dtype=np.float32)[[0] * 90 + [1] * 10]
    ratios = [
        float(np.divide(*class_weights(targets, rule, multi_label=False).numpy()[::-1]))
        for rule in ("none", "sqrt", "balanced")
    ]
    assert ratios == pytest.approx([1, 3, 9], rel=1e-4)
    presence = class_weights(targets, "balanced", multi_label=True).numpy()
    assert presence == pytest.approx([1 / 9, 9], rel=1e-4)


def test_loss_equals_that_of_torch_where_torch_has_it():
    draw = torch.Generator().manual_seed(0)
    logits, kinds = torch.randn(8, 3, generator=draw), torch.randint(3, (8,), generator=draw)
    one_hot = torch.nn.functional.one_hot(kinds, 3).float()
    expected = torch.nn.functional.cross_entropy(logits, kinds, label_smoothing=0.1)
    torch.testing.assert_close(loss(logits, one_hot, multi_label=False, smoothing=0.1), expected)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, one_hot) * 3
    torch.testing.assert_close(loss(logits, one_hot, multi_label=True), expected)


def test_weights_scale_the_loss_of_their_class():
    logits, targets = torch.zeros(1, 3), torch.tensor([[0.0, 1, 0]])
    plain = loss(logits, targets, multi_label=False)
    assert loss(logits, targets, multi_label=False, weights=torch.tensor([1.0, 3, 1])) == pytest.approx(3 * plain)


def test_figures_of_one_type_a_frame():
    targets = torch.eye(3)[[0, 0, 1, 1]]
    logits = 9 * torch.eye(3)[[0, 1, 1, 1]]
    found = figures(logits, targets, multi_label=False)
    assert found["accuracy"] == 0.75
    # F1 of output 0 is 2/3, of output 1 4/5; output 2 never occurs and does not count.
    assert found["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_figures_of_several_types_a_frame():
    targets = torch.tensor([[1.0, 1], [0, 0], [1, 0]])
    logits = torch.tensor([[5.0, 5], [-5, -5], [5, 5]])
    found = figures(logits, targets, multi_label=True)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx((1 + 2 / 3) / 2)


def test_a_doubtful_label_counts_as_what_it_leans_to():
    found = figures(torch.tensor([[0.0, 3]]), torch.tensor([[0.4, 0.6]]), multi_label=False)
    assert found["accuracy"] == 1
