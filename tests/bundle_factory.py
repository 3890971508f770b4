"""Tiny bundles, made on the spot: a model whose score per class is a sigmoid of one colour channel's mean brightness.

A red frame is therefore a sure case of `red`, and a black one is good. The maps are the channels, averaged over tiles.
"""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sightline import bundle, image
from sightline.bundle.manifest import Agreement, Data, Golden, Int8, Manifest, Parity, Provenance
from sightline.config import Preprocess
from sightline.verdict import Policy, Threshold

CLASSES = ("red", "green", "blue")
SIDE = 64
TILE = 8
GAIN = 20.0
INT8_GAIN = 18.0
"""What plays the int8 model is the same one, a little less sure."""


def scores_of(frame, gain=GAIN):
    """What the model says of an RGB frame that needs no resizing: (3,)."""
    return 1 / (1 + np.exp(-(frame.reshape(-1, 3).mean(axis=0) / 255 - 0.5) * gain))


def model(
    *,
    height=SIDE,
    width=SIDE,
    channels=3,
    batch="batch",
    image_name="image",
    output_names=("scores", "maps"),
    image_type=TensorProto.UINT8,
    gain=GAIN,
    fixed_batch_inside=False,
):
    """The bytes of an ONNX file that keeps the contract, unless an argument breaks it."""
    scores, maps = output_names
    shape = np.array([1, -1] if fixed_batch_inside else [0, -1], np.int64)
    constants = {
        "scale": np.float32(1 / 255),
        "middle": np.float32(0.5),
        "gain": np.float32(gain),
        "shape": shape,
    }
    nodes = [
        helper.make_node("Cast", [image_name], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], [maps], kernel_shape=[TILE, TILE], strides=[TILE, TILE]),
        helper.make_node("GlobalAveragePool", ["planes"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "shape"], ["mean"]),
        helper.make_node("Sub", ["mean", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], [scores]),
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info(image_name, image_type, [batch, height, width, channels])],
        [
            helper.make_tensor_value_info(scores, TensorProto.FLOAT, [batch, channels]),
            helper.make_tensor_value_info(maps, TensorProto.FLOAT, [batch, channels, "rows", "columns"]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return made.SerializeToString()


def manifest(**changes):
    """A manifest for `model()`, with some fields replaced."""
    thresholds = {name: Threshold(ng=0.7, review=0.4) for name in CLASSES}
    fields = {
        "name": "colours",
        "version": "1.2.3",
        "sector": "test",
        "product": "coloured frames",
        "method": "classify",
        "classes": CLASSES,
        "input": Preprocess(height=SIDE, width=SIDE),
        "opset": 20,
        "policy": Policy(exclusive=False, good_known=True, thresholds=thresholds, chosen_by="hand"),
        "calibration": None,
        "metrics": (),
        "data": Data(source="made on the spot", licence="Apache-2.0", digest="0" * 64, counts={"test": {"red": 3}}),
        "parity": Parity(images=3, largest_score_difference=1e-6, largest_map_difference=1e-6, verdict_flips=0),
        "golden": (),
        "tolerance": 1e-3,
        "provenance": Provenance(
            created="2025-01-01T00:00:00+00:00", code_version="0.1.0", recipe_digest="0" * 64, run="test", seed=0
        ),
        "runtime_needed": "0.1.0",
    }
    return Manifest(**{**fields, **changes})


def golden_samples(gain=GAIN):
    """Three golden samples and their files."""
    rng = np.random.default_rng(0)
    files, samples = {}, []
    for number, brightness in enumerate((60, 130, 190), start=1):
        frame = np.clip(rng.normal(brightness, 20, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        name = f"golden/{number:03d}.png"
        files[name] = image.png(frame)
        samples.append(Golden(file=name, scores=tuple(float(score) for score in scores_of(frame, gain))))
    return tuple(samples), files


def contents(onnx_file=None, *, with_int8=False, **changes):
    """Manifest and files of a bundle with golden samples; changes go into the manifest."""
    samples, files = golden_samples()
    files |= {"model.onnx": onnx_file or model(), "card.md": b"# Colours\n"}
    if with_int8:
        files["model-int8.onnx"] = model(gain=INT8_GAIN)
        changes = {"int8": int8(), **changes}
    return manifest(**{"golden": samples, **changes}), files


def int8(**changes):
    """What a manifest says of an int8 model that answers with `INT8_GAIN`, with some fields replaced."""
    figures = {"largest_score_difference": 0.02, "verdict_flips": 1, "auroc": 0.95, "auroc_int8": 0.949}
    fields = {
        "agreement": (Agreement(part="calibrate", images=120, **figures),),
        "golden": golden_samples(INT8_GAIN)[0],
        "tolerance": 2e-3,
    }
    return Int8(**{**fields, **changes})


def write_bundle(folder: Path, onnx_file=None, **changes) -> Path:
    """Writes a whole bundle and returns its folder."""
    return bundle.write(folder, *contents(onnx_file, **changes))


def frame_of(colour, height=SIDE, width=SIDE):
    """A frame of one RGB colour."""
    return np.full((height, width, 3), colour, np.uint8)
