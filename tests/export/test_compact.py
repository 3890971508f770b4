"""Half the bytes, the same answers to the last bit."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from sightline.export.compact import compact


def product(weights):
    """A model that multiplies (1, 128) by weights (128, 128)."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 128])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 128])],
        [numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def answer(model, x):
    return onnxruntime.InferenceSession(model).run(None, {"x": x})[0]


def test_numbers_that_float16_holds_are_stored_so():
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(128, 128)).astype(np.float16).astype(np.float32)
    x = draw.normal(size=(1, 128)).astype(np.float32)
    model = product(weights)
    small = compact(model)
    onnx.checker.check_model(onnx.load_from_string(small), full_check=True)
    assert len(small) < 0.55 * len(model)
    assert np.array_equal(answer(small, x), answer(model, x))


def test_numbers_that_float16_does_not_hold_stay():
    for weights in (np.full((128, 128), 1 / 3, np.float32), np.full((128, 128), 1e6, np.float32)):
        model = product(weights)
        assert len(compact(model)) >= len(model) - 64
        assert np.array_equal(
            answer(compact(model), np.ones((1, 128), np.float32)), answer(model, np.ones((1, 128), np.float32))
        )
