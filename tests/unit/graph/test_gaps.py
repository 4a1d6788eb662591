"""Shapes that onnx's own inference leaves open, or gets wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from archlint.graph.build import build_graph

FEATURES = np.ones((2, 4, 3, 5), np.float32)
SCALE = np.ones(4, np.float32)
CASES: dict[str, tuple[int, str, list[np.ndarray], dict[str, Any]]] = {
    "group normalization": (21, "GroupNormalization", [FEATURES, SCALE, SCALE], {"num_groups": 2}),
    "mean and variance": (13, "MeanVarianceNormalization", [FEATURES], {}),
    "at least": (13, "GreaterOrEqual", [FEATURES, np.ones((3, 1), np.float32)], {}),
    "at most": (13, "LessOrEqual", [np.ones((7, 1, 1, 1, 1), np.float32), FEATURES], {}),
    "one hot": (
        13,
        "OneHot",
        [np.ones((2, 3), np.int64), np.int64(6), np.zeros(2, np.float32)],
        {"axis": 1},
    ),
    "one-sided by default": (
        17,
        "STFT",
        [np.ones((1, 128, 1), np.float32), np.int64(8), np.ones(16, np.float32)],
        {},
    ),
    "two-sided": (
        17,
        "STFT",
        [np.ones((1, 128, 1), np.float32), np.int64(8), np.ones(16, np.float32)],
        {"onesided": 0},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_shape_is_what_onnxruntime_makes(name: str) -> None:
    opset, op, given, attributes = CASES[name]
    names = [f"i{slot}" for slot in range(len(given))]
    kind = TensorProto.INT64 if given[0].dtype == np.int64 else TensorProto.FLOAT
    stored = [
        numpy_helper.from_array(np.asarray(array), name)
        for array, name in zip(given[1:], names[1:], strict=True)
    ]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **attributes)],
        "g",
        [helper.make_tensor_value_info("i0", kind, given[0].shape)],
        [onnx.ValueInfoProto(name="y")],
        stored,
    )
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (made,) = session.run(None, {"i0": given[0]})

    assert build_graph(model).values["y"].sizes == made.shape
