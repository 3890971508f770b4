"""Tiny bundles, made on the spot: a model whose score per class is a sigmoid of one colour channel's mean brightness.

A red frame is therefore a sure case of `red`, and a black one is good. The maps are the channels, averaged over tiles.

`local_model()` and its bundles say where: a cell of a frame (`TILE` pixels wide) that is bright in one channel, or
differs in it from the template, is a defect of that type.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from sightline import bundle, image
from sightline.bundle.manifest import Agreement, Data, Golden, Int8, Locate, Manifest, Parity, Provenance, Templates
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


def local_model(*, boxed=False, pair=False, height=SIDE, width=SIDE, boxes=20, cell=TILE):
    """The bytes of an ONNX file that says where: maps of cells, and boxes (the surest cells) if they are wanted."""
    rows, columns = height // cell, width // cell
    constants = {
        "scale": np.float32(1 / 255),
        "middle": np.float32(0.5),
        "gain": np.float32(GAIN),
        "flat": np.array([0, -1], np.int64),
        "most": np.array([boxes], np.int64),
        "last": np.array([-1], np.int64),
        "cells": np.int64(rows * columns),
        "columns": np.int64(columns),
        "cell": np.float32(cell),
    }
    names, nodes = ["image"] + ["template"] * pair, []
    for name in names:
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_float", "scale"], [f"{name}_unit"]),
        ]
    if pair:
        nodes += [
            helper.make_node("Sub", ["image_unit", "template_unit"], ["change"]),
            helper.make_node("Abs", ["change"], ["shown"]),
        ]
    nodes += [
        helper.make_node("Transpose", ["shown" if pair else "image_unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["means"], kernel_shape=[cell, cell], strides=[cell, cell]),
        helper.make_node("Sub", ["means", "middle"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["logits"]),
        helper.make_node("Sigmoid", ["logits"], ["maps"]),
        helper.make_node("GlobalMaxPool", ["maps"], ["peaks"]),
        helper.make_node("Reshape", ["peaks", "flat"], ["scores"]),
    ]
    outputs = {"scores": ["batch", 3], "maps": ["batch", 3, rows, columns]}
    if boxed:
        nodes += _box_nodes()
        outputs["boxes"] = ["batch", boxes, 6]
    graph = helper.make_graph(
        nodes,
        "places",
        [helper.make_tensor_value_info(name, TensorProto.UINT8, ["batch", height, width, 3]) for name in names],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in constants.items()
            if any(name in node.input for node in nodes)
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


def _box_nodes():
    """From the maps the surest cells of all types, as x1, y1, x2, y2, score, class."""

    def node(kind, inputs, output, **settings):
        return helper.make_node(kind, inputs, [output], **settings)

    floats = {"to": TensorProto.FLOAT}
    return [
        node("Reshape", ["maps", "flat"], "listed"),
        helper.make_node("TopK", ["listed", "most"], ["best", "at"]),
        node("Div", ["at", "cells"], "type"),
        node("Mod", ["at", "cells"], "within"),
        node("Div", ["within", "columns"], "row"),
        node("Mod", ["within", "columns"], "column"),
        *(node("Cast", [name], f"{name}_float", **floats) for name in ("type", "row", "column")),
        node("Mul", ["column_float", "cell"], "x1"),
        node("Mul", ["row_float", "cell"], "y1"),
        node("Add", ["x1", "cell"], "x2"),
        node("Add", ["y1", "cell"], "y2"),
        *(node("Unsqueeze", [n, "last"], f"{n}_in") for n in ("x1", "y1", "x2", "y2", "best", "type_float")),
        node("Concat", [f"{n}_in" for n in ("x1", "y1", "x2", "y2", "best", "type_float")], "boxes", axis=2),
    ]


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


def local_contents(*, boxed=False, pair=False, variants=None, cell=TILE, **changes):
    """Manifest and files of a bundle that locates; `variants` are pictures of templates, by name."""
    spec = changes.get("input", Preprocess(height=SIDE, width=SIDE))
    model_file = local_model(boxed=boxed, pair=pair, height=spec.height, width=spec.width, cell=cell)
    files = {"model.onnx": model_file, "card.md": b"# Places\n"}
    held = {name: f"templates/{name}.png" for name in variants or {}}
    files |= {held[name]: image.png(picture) for name, picture in (variants or {}).items()}
    peaks = dict.fromkeys(CLASSES, 0.4)
    fields = {
        "name": "places",
        "method": "detect" if boxed else "compare" if pair else "segment",
        "locate": Locate(by="boxes", peaks=peaks)
        if boxed
        else Locate(by="regions", peaks=peaks, edges=dict.fromkeys(CLASSES, 0.2)),
        "templates": Templates(compared=True, choose="name", variants=held) if pair else None,
    }
    if spec.tiles is None and spec.align is None:
        fields["golden"], golden = _local_golden(model_file, (spec.height, spec.width), pair=pair)
        files |= golden
    return manifest(**{**fields, **changes}), files


def _local_golden(model_file, size, *, pair):
    """Two golden samples, one with a red spot, and of a pair each with its own template; and their files."""
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
    samples, files = [], {}
    for number, spots in enumerate(((), ((20, 30, (255, 0, 0)),)), start=1):
        frame, plain = spotted(size, spots), spotted(size)
        plain[0, 0] += 1  # for a frame is not compared with itself
        given = {"image": frame[None]} | ({"template": plain[None]} if pair else {})
        scores = tuple(float(score) for score in session.run(["scores"], given)[0][0])
        name, beside = f"golden/{number:03d}.png", f"golden/{number:03d}-template.png"
        files |= {name: image.png(frame)} | ({beside: image.png(plain)} if pair else {})
        samples.append(Golden(file=name, scores=scores, template=beside if pair else None))
    return tuple(samples), files


def spotted(size, spots=(), side=16, ground=40):
    """A grey frame (H, W, 3) with square spots: top, left, colour."""
    frame = np.full((*size, 3), ground, np.uint8)
    for top, left, colour in spots:
        frame[top : top + side, left : left + side] = colour
    return frame


def write_local_bundle(folder: Path, **changes) -> Path:
    """Writes a bundle that locates and returns its folder."""
    return bundle.write(folder, *local_contents(**changes))


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
