"""An int8 model keeps the contract and answers as the float32 one does, on any processor, or its gate says why not."""

import logging

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import TensorProto, helper, numpy_helper

from conftest import ROOT
from sightline import image
from sightline.bundle import Bundle
from sightline.errors import ExportError
from sightline.export import quantize
from sightline.export.evaluate import Scored
from sightline.export.quantize import Limits, Shown, compare, gate, quantized
from sightline.index import Sample
from sightline.runtime.session import Session
from sightline.verdict import ANY_DEFECT, Policy, Threshold

SIDE = 32
SHAPES = st.tuples(*(st.integers(1, 4) for _ in range(4)))
POLICY = Policy(exclusive=False, good_known=True, thresholds={ANY_DEFECT: Threshold(ng=0.5, review=0.5)})


def model(*, weights=None):
    """The bytes of a contract model: a residual backbone, a map head, and the distance to a bank as score."""
    rng = np.random.default_rng(0)
    first = rng.normal(0, 0.3, (8, 3, 3, 3)) if weights is None else weights
    constants = {
        "network.features.0.weight": first,
        "network.features.0.bias": rng.normal(0, 0.1, 8),
        "network.features.1.weight": rng.normal(0, 0.15, (8, 8, 3, 3)),
        "network.features.2.weight": rng.normal(0, 0.15, (8, 8, 3, 3)),
        "network.judge.weight": rng.normal(0, 0.5, (1, 8, 1, 1)),
        "bank": rng.normal(0, 0.3, (8, 6)),
        "white": np.array(255),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["float", "white"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "Conv", ["planes", "network.features.0.weight", "network.features.0.bias"], ["c0"], strides=[2, 2]
        ),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "network.features.1.weight"], ["c1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "network.features.2.weight"], ["c2"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c2", "r0"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["features"]),
        helper.make_node("Conv", ["features", "network.judge.weight"], ["map"]),
        helper.make_node("Sigmoid", ["map"], ["maps"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["vector"]),
        helper.make_node("MatMul", ["vector", "bank"], ["products"]),
        helper.make_node("ReduceMax", ["products", "axis"], ["nearest"]),
        helper.make_node("Sigmoid", ["nearest"], ["scores"]),
    ]
    shape = ["batch", SIDE, SIDE, 3]
    graph = helper.make_graph(
        [
            helper.make_node(n.op_type, n.input, n.output, name=f"node_{k}", **_attributes(n))
            for k, n in enumerate(nodes)
        ],
        "bank",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 1]),
            helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["batch", 1, "rows", "columns"]),
        ],
        [
            *(numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def _attributes(node):
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def frames(count=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def shown(count=20, seed=0):
    return [Shown(frame) for frame in frames(count, seed)]


def weights_of(model):
    """Name of each initialiser -> its array."""
    return {
        tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_model_from_string(model).graph.initializer
    }


class TestQuantized:
    def test_scores_and_maps_are_nearly_the_same_alone_and_in_a_batch(self):
        full, small = (Session(data, threads=1) for data in (model(), quantized(model(), shown())))
        others = frames(16, seed=1)
        for one, other in zip(full.run(others)[:2], small.run(others)[:2], strict=True):
            np.testing.assert_allclose(one, other, atol=0.02)
            assert not np.array_equal(one, other)
        np.testing.assert_allclose(small.run(others[:1])[0], small.run(others)[0][:1], atol=1e-6)

    def test_it_is_one_file_of_the_standard_that_says_nothing_of_where_it_was_made(self):
        made = onnx.load_model_from_string(quantized(model(), shown()))
        onnx.checker.check_model(made, full_check=True)
        assert {node.domain for node in made.graph.node} == {""}
        assert [(opset.domain, opset.version) for opset in made.opset_import] == [("", 20)]
        assert all(tensor.data_location != TensorProto.EXTERNAL for tensor in made.graph.initializer)
        assert not made.metadata_props

    def test_the_same_frames_give_the_same_bytes_however_they_come(self):
        assert quantized(model(), shown()) == quantized(model(), iter(shown()))

    def test_the_backbone_is_whole_numbers_and_what_stands_behind_it_is_not(self):
        kept = weights_of(quantized(model(), shown()))
        whole = {name for name, value in kept.items() if value.dtype == np.int8 and value.ndim == 4}
        assert whole == {f"network.features.{k}.weight_quantized" for k in range(3)}
        for name in ("network.judge.weight", "bank"):
            np.testing.assert_array_equal(kept[name], weights_of(model())[name])

    def test_a_map_that_is_its_own_convolution_is_no_staircase(self):
        """In whole numbers it would have 256 values, and none above what calibration frames showed."""
        maps = Session(quantized(model(), shown()), threads=1).run(frames(16, seed=1))[1]
        assert len(np.unique(maps)) > 1000

    @given(hnp.arrays(np.float32, SHAPES, elements=st.floats(-9, 9, width=32, allow_subnormal=False)))
    @settings(max_examples=100)
    def test_no_two_neighbours_overflow_and_no_step_is_coarser_than_7_bits(self, weight):
        steps = quantize._steps(weight)
        whole = np.rint(weight / steps[:, None, None, None]).astype(int)
        assert np.abs(whole).max() <= 127
        for row in (*whole.reshape(len(whole), -1), *np.moveaxis(whole, 1, -1).reshape(len(whole), -1)):
            sums = 255 * (row[:-1] + row[1:])
            assert sums.max(initial=0) < 2**15
            assert sums.min(initial=0) >= -(2**15)
        largest = np.abs(weight).reshape(len(weight), -1).max(axis=1)
        assert (steps <= np.where(largest > 1e-30, largest, 1) / 63).all()

    def test_sums_do_not_overflow_where_a_processor_adds_pairs_in_16_bits(self):
        """Equal weights and white frames are the worst case: 8 bits would give 255 * 127 * 2, above 32767."""
        heavy = model(weights=np.full((8, 3, 3, 3), 0.2))
        white = np.full((4, SIDE, SIDE, 3), 255, np.uint8)
        small = quantized(heavy, [*shown(), *map(Shown, white)])
        full_maps, small_maps = (Session(data, threads=1).run(white)[1] for data in (heavy, small))
        np.testing.assert_allclose(full_maps, small_maps, atol=0.03)

    def test_frames_that_are_all_black_give_a_model_that_answers(self):
        made = quantized(model(), [Shown(np.zeros((SIDE, SIDE, 3), np.uint8))] * 3)
        assert all(np.isfinite(answer).all() for answer in Session(made, threads=1).run(frames(4))[:2])

    def test_nothing_is_printed_and_logging_is_as_it_was(self, capfd, caplog):
        root = logging.getLogger()
        before = list(root.handlers), list(root.filters), root.level
        quantized(model(), shown(2))
        assert (list(root.handlers), list(root.filters), root.level) == before
        assert caplog.records == []
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            (list, "needs frames"),
            (lambda: np.zeros((2, 16, SIDE, 3), np.uint8), r"expected .* \(32, 32, 3\), got uint8 \(16, 32, 3\)"),
            (lambda: np.zeros((2, SIDE, SIDE, 3), np.float32), "got float32"),
        ],
    )
    def test_frames_that_do_not_fit(self, given, reason):
        with pytest.raises(ExportError, match=reason):
            quantized(model(), map(Shown, given()))

    def test_a_model_without_such_convolutions(self):
        with pytest.raises(ExportError, match=r"'\.encoder\.',\) in their weights' names"):
            quantized(model(), shown(2), within=(".encoder.",))

    @pytest.mark.slow
    @pytest.mark.realdata
    def test_a_trained_model_keeps_its_verdicts_and_gets_smaller(self, real_data):
        bundle = Bundle.open(ROOT / "models" / "steel-strip-1.0.0")
        files = sorted((real_data / "x-sdd").rglob("*.jpg"))[::20]
        spec = bundle.manifest.input
        pictures = np.stack([image.view(image.read(path, bits=spec.bits), spec).image for path in files])
        full, small = bundle.model().file, quantized(bundle.model().file, map(Shown, pictures[::3]))
        assert len(small) < 0.35 * len(full)
        others = np.delete(pictures, np.s_[::3], axis=0)
        scores = [Session(data).run(others)[0] for data in (full, small)]
        manifest = bundle.manifest
        parts = [_scored(some, [True] * len(others), manifest.classes, manifest.policy) for some in scores]
        agreement = compare("calibrate", *parts)
        assert agreement.verdict_flips <= 2
        assert agreement.auroc is None  # no frame is good


def _scored(scores, defective, classes=("dent",), policy=POLICY):
    samples = tuple(Sample(path=f"{n}.png", labels=classes[:1] if bad else ()) for n, bad in enumerate(defective))
    return Scored(samples, np.array(scores, np.float32).reshape(len(samples), len(classes)), classes, policy)


def _compare(full, small, defective, places=(None, None)):
    return compare("calibrate", _scored(full, defective), _scored(small, defective), places)


class TestGate:
    @given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=30))
    @settings(max_examples=50)
    def test_a_model_agrees_with_itself_and_passes(self, rows):
        scores, defective = zip(*rows, strict=True)
        agreement = _compare(scores, scores, defective)
        assert (agreement.largest_score_difference, agreement.verdict_flips) == (0, 0)
        assert agreement.auroc == agreement.auroc_int8
        assert (agreement.auroc is None) == (len(set(defective)) == 1)
        assert gate(agreement) == ""

    def test_figures(self):
        agreement = _compare([0.1, 0.4, 0.6, 0.9], [0.1, 0.7, 0.45, 0.9], [False, False, True, True])
        assert agreement.images == 4
        assert agreement.largest_score_difference == pytest.approx(0.3, abs=1e-6)
        assert agreement.verdict_flips == 2
        assert (agreement.auroc, agreement.auroc_int8) == (1.0, 0.75)

    def test_another_type_named_is_another_verdict(self):
        full, small = (_scored([row], [True], ("dent", "stain")) for row in ([0.9, 0.8], [0.8, 0.9]))
        assert compare("test", full, small).verdict_flips == 1

    @pytest.mark.parametrize(
        ("places", "reason"),
        [
            ((0.95, 0.945), ""),
            ((None, None), ""),
            ((0.95, 0.9), "the figure of single defects fell by 0.0500 of 0.01, to 0.9000"),
            ((0.95, None), "the figure of single defects was 0.9500 and cannot be told any more"),
        ],
    )
    def test_places_that_are_lost_are_said(self, places, reason):
        agreement = _compare([0.1, 0.9], [0.1, 0.9], [False, True], places)
        assert gate(agreement) == reason

    @pytest.mark.parametrize(
        ("small", "limits", "reason"),
        [
            ([0.1, 0.2, 0.8, 0.9], Limits(), ""),
            ([0.1, 0.25, 0.8, 0.9], Limits(score_difference=0.04), "a score differs by 0.050 of 0.04"),
            ([0.1, 0.6, 0.8, 0.9], Limits(), ""),
            ([0.1, 0.6, 0.4, 0.9], Limits(auroc_loss=1), "2 of 4 verdicts changed, 1.0% may, or a single one"),
            ([0.1, 0.6, 0.4, 0.9], Limits(flips=0.5, auroc_loss=1), ""),
            ([0.1, 0.45, 0.3, 0.9], Limits(flips=1), "AUROC fell by 0.2500 of 0.005, to 0.7500"),
            (
                [0.1, float("nan"), 0.8, 0.9],
                Limits(flips=1),
                "a score differs by 1.000 of 0.5; AUROC was 1.0000 and cannot be told any more",
            ),
        ],
    )
    def test_what_is_beyond_a_limit_is_said(self, small, limits, reason):
        assert gate(_compare([0.1, 0.2, 0.8, 0.9], small, [False, False, True, True]), limits) == reason

    def test_a_better_auroc_passes(self):
        agreement = _compare([0.1, 0.35, 0.3, 0.9], [0.1, 0.3, 0.35, 0.9], [False, False, True, True])
        assert agreement.auroc_int8 > agreement.auroc
        assert gate(agreement) == ""

    def test_on_no_image_nothing_passes(self):
        assert "holds no image" in gate(_compare([], [], []))
